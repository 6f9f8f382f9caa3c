import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSlmError } from '../errors.ts';
import { float32, type Model } from '../model.ts';
import { createRng } from '../rng.ts';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import { readModel, writeModel } from './files.ts';
import { encodeMessage, type Message } from './message.ts';

const goldens = new URL('../../goldens/', import.meta.url);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'slm-onnx-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function withInitializer(tensor: Message): Uint8Array {
  const graph = { initializer: [{ name: 'w', data_type: 1, dims: [2], ...tensor }] };
  return encodeMessage('ModelProto', { ir_version: 8, graph });
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (!isSlmError(error)) throw error;
    return error.code;
  }
}

describe('malformed bytes are ONNX_CORRUPT', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing at all', new Uint8Array(), /expected a graph/],
    ['text', new TextEncoder().encode('<!doctype html><p>not found'), /model: expected a serialized ONNX model/],
    ['a length beyond the end', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07), /bytes that are none/],
    [
      'a packed length beyond the end',
      Uint8Array.of(0x3a, 8, 0x2a, 6, 0x22, 0xff, 0xff, 0xff, 0xff, 7),
      /bytes that are none/,
    ],
    ['a name that is not UTF-8', Uint8Array.of(0x12, 2, 0xff, 0xfe), /bytes that are none/],
    [
      'an unknown element type',
      withInitializer({ data_type: 99 }),
      /initializer "w": expected a known element type, got data_type 99/,
    ],
    [
      'too few bytes',
      withInitializer({ raw_data: new Uint8Array(4) }),
      /expected 2 stored values for float32\[2\], got 1/,
    ],
    ['a part of an element', withInitializer({ raw_data: new Uint8Array(7) }), /expected a multiple of 4 bytes, got 7/],
    ['no data', withInitializer({ dims: [1e9] }), /expected 1000000000 stored values/],
    ['a negative size', withInitializer({ dims: [-1] }), /expected a non-negative size, got -1/],
    ['an astronomic shape', withInitializer({ dims: Array(9).fill(1e9) }), /at most 2\^53 elements/],
    [
      'data in a foreign field',
      withInitializer({ int32_data: [1, 2], raw_data: new Uint8Array(8) }),
      /expected data in float_data, got int32_data/,
    ],
    [
      'external data without a folder',
      withInitializer({ data_location: 1, external_data: [{ key: 'location', value: 'x' }] }),
      /use readModel/,
    ],
  ])('%s', (_, bytes, message) => {
    expect(() => decodeModel(bytes)).toThrow(message);
    expect(codeOf(() => decodeModel(bytes))).toBe('ONNX_CORRUPT');
  });

  it('initializers and attributes of the same name', () => {
    const twice = [
      { name: 'a', data_type: 1 },
      { name: 'a', data_type: 1 },
    ].map((tensor) => ({ ...tensor, dims: [0] }));
    expect(codeOf(() => decodeModel(encodeMessage('ModelProto', { graph: { initializer: twice } })))).toBe(
      'ONNX_CORRUPT',
    );
    const node = [
      {
        op_type: 'Op',
        attribute: [
          { name: 'a', type: 1 },
          { name: 'a', type: 1 },
        ],
      },
    ];
    expect(codeOf(() => decodeModel(encodeMessage('ModelProto', { graph: { node } })))).toBe('ONNX_CORRUPT');
  });

  it('nesting deeper than 100 messages', () => {
    let bytes = Uint8Array.of();
    const wrap = (tag: number) => {
      const length = [(bytes.length & 0x7f) | 0x80, ((bytes.length >> 7) & 0x7f) | 0x80, bytes.length >> 14];
      bytes = Uint8Array.of(tag, ...length, ...bytes);
    };
    for (let depth = 0; depth < 2000; depth++) wrap([0x32, 0x2a, 0x0a][depth % 3]!);
    wrap(0x3a);
    expect(codeOf(() => decodeModel(bytes))).toBe('ONNX_CORRUPT');
  });

  it('flipped bytes and cut-off files give a model or ONNX_CORRUPT, never another error', async () => {
    const whole = new Uint8Array(await readFile(new URL('operators.onnx', goldens)));
    const rng = createRng(11);
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 2000; round++) {
      const bytes = whole.slice(0, round % 3 === 0 ? rng.integer(whole.length) : whole.length);
      for (let flips = round % 3 === 0 ? 0 : 1 + rng.integer(4); flips > 0; flips--)
        bytes[rng.integer(bytes.length)] = rng.integer(256);
      const code = codeOf(() => decodeModel(bytes));
      expect([undefined, 'ONNX_CORRUPT']).toContain(code);
      outcomes[code === undefined ? 'read' : 'refused']++;
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(700);
  });
});

describe('values the format cannot hold are ONNX_INVALID', () => {
  const graph = { name: '', inputs: [], outputs: [], nodes: [], initializers: new Map(), types: new Map() };
  const model: Model = { irVersion: 8, opsets: {}, graph, metadata: {} };
  it.each<[string, Model, RegExp]>([
    ['a fraction', { ...model, modelVersion: 0.5 }, /model version: expected an integer, got 0.5/],
    ['an unsafe number', { ...model, modelVersion: 2 ** 60 }, /use a BigInt/],
    ['65 bits', { ...model, modelVersion: 2n ** 63n }, /an integer of 64 bits/],
    [
      'a short tensor',
      { ...model, graph: { ...graph, initializers: new Map([['w', float32([1], [2])]]) } },
      /initializer "w": expected 2 stored values/,
    ],
  ])('%s', (_, value, message) => {
    expect(() => encodeModel(value)).toThrow(message);
    expect(codeOf(() => encodeModel(value))).toBe('ONNX_INVALID');
  });
});

describe('files', () => {
  const external = (location: string, more: readonly Message[] = []): Uint8Array =>
    withInitializer({ data_location: 1, external_data: [{ key: 'location', value: location }, ...more] });

  it('are written whole and read back equal', async () => {
    const model = await readModel(path.join(new URL('bert.onnx', goldens).pathname));
    const file = path.join(folder, 'model.onnx');
    await writeModel(file, model);
    await writeModel(file, model);
    expect(await readModel(file)).toEqual(model);
    expect(await readdir(folder)).toEqual(['model.onnx']);
  });

  it('that are missing or corrupt are named', async () => {
    const missing = path.join(folder, 'none.onnx');
    await expect(readModel(missing)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: `${missing}: expected an ONNX model, got no such file`,
    });
    await expect(readModel(folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    const corrupt = path.join(folder, 'corrupt.onnx');
    await writeFile(corrupt, withInitializer({ raw_data: new Uint8Array(3) }));
    await expect(readModel(corrupt)).rejects.toMatchObject({
      code: 'ONNX_CORRUPT',
      message: expect.stringContaining(`${corrupt}, graph, initializer "w"`),
    });
    await expect(
      writeModel(path.join(folder, 'no/folder.onnx'), decodeModel(withInitializer({ raw_data: new Uint8Array(8) }))),
    ).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('beside the model hold external data', async () => {
    const file = path.join(folder, 'external.onnx');
    await mkdir(path.join(folder, 'data'));
    await writeFile(path.join(folder, 'data/weights.bin'), new Uint8Array(Float32Array.of(0, 1.5, -2).buffer));
    const range = [
      { key: 'offset', value: '4' },
      { key: 'length', value: '8' },
    ];
    await writeFile(file, external('data/weights.bin', range));
    expect((await readModel(file)).graph.initializers.get('w')).toEqual(float32([1.5, -2]));
    await writeFile(file, external('data/weights.bin', range.slice(0, 1)));
    expect((await readModel(file)).graph.initializers.get('w')).toEqual(float32([1.5, -2]));
  });

  it.each<[string, string, readonly Message[], RegExp]>([
    ['above the folder', '../secret.bin', [], /a path within the model's folder/],
    ['hidden in the middle', 'data/../../secret.bin', [], /a path within the model's folder/],
    ['absolute', '/etc/hostname', [], /a path within the model's folder/],
    ['of another drive', 'C:secret.bin', [], /a path within the model's folder/],
    ['behind a link', 'link.bin', [], /a link that leads out of it/],
    ['nameless', '', [], /a path within the model's folder/],
    ['shorter than its range', 'short.bin', [{ key: 'length', value: '8' }], /at least 8 bytes in "short.bin", got 4/],
    ['of a senseless range', 'short.bin', [{ key: 'offset', value: '-4' }], /a byte count, got "-4"/],
    ['that is a folder', '.', [], /expected a file/],
  ])('external data %s is refused', async (name, location, more, message) => {
    const inner = path.join(folder, `inner-${name.replaceAll(' ', '-')}`);
    await mkdir(inner);
    await writeFile(path.join(folder, 'secret.bin'), new Uint8Array(8));
    await writeFile(path.join(inner, 'short.bin'), new Uint8Array(4));
    await symlink(path.join(folder, 'secret.bin'), path.join(inner, 'link.bin'));
    await writeFile(path.join(inner, 'model.onnx'), external(location, more));
    await expect(readModel(path.join(inner, 'model.onnx'))).rejects.toMatchObject({
      code: 'ONNX_CORRUPT',
      message: expect.stringMatching(message),
    });
  });

  it('of external data that are missing are named', async () => {
    await writeFile(path.join(folder, 'missing.onnx'), external('gone.bin'));
    await expect(readModel(path.join(folder, 'missing.onnx'))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('gone.bin'),
    });
  });
});
