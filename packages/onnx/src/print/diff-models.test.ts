import { expect, test } from 'vitest';
import { createGraphBuilder } from '../builder.ts';
import { float32, type Graph, int64, type Model } from '../model.ts';
import { removeIdentities } from '../passes/remove-identities.ts';
import { shareInitializers } from '../passes/share-initializers.ts';
import { diffModels, printDiff, summarizeDiff } from './diff-models.ts';
import { tensorDistance } from './tensor-distance.ts';

function model(names: { readonly softmax: string; readonly value: string }, axis = -1): Model {
  const g = createGraphBuilder('graph');
  const x = g.input('x', 'float32', ['n', 4]);
  const h = g.op('Mul', [x, g.constant('scale', float32([2, 2, 2, 2]))], {}, { name: 'scaling' });
  const kept = g.op('Identity', [h], {}, { name: 'kept' });
  const s = g.op('Softmax', [kept], { axis }, { name: names.softmax, outputs: [names.value] });
  g.op('Add', [s, g.constant('bias', float32([2, 2, 2, 2]))], {}, { name: 'sum', outputs: ['y'] });
  g.output('y', 'float32', ['n', 4]);
  return g.model({ opset: 17 });
}

test('nodes are matched by name, then by what they do to the same values', () => {
  const before = model({ softmax: 'softmax', value: 's' });
  expect(printDiff(diffModels(before, model({ softmax: 'node_7', value: 'val_7' })))).toBe(
    '= node softmax → node_7\n~ node sum\n    - y = Add(s, bias) · sum\n    + y = Add(val_7, bias) · sum\n',
  );
  const other = diffModels(before, model({ softmax: 'softmax', value: 's' }, 1));
  expect(other).toMatchObject([{ kind: 'changed', what: 'node', name: 'softmax', details: ['axis -1 → 1'] }]);
  expect(printDiff(diffModels(before, model({ softmax: 'node_7', value: 'val_7' }, 1)))).toContain(
    '- node softmax  s = Softmax(kept.out) axis=-1 · softmax\n+ node node_7  val_7 = Softmax(kept.out) axis=1 · node_7\n',
  );
});

test('what a pass did stands where it did it', () => {
  const before = model({ softmax: 'softmax', value: 's' });
  const after = removeIdentities.run(before).model;
  expect(printDiff(diffModels(before, after))).toMatchInlineSnapshot(`
    "- node kept  kept.out = Identity(scaling.out)
    ~ node softmax
        - s = Softmax(kept.out) axis=-1 · softmax
        + s = Softmax(scaling.out) axis=-1 · softmax
    "
  `);
  const shared = shareInitializers.run(before).model;
  const found = diffModels(before, shared);
  expect(summarizeDiff(found)).toBe('initializers 1 removed; nodes 1 changed');
});

test('outputs of other kinds, local functions and the order of nodes count', () => {
  const before = model({ softmax: 'softmax', value: 's' });
  const graph = (change: Partial<Graph>): Model => ({ ...before, graph: { ...before.graph, ...change } });
  const outputs = [{ name: 'y', container: { kind: 'sequence', element: { type: 'float32' } } }] as const;
  expect(printDiff(diffModels(before, graph({ outputs })))).toBe(
    '~ output y\n    - float32[n,4]\n    + sequence(float32[…])\n',
  );
  const local = {
    domain: 'local',
    name: 'f',
    inputs: ['a'],
    outputs: ['b'],
    attributeNames: [],
    attributes: {},
    nodes: [],
    opsets: {},
  };
  expect(diffModels(before, { ...before, functions: [local] })).toEqual([
    { kind: 'added', what: 'function', name: 'local.f', after: '(a) → b, 0 nodes' },
  ]);
  const reordered = diffModels(before, graph({ nodes: before.graph.nodes.toReversed() }));
  expect(summarizeDiff(reordered)).toBe('order of nodes');
  expect(summarizeDiff([])).toBe('');
});

test('tensorDistance: |Δ|, SQNR and the place of the greatest element', () => {
  const a = float32([3, 4, 0, 0], [2, 2]);
  expect(tensorDistance(a, a)).toEqual({ count: 4, maxAbs: 0, meanAbs: 0, sqnr: Infinity, argmaxAgreement: 1 });
  const found = tensorDistance(a, float32([3, 4, 0, 0.5], [2, 2]));
  expect(found).toMatchObject({ maxAbs: 0.5, meanAbs: 0.125, argmaxAgreement: 0.5 });
  expect(found?.sqnr).toBeCloseTo(20, 10);
  expect(tensorDistance(float32([0], [1]), float32([1], [1]))).toEqual({
    count: 1,
    maxAbs: 1,
    meanAbs: 1,
    sqnr: -Infinity,
  });
  expect(tensorDistance(float32([NaN, Infinity]), float32([NaN, Infinity]))?.maxAbs).toBe(0);
  expect(tensorDistance(float32([NaN, 1]), float32([1, 9]))?.maxAbs).toBeNaN();
  expect(tensorDistance(int64([1, 2]), float32([1, 2]))?.sqnr).toBe(Infinity);
  expect(tensorDistance(a, float32([1]))).toBeUndefined();
});
