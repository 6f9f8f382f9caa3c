import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUp, createGraphBuilder, type Dim, float32, type Model, writeModel } from '@slm-compress/onnx';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diffText } from '../src/diff-text.ts';
import { numericDiff } from '../src/numeric-diff.ts';
import { randomFeeds } from '../src/random-feeds.ts';
import { slmCompress } from './command.ts';
import { tinyClassifier } from './models.ts';

/** The classifier with one weight of its second layer changed. */
function moved(): Model {
  const model = tinyClassifier();
  const weight = model.graph.initializers.get('layer.1/weight')!;
  const data = Float32Array.from(weight.data as Float32Array);
  data[0]! += 0.5;
  const initializers = new Map([...model.graph.initializers, ['layer.1/weight', float32(data, weight.dims)] as const]);
  return { ...model, graph: { ...model.graph, initializers } };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slm-diff-'));
  await writeModel(join(folder, 'a.onnx'), tinyClassifier());
  await writeModel(join(folder, 'clean.onnx'), cleanUp().run(tinyClassifier()).model);
  await writeModel(join(folder, 'moved.onnx'), moved());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const diff = (...args: readonly string[]) => slmCompress(['diff', ...args], { cwd: folder });

test('diff: exit code 0 for equal graphs, 1 for others', async () => {
  expect(await diff('a.onnx', 'a.onnx')).toMatchObject({ code: 0, stdout: 'no differences\n', stderr: '' });
  const { code, stdout } = await diff('a.onnx', 'moved.onnx');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^~ initializer layer.1\/weight {2}max \|Δ\| 0\.5, SQNR \d+\.\d dB$/m);
  expect(stdout).toContain('\ninitializers 1 changed\n');
});

test('diff --numeric: the results count', async () => {
  const { code, stdout } = await diff('a.onnx', 'clean.onnx', '--numeric', '--dims', 'batch=2,sequence=5');
  expect(code).toBe(0);
  expect(stdout).toContain('nodes 2 removed');
  expect(stdout).toMatch(/^logits \(output\) +0 +0 +∞ +100.0 %\nat batch 2, sequence 5, seed 42: all equal$/m);
});

test('diff --values --json: where two graphs part', async () => {
  const { code, stdout } = await diff('a.onnx', 'moved.onnx', '--values', '--json');
  expect(code).toBe(1);
  const { equal, differences, numeric } = JSON.parse(stdout);
  expect(equal).toBe(false);
  expect(differences).toMatchObject([{ kind: 'changed', what: 'initializer', name: 'layer.1/weight' }]);
  expect(numeric.dims).toEqual({ batch: 1, sequence: 128 });
  const parted = numeric.values.find((value: { equal: boolean }) => !value.equal);
  expect(parted.name).toBe('layer.1/MatMul.out');
  expect(parted.distance.maxAbs).toBeGreaterThan(0);
});

test('diff of what cannot be compared: exit code 2', async () => {
  const { code, stdout, stderr } = await diff('a.onnx', 'none.onnx');
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain('error FILE_NOT_FOUND: none.onnx');
});

function tables(rows: number, dims: readonly Dim[] = ['n']): Model {
  const g = createGraphBuilder('tables');
  const flat = g.op('Reshape', [
    g.input('ids', 'int64', dims),
    g.constant('flat', { type: 'int64', dims: [1], data: BigInt64Array.of(-1n) }),
  ]);
  g.output(
    g.op('Gather', [g.constant('table', float32(new Float32Array(2 * rows), [rows, 2])), flat]),
    'float32',
    undefined,
    'y',
  );
  g.op('Cast', [g.input('attention_mask', 'int64', ['n'])], { to: 1 });
  g.op('Identity', [g.input('position_ids', 'int64', ['n', 3])]);
  g.op('Not', [g.input('flag', 'bool', [])]);
  return g.model({ opset: 17 });
}

test('random inputs stay within tables; masks are ones, positions count; the same seed gives the same', () => {
  const feeds = randomFeeds(tables(3), { n: 50 }, 7);
  const ids = Array.from(feeds.ids!.data as BigInt64Array, Number);
  expect(Math.max(...ids)).toBe(2);
  expect(Math.min(...ids)).toBe(0);
  expect(new Set(feeds.attention_mask!.data as BigInt64Array)).toEqual(new Set([1n]));
  expect(Array.from(feeds.position_ids!.data as BigInt64Array).slice(0, 6)).toEqual([0n, 1n, 2n, 0n, 1n, 2n]);
  expect(feeds.flag).toEqual({ type: 'bool', dims: [], data: Uint8Array.of(1) });
  expect(randomFeeds(tables(3), { n: 50 }, 7)).toEqual(feeds);
  expect(randomFeeds(tables(3), { n: 50 }, 8).ids).not.toEqual(feeds.ids);
});

test('sizes that are not given shrink until the model runs', async () => {
  const g = createGraphBuilder('positions');
  const shape = g.op('Shape', [g.input('x', 'float32', ['batch', 'sequence'])], { start: 1, end: 2 });
  const last = g.op('Sub', [shape, g.constant('one', { type: 'int64', dims: [1], data: BigInt64Array.of(1n) })]);
  g.output(g.op('Gather', [g.constant('table', float32(new Float32Array(24))), last]), 'float32', [1], 'y');
  const model = g.model({ opset: 17 });
  expect(await numericDiff(model, model)).toMatchObject({
    dims: { batch: 1, sequence: 16 },
    values: [{ equal: true }],
  });
  await expect(numericDiff(model, model, { dims: { sequence: 25 } })).rejects.toMatchObject({ code: 'ENGINE_RUN' });
});

test('outputs of other shapes differ; inputs must be the same, and be numbers', async () => {
  const found = await numericDiff(tables(3), tables(3, ['n', 1]), { dims: { n: 2 } }).catch(
    (error: Error) => error.message,
  );
  expect(found).toContain('ids');
  const copy = (name: string, type: 'float32' | 'string', axis: number): Model => {
    const g = createGraphBuilder('copy');
    g.output(
      g.op('Unsqueeze', [
        g.input(name, type, [2]),
        g.constant('axis', { type: 'int64', dims: [1], data: BigInt64Array.of(BigInt(axis)) }),
      ]),
      type,
      undefined,
      'y',
    );
    return g.model({ opset: 17 });
  };
  const shapes = await numericDiff(copy('x', 'float32', 0), copy('x', 'float32', 1));
  expect(shapes.values).toEqual([
    { name: 'y', isOutput: true, shapes: ['float32[1,2]', 'float32[2,1]'], equal: false },
  ]);
  expect(diffText([], shapes)).toContain('float32[1,2] → float32[2,1]');
  await expect(numericDiff(copy('x', 'float32', 0), copy('z', 'float32', 0))).rejects.toThrow(
    'second model, input "z": expected the inputs of the first (x)',
  );
  await expect(numericDiff(copy('x', 'string', 0), copy('x', 'string', 0))).rejects.toThrow(
    'input "x": expected numbers, got string',
  );
});
