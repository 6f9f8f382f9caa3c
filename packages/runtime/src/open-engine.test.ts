import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataType, encodeModel, float32, type Tensor, writeModel } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { affine, encoder, identities } from '../test/models.ts';
import { openEngine } from './open-engine.ts';

const one = float32([1, 2, 3, 4], [1, 4]);

describe('openEngine', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slm-engine-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('a model, its bytes and its file give the same results and signature', async () => {
    const path = join(folder, 'affine.onnx');
    await writeModel(path, affine());
    for (const source of [affine(), encodeModel(affine()), path]) {
      await using engine = await openEngine(source);
      expect(engine.signature).toEqual({
        inputs: [{ name: 'x', type: { type: 'float32', dims: ['batch', 4] } }],
        outputs: [
          { name: 'y', type: { type: 'float32', dims: ['batch', 2] } },
          { name: 'total', type: { type: 'float32', dims: [] } },
        ],
      });
      expect(await engine.run({ x: one })).toEqual({ y: float32([41, 52], [1, 2]), total: float32([93], []) });
    }
  });

  test('only the outputs asked for are computed', async () => {
    await using engine = await openEngine(affine());
    expect(Object.keys(await engine.run({ x: one }, { outputs: ['total'] }))).toEqual(['total']);
  });

  test('every element type passes unchanged, from private and from shared memory', async () => {
    const data: Partial<Record<DataType, Tensor['data']>> = {
      float32: Float32Array.of(-1.5, 2),
      float64: Float64Array.of(Math.PI, -0),
      float16: Uint16Array.of(0x3c00, 0xc000),
      int64: BigInt64Array.of(-(2n ** 62n), 3n),
      uint64: BigUint64Array.of(2n ** 63n, 3n),
      int32: Int32Array.of(-7, 8),
      uint32: Uint32Array.of(2 ** 32 - 1, 8),
      int16: Int16Array.of(-7, 8),
      uint16: Uint16Array.of(65535, 8),
      int8: Int8Array.of(-128, 127),
      uint8: Uint8Array.of(0, 255),
      bool: Uint8Array.of(1, 0),
      string: ['', 'ü𝄞'],
    };
    const types = Object.keys(data) as DataType[];
    await using engine = await openEngine(identities(types));
    const feeds = Object.fromEntries(types.map((type) => [`in_${type}`, { type, dims: [2], data: data[type]! }]));
    const results = await engine.run(feeds);
    for (const type of types) expect(results[`out_${type}`], type).toEqual(feeds[`in_${type}`]);

    const shared = Object.fromEntries(types.map((type) => [`in_${type}`, inSharedMemory(feeds[`in_${type}`]!)]));
    const again = await engine.run(shared);
    for (const type of types) expect(again[`out_${type}`], type).toEqual(feeds[`in_${type}`]);
  });

  test('shared memory may change and shrink between runs', async () => {
    await using engine = await openEngine(affine());
    const x = inSharedMemory(float32([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]));
    expect((await engine.run({ x })).y).toEqual(float32([41, 52, 89, 116], [2, 2]));
    (x.data as Float32Array).fill(0);
    expect((await engine.run({ x })).y).toEqual(float32([1, 2, 1, 2], [2, 2]));
    expect((await engine.run({ x: inSharedMemory(one) })).y).toEqual(float32([41, 52], [1, 2]));
  });

  test('runs that overlap do not see each other’s shared feeds', async () => {
    await using engine = await openEngine(affine());
    const runs = [0, 1, 2, 3].map((value) =>
      engine.run({ x: inSharedMemory(float32([value, value, value, value], [1, 4])) }, { outputs: ['y'] }),
    );
    expect((await Promise.all(runs)).map(({ y }) => Array.from(y!.data as Float32Array))).toEqual([
      [1, 2],
      [13, 18],
      [25, 34],
      [37, 50],
    ]);
  });

  test('a view of a larger buffer is read where it lies', async () => {
    await using engine = await openEngine(affine());
    const wide = Float32Array.of(9, 9, 1, 2, 3, 4, 9);
    expect((await engine.run({ x: float32(wide.subarray(2, 6), [1, 4]) })).y).toEqual(float32([41, 52], [1, 2]));
  });

  test('an empty batch is a batch', async () => {
    await using engine = await openEngine(affine());
    expect((await engine.run({ x: float32([], [0, 4]) })).y).toEqual(float32([], [0, 2]));
  });

  const int32 = (dims: readonly number[]): Tensor => ({ type: 'int32', dims, data: new Int32Array(4) });
  test.each([
    ['missing', {}, 'feeds: expected "x", got none for "x"'],
    ['unknown', { x: one, z: one }, 'feed "z": expected one of "x", got an input the model does not have'],
    ['of another type', { x: int32([1, 4]) }, 'feed "x": expected float32, got int32'],
    [
      'of another storage',
      { x: { ...one, data: [1, 2, 3, 4] } },
      'feed "x": expected Float32Array for float32, got Array',
    ],
    ['of another rank', { x: { ...one, dims: [4] } }, 'feed "x": expected shape [batch, 4], got [4]'],
    ['of another size', { x: { ...one, dims: [4, 1] } }, 'feed "x": expected shape [batch, 4], got [4, 1]'],
    ['short', { x: { ...one, dims: [2, 4] } }, 'feed "x": expected 8 elements for [2, 4], got 4'],
    [
      'of a negative size',
      { x: { ...one, dims: [-1, 4] } },
      'feed "x": expected dimensions that are whole and not negative, got [-1, 4]',
    ],
  ])('a feed %s is an ENGINE_INPUT', async (_, feeds, message) => {
    await using engine = await openEngine(affine());
    await expect(engine.run(feeds as unknown as Record<string, Tensor>)).rejects.toMatchObject({
      code: 'ENGINE_INPUT',
      message,
    });
  });

  test('an unknown output is an ENGINE_INPUT', async () => {
    await using engine = await openEngine(affine());
    await expect(engine.run({ x: one }, { outputs: ['nothing'] })).rejects.toMatchObject({
      code: 'ENGINE_INPUT',
      message: 'outputs: expected some of "y", "total", got "nothing"',
    });
  });

  test('a failing operator is an ENGINE_RUN and the engine goes on', async () => {
    await using engine = await openEngine(
      encoder({ vocabulary: 10, positions: 16, hidden: 8, heads: 2, layers: 1, labels: 2 }),
    );
    const ids = (id: bigint): Record<string, Tensor> => ({
      input_ids: { type: 'int64', dims: [1, 1], data: BigInt64Array.of(id) },
      attention_mask: { type: 'int64', dims: [1, 1], data: BigInt64Array.of(1n) },
    });
    await expect(engine.run(ids(10n))).rejects.toMatchObject({ code: 'ENGINE_RUN' });
    expect((await engine.run(ids(9n))).logits!.dims).toEqual([1, 2]);
  });

  test('an aborted signal is ABORTED with its reason as the cause', async () => {
    await using engine = await openEngine(affine());
    const reason = new Error('enough');
    await expect(engine.run({ x: one }, { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      code: 'ABORTED',
      cause: reason,
    });
  });

  test('closing twice is fine, running afterwards is ENGINE_CLOSED', async () => {
    const engine = await openEngine(affine());
    const running = engine.run({ x: one });
    await Promise.all([engine[Symbol.asyncDispose](), engine[Symbol.asyncDispose]()]);
    expect((await running).y).toEqual(float32([41, 52], [1, 2]));
    await expect(engine.run({ x: one })).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('the optimised graph is written on request', async () => {
    const path = join(folder, 'optimised.onnx');
    await using engine = await openEngine(affine(), { optimizedModelPath: path, optimization: 'basic' });
    expect(engine.signature.inputs).toHaveLength(1);
    await using again = await openEngine(path, { optimization: 'none', intraOpThreads: 2, memoryPattern: false });
    expect((await again.run({ x: one })).y).toEqual(float32([41, 52], [1, 2]));
  });

  test('missing files, folders, foreign and cut files are named', async () => {
    const bytes = encodeModel(affine());
    const write = async (name: string, content: string | Uint8Array) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const none = join(folder, 'none.onnx');
    await expect(openEngine(none)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: `${none}: expected an ONNX file, got ENOENT`,
    });
    await expect(openEngine(folder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    const damaged = {
      'empty.onnx': new Uint8Array(),
      'text.onnx': '<html>not a model</html>',
      'cut.onnx': bytes.subarray(0, bytes.length - 1),
      'more.onnx': Uint8Array.of(...bytes, 0),
    };
    for (const [name, content] of Object.entries(damaged)) {
      const path = await write(name, content);
      const error = await openEngine(path).catch((reason: unknown) => reason);
      expect(error, name).toMatchObject({ code: 'ONNX_CORRUPT', message: expect.stringContaining(path) });
    }
    await expect(openEngine(bytes.subarray(0, 60))).rejects.toMatchObject({ code: 'ONNX_CORRUPT' });
    await expect(openEngine(new Uint8Array())).rejects.toMatchObject({ code: 'ONNX_CORRUPT' });
  });

  test('bytes flipped inside the graph never give anything but a typed error or an engine', async () => {
    const path = join(folder, 'flipped.onnx');
    await writeModel(path, affine());
    const bytes = await readFile(path);
    for (let index = 0; index < bytes.length; index += 7) {
      const flipped = Uint8Array.from(bytes);
      flipped[index] = flipped[index]! ^ 0x55;
      await writeFile(path, flipped);
      const result = await openEngine(path).catch((reason: unknown) => reason);
      if (result instanceof Error)
        expect(result).toMatchObject({ code: expect.stringMatching(/^(ONNX_CORRUPT|ENGINE_OPEN)$/) });
      else await (result as AsyncDisposable)[Symbol.asyncDispose]();
    }
  });

  test('a graph ONNX Runtime does not know is an ENGINE_OPEN', async () => {
    const model = affine();
    const nodes = model.graph.nodes.map((node) => ({ ...node, opType: 'NoSuchOperator' }));
    await expect(openEngine({ ...model, graph: { ...model.graph, nodes } })).rejects.toMatchObject({
      code: 'ENGINE_OPEN',
      message: expect.stringContaining('NoSuchOperator'),
    });
  });
});

function inSharedMemory(tensor: Tensor): Tensor {
  if (Array.isArray(tensor.data)) return tensor;
  const data = tensor.data as Float32Array;
  const copy = new (data.constructor as Float32ArrayConstructor)(
    new SharedArrayBuffer(data.byteLength),
    0,
    data.length,
  );
  copy.set(data);
  return { ...tensor, data: copy };
}
