import { readdirSync, readlinkSync } from 'node:fs';
import { link, mkdir, mkdtemp, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGraphBuilder } from '../builder.ts';
import { checkModel } from '../check/check-model.ts';
import { elementCount, float32, type Model, type Tensor } from '../model.ts';
import { createRng } from '../rng.ts';
import { summarizeModel } from '../summarize-model.ts';
import { inferTypes } from '../types/infer.ts';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import { readModel, writeModel } from './files.ts';
import { RecentData, sourceOf } from './lazy-tensor.ts';

vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  return { ...fs, open: vi.fn(fs.open), rename: vi.fn(fs.rename), link: vi.fn(fs.link), rm: vi.fn(fs.rm) };
});
const real = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises');

let root: string;
let folder: string;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'slm-onnx-'));
});
beforeEach(async () => {
  folder = path.join(root, String(count++));
  await mkdir(folder);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A model of a large, a small and a nested large initializer, each filled by the seed. */
function sample(seed: number): Model {
  const rng = createRng(seed);
  const random = (dims: readonly number[]) =>
    float32(
      Array.from({ length: elementCount(dims) }, () => rng.normal()),
      dims,
    );
  const inner = createGraphBuilder('inner');
  inner.output(inner.op('Neg', [inner.constant('deep', random([400]))]), 'float32', [400]);
  const g = createGraphBuilder('outer');
  const x = g.input('x', 'bool', []);
  const branch = { kind: 'graph', value: inner.graph() } as const;
  g.output(g.op('If', [x], { then_branch: branch, else_branch: branch }, { name: 'choose' }), 'float32', [400]);
  g.output(g.op('MatMul', [g.constant('w', random([30, 40])), g.constant('v', random([40, 1]))]), 'float32', [30, 1]);
  return g.model({ opset: 17, metadata: { seed: String(seed) } });
}

/** The file behind a descriptor of this process. */
function targetOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

const weight = (model: Model): Tensor => model.graph.initializers.get('w')!;
const file = (name = 'm.onnx') => path.join(folder, name);

describe('a model with a data file', () => {
  it('is written aligned, the same each time, and read back equal', async () => {
    const model = sample(1);
    await writeModel(file(), model, { externalData: {} });
    const first = [await readFile(file()), await readFile(file('m.onnx_data'))];
    await writeModel(file(), model, { externalData: {}, sync: false });
    expect([await readFile(file()), await readFile(file('m.onnx_data'))]).toEqual(first);
    expect((await readdir(folder)).sort()).toEqual(['m.onnx', 'm.onnx_data']);
    expect(first[0]!.length).toBeLessThan(1200);
    // Both branches, then w, whose 4800 bytes take two pages; v is too small.
    expect(first[1]!.length).toBe(2 * 4096 + 30 * 40 * 4);
    expect(first[1]!.subarray(8192, 8192 + 4800)).toEqual(Buffer.from((weight(model).data as Float32Array).buffer));
    expect(first[1]!.subarray(1600, 4096)).toEqual(Buffer.alloc(4096 - 1600));
    const read = await readModel(file());
    checkModel(read);
    expect(sourceOf(weight(read))).toMatchObject({ length: 4800 });
    expect(read).toEqual(model);
    expect(encodeModel(read)).toEqual(encodeModel(model));
  });

  it('takes threshold, file name and alignment', async () => {
    await writeModel(file(), sample(2), { externalData: { threshold: 1, file: 'weights.bin', align: 64 } });
    expect((await readdir(folder)).sort()).toEqual(['m.onnx', 'weights.bin']);
    expect(await readModel(file())).toEqual(sample(2));
    await writeModel(file(), sample(3), { externalData: { threshold: 1e6 } });
    expect((await readdir(folder)).sort()).toEqual(['m.onnx', 'weights.bin']);
    expect(decodeModel(await readFile(file()))).toEqual(sample(3));
  });

  it.each([
    [
      'file',
      { file: '../up' },
      /^writeModel, externalData.file: expected a file name other than the model's, got "..\/up"$/,
    ],
    ['file', { file: 'm.onnx' }, /got "m.onnx"/],
    ['threshold', { threshold: -1 }, /externalData.threshold: expected bytes, at least 0, got -1/],
    ['align', { align: 0 }, /externalData.align: expected 1 to 2\^30 bytes, got 0/],
  ])('refuses a senseless %s', async (_, externalData, message) => {
    await expect(writeModel(file(), sample(1), { externalData })).rejects.toMatchObject({
      code: 'ONNX_INVALID',
      message: expect.stringMatching(message),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('needs a folder', async () => {
    await expect(writeModel(file('none/m.onnx'), sample(1), { externalData: {} })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });

  it('can be written over itself, also over the data that it has not read yet', async () => {
    await writeModel(file(), sample(1), { externalData: {} });
    const model = await readModel(file());
    await writeModel(file(), { ...model, producerName: 'again' }, { externalData: { align: 1 } });
    expect(await readModel(file())).toEqual({ ...sample(1), producerName: 'again' });
    expect(model).toEqual(sample(1));
  });

  it('without hard links copies', async () => {
    await writeModel(file(), sample(1), { externalData: {} });
    vi.mocked(link).mockRejectedValueOnce(Object.assign(new Error('no'), { code: 'EPERM' }));
    await writeModel(file(), sample(2), { externalData: {} });
    expect(await readModel(file())).toEqual(sample(2));
    expect((await readdir(folder)).sort()).toEqual(['m.onnx', 'm.onnx_data']);
  });

  it('is the old one or the new one wherever writing ends', async () => {
    const [before, after] = [sample(1), sample(2)];
    const steps = [open, rename, link, rm].map((step) => vi.mocked(step));
    const originals = [real.open, real.rename, real.link, real.rm];
    let stops = 0;
    for (let stop = 1, finished = false; !finished; stop++) {
      await writeModel(file(), before, { externalData: {}, sync: false });
      let made = 0;
      let checking = false;
      for (const [i, step] of steps.entries()) {
        step.mockImplementation((async (...args: never[]) => {
          if (checking) return (originals[i] as (...args: never[]) => unknown)(...args);
          checking = true;
          const onDisk = await readModel(file());
          expect([before, after]).toContainEqual(onDisk);
          checking = false;
          if (++made >= stop) throw new Error('power cut');
          return (originals[i] as (...args: never[]) => unknown)(...args);
        }) as never);
      }
      finished = await writeModel(file(), after, { externalData: {}, sync: false }).then(
        () => true,
        (error: Error) => {
          expect(error.message).toBe('power cut');
          return false;
        },
      );
      for (const [i, step] of steps.entries()) step.mockImplementation(originals[i] as never);
      const left = await readModel(file());
      expect([before, after]).toContainEqual(left);
      if (finished) expect(left).toEqual(after);
      else stops++;
    }
    // Three files are opened, one is linked, three get their names, one is removed.
    expect(stops).toBe(8);
  });
});

describe('data that is read when it is needed', () => {
  it('is that of the files as they were when the model was opened', async () => {
    await writeModel(file(), sample(1), { externalData: {} });
    const model = await readModel(file());
    await writeFile(file('other'), new Uint8Array(1e5));
    await rename(file('other'), file('m.onnx_data'));
    expect(model).toEqual(sample(1));
  });

  it('survives spreading and structured clones', async () => {
    await writeModel(file(), sample(1), { externalData: {} });
    const model = await readModel(file());
    expect(structuredClone(model)).toEqual(sample(1));
    const renamed = { ...weight(model), name: 'x' };
    expect(renamed).toEqual({ ...weight(sample(1)), name: 'x' });
    expect(sourceOf(renamed)).toBeUndefined();
  });

  it('must still be there', async () => {
    await writeModel(file(), sample(1), { externalData: {} });
    const model = await readModel(file());
    await truncate(file('m.onnx_data'), 8200);
    expect(() => weight(model).data).toThrow(
      expect.objectContaining({
        code: 'FILE_UNREADABLE',
        message: `${file('m.onnx_data')}: expected 4800 bytes from byte 8192 on, got 8 (the file was cut after the model had been opened)`,
      }),
    );
    await expect(readModel(file())).rejects.toMatchObject({
      code: 'ONNX_CORRUPT',
      message: `${file()}, graph, initializer "w" external_data: expected at least 12992 bytes in "m.onnx_data", got 8200`,
    });
  });

  it('is not read by what needs no weights', async () => {
    await writeModel(file(), sample(1), { externalData: {} });
    const model = await readModel(file());
    await truncate(file('m.onnx_data'), 8200);
    checkModel(model);
    expect(inferTypes(model).graph.types.size).toBeGreaterThan(0);
    expect(summarizeModel(model).bytes).toBe(4 * (400 + 400 + 1200 + 40));
  });

  it.runIf(process.platform === 'linux')('is no longer held open once nobody can ask for it', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const opened = () => readdirSync('/proc/self/fd').filter((name) => targetOf(name) === file('m.onnx_data')).length;
    await writeModel(file(), sample(1), { externalData: {} });
    const models = [await readModel(file()), await readModel(file())];
    expect(opened()).toBe(2);
    models.length = 0;
    for (let tries = 0; opened() > 0 && tries < 100; tries++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(opened()).toBe(0);
    await truncate(file('m.onnx_data'), 10);
    for (let i = 0; i < 5; i++) await expect(readModel(file())).rejects.toThrow();
    expect(opened()).toBe(0);
  });

  it('is kept while it is recent, and always the last two tensors', () => {
    const recent = new RecentData();
    const reads: string[] = [];
    const made = new Map<string, { length: number; read(): void }>();
    const look = (name: string, megabytes: number) => {
      const source = made.get(name) ?? { length: megabytes * 2 ** 20, read() {} };
      made.set(name, source);
      recent.get(source, () => {
        reads.push(name);
        return new Uint8Array(source.length);
      });
    };
    for (const name of 'abab') look(name, 100);
    expect(reads.join('')).toBe('ab');
    for (const name of 'cdecde') look(name, 20);
    expect(reads.join('')).toBe('abcde');
    look('c', 20);
    look('f', 20);
    look('c', 20);
    look('d', 20);
    expect(reads.join('')).toBe('abcdefd');
  });
});

it('external data of another length than its shape, or beside values, is refused', async () => {
  await writeModel(file(), sample(1), { externalData: { file: 'd' } });
  const whole = await readFile(file());
  const patched = (from: string, to: string) => {
    const at = whole.indexOf(from);
    return Buffer.concat([whole.subarray(0, at), Buffer.from(to), whole.subarray(at + from.length)]);
  };
  await writeFile(file('short.onnx'), patched('4800', '4796'));
  await expect(readModel(file('short.onnx'))).rejects.toMatchObject({
    code: 'ONNX_CORRUPT',
    message: expect.stringContaining('initializer "w" external_data: expected a length of 4800 bytes, got 4796'),
  });
});
