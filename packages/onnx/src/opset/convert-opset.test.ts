import { describe, expect, test } from 'vitest';
import { createGraphBuilder, float, type ModelOptions } from '../builder.ts';
import { checkModel } from '../check/check-model.ts';
import { newestOpset } from '../check/signatures.ts';
import { float32, type Graph, type LocalFunction, type Model, type Node } from '../model.ts';
import { printGraph } from '../print/print-graph.ts';
import { evaluateReference } from '../reference/open-reference.ts';
import { convertOpset } from './convert-opset.ts';
import { irVersionOf } from './ir-version.ts';

const x = float32([-3, -1, 0, 1, 2, 3], [2, 3]);

/** Sums the rows of x and squeezes them. */
function rowSums(options: Partial<ModelOptions> = {}): Model {
  const g = createGraphBuilder('rows');
  const sums = g.op('ReduceSum', [g.input('x', 'float32', [2, 3])], { axes: [1] }, { name: 'sums', outputs: ['sums'] });
  g.op('Squeeze', [sums], { axes: [1] }, { name: 'squeeze', outputs: ['y'] });
  g.output('y', 'float32', [2]);
  return g.model({ opset: 11, irVersion: 6, ...options });
}

const outputOf = (model: Model) => evaluateReference(model, { x });

test('attributes that became inputs are initializers named after their node; findings say what was converted', () => {
  const model = rowSums();
  const { model: converted, findings } = convertOpset(13).run(model);
  checkModel(converted);
  expect(printGraph(converted.graph)).toMatchInlineSnapshot(`
    "graph rows
    inputs
      x  float32[2,3]
    outputs
      y  float32[2]
    initializers: 2, 16 B
      sums/axes     int64[1]  1
      squeeze/axes  int64[1]  1
    nodes: 2
      sums  float32[2,1]  = ReduceSum(x, sums/axes)
      y     float32[2]    = Squeeze(sums, squeeze/axes) · squeeze
    "
  `);
  expect(findings).toMatchInlineSnapshot(`
    [
      {
        "kind": "patched",
        "message": "ReduceSum took on the form of opset 13",
        "where": "sums",
      },
      {
        "kind": "patched",
        "message": "Squeeze took on the form of opset 13",
        "where": "squeeze",
      },
      {
        "kind": "patched",
        "message": "opset 11 became 13, IR version 6 became 7",
        "where": "rows",
      },
    ]
  `);
  expect(outputOf(converted)).toEqual(outputOf(model));
  expect(convertOpset(13).run(converted)).toEqual({ model: converted, findings: [] });
});

test('a model of this opset, and one without operators of ai.onnx, stay the same object', () => {
  const model = rowSums();
  expect(convertOpset(11).run(model)).toEqual({ model, findings: [] });
  expect(convertOpset(11).run(model).model).toBe(model);
  const other: Model = { ...model, opsets: { 'ai.onnx.ml': 3 }, graph: { ...model.graph, nodes: [] } };
  expect(convertOpset(21).run(other).model).toBe(other);
});

test('the domain may be written by its name, and versions of other domains stay', () => {
  const model = rowSums();
  const named: Model = {
    ...model,
    opsets: { 'ai.onnx': 11, 'com.microsoft': 1 },
    graph: {
      ...model.graph,
      nodes: [
        { ...model.graph.nodes[0]!, domain: 'ai.onnx' },
        { ...model.graph.nodes[1]!, inputs: ['gelu'] },
        {
          ...model.graph.nodes[0]!,
          name: 'gelu',
          domain: 'com.microsoft',
          opType: 'Gelu',
          inputs: ['sums'],
          outputs: ['gelu'],
          attributes: {},
        },
      ].sort((a, b) => ['sums', 'gelu', 'squeeze'].indexOf(a.name) - ['sums', 'gelu', 'squeeze'].indexOf(b.name)),
    },
  };
  const { model: converted } = convertOpset(13).run(named);
  checkModel(converted);
  expect(converted.opsets).toEqual({ 'ai.onnx': 13, 'com.microsoft': 1 });
  expect(converted.graph.nodes[1]).toBe(named.graph.nodes[1]);
  expect(outputOf(converted)).toEqual(outputOf(named));
});

test.each([
  [8, 3],
  [9, 4],
  [13, 7],
  [18, 8],
  [21, 10],
  [newestOpset, 14],
])('opset %i needs IR version %i', (opset, irVersion) => {
  expect(irVersionOf(opset)).toBe(irVersion);
  const early = rowSums({ opset: 7, irVersion: 3 });
  expect(convertOpset(opset).run(early).model.irVersion).toBe(irVersion);
  expect(convertOpset(opset).run({ ...early, irVersion: 15 }).model.irVersion).toBe(15);
});

test('up to IR version 3, where initializers are inputs, constants are nodes', () => {
  const g = createGraphBuilder('clip');
  g.op('Reshape', [g.input('x', 'float32', [2, 3])], { shape: [3, 2] }, { name: 'reshape', outputs: ['y'] });
  g.output('y', 'float32', [3, 2]);
  const model = g.model({ opset: 4, irVersion: 3 });
  const { graph } = convertOpset(8).run(model).model;
  expect(graph.initializers.size).toBe(0);
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Constant', 'Reshape']);
});

describe('subgraphs', () => {
  test('are converted too, with their own constants', () => {
    const branch = (name: string, axes: readonly number[]): Graph => {
      const b = createGraphBuilder(name);
      const sum = b.op('ReduceSum', ['x'], { axes, keepdims: 0 }, { name, outputs: [`${name}.sum`] });
      return { ...b.graph(), outputs: [{ name: sum }] };
    };
    const g = createGraphBuilder('branches');
    g.input('x', 'float32', [2, 3]);
    const condition = g.input('c', 'bool', []);
    const [then_branch, else_branch] = [branch('rows', [1]), branch('columns', [0])];
    g.op('If', [condition], { then_branch, else_branch }, { name: 'if', outputs: ['y'] });
    g.output('y', 'float32', [undefined]);
    const model = g.model({ opset: 11, irVersion: 6 });
    const { model: converted } = convertOpset().run(model);
    checkModel(converted);
    const inner = converted.graph.nodes[0]!.attributes.then_branch;
    expect(inner?.kind === 'graph' && [...inner.value.initializers.keys()]).toEqual(['rows/axes']);
    for (const value of [0, 1]) {
      const c = { type: 'bool', dims: [], data: Uint8Array.of(value) } as const;
      expect(evaluateReference(converted, { x, c })).toEqual(evaluateReference(model, { x, c }));
    }
  });

  test('a Scan of opset 8 over a batch is one over its elements', () => {
    const b = createGraphBuilder('step');
    const sum = b.op('Add', [b.input('s', 'float32', [2]), b.input('e', 'float32', [2])], {}, { outputs: ['sum'] });
    const each = b.op('Identity', [sum], {}, { outputs: ['each'] });
    b.output(sum, 'float32', [2]);
    b.output(each, 'float32', [2]);
    const body: Graph = b.graph();
    const g = createGraphBuilder('scan');
    const state = g.input('state', 'float32', [2, 2]);
    const sequence = g.input('sequence', 'float32', [2, 3, 2]);
    const attributes = { body, num_scan_inputs: 1, directions: [1] };
    for (const name of g.ops('Scan', ['', state, sequence], attributes, { outputs: 2 })) g.output(name, 'float32', []);
    const { graph, ...rest } = g.model({ opset: 8, irVersion: 3 });
    const model: Model = { ...rest, graph: { ...graph, outputs: graph.outputs.map(({ name }) => ({ name })) } };
    const feeds = {
      state: float32([1, 2, 3, 4], [2, 2]),
      sequence: float32(
        Float32Array.from({ length: 12 }, (_, at) => at),
        [2, 3, 2],
      ),
    };
    const wanted = evaluateReference(model, feeds);
    for (const target of [9, newestOpset]) {
      const { model: converted } = convertOpset(target).run(model);
      checkModel(converted);
      expect(evaluateReference(converted, feeds)).toEqual(wanted);
    }
  });
});

describe('local functions', () => {
  const squeeze: Node = {
    name: 's',
    opType: 'Squeeze',
    domain: '',
    inputs: ['a'],
    outputs: ['b'],
    attributes: { axes: { kind: 'ints', value: [0] } },
  };
  const local = (change: Partial<Node>, opset = 11): LocalFunction => ({
    domain: 'own',
    name: 'Squeezed',
    inputs: ['a'],
    outputs: ['b'],
    attributeNames: ['axes'],
    attributes: {},
    nodes: [{ ...squeeze, ...change }],
    opsets: { '': opset },
  });
  const calling = (made: LocalFunction, opset = 11): Model => {
    const g = createGraphBuilder('call');
    g.op('Squeezed', [g.input('x', 'float32', [1, 3])], { axes: [0] }, { domain: 'own', name: 'call', outputs: ['y'] });
    g.output('y', 'float32', [3]);
    return { ...g.model({ opset, opsets: { own: 1 }, irVersion: 8 }), functions: [made] };
  };
  const row = float32([1, 2, 3], [1, 3]);

  test('get constants as nodes', () => {
    const model = calling(local({}));
    const { model: converted } = convertOpset(21).run(model);
    checkModel(converted);
    expect(converted.functions![0]!.nodes.map(({ opType }) => opType)).toEqual(['Constant', 'Squeeze']);
    expect(converted.functions![0]!.opsets).toEqual({ '': 21 });
    expect(evaluateReference(converted, { x: row })).toEqual(evaluateReference(model, { x: row }));
  });

  test('hand attributes on to inputs', () => {
    const model = calling(local({ attributes: { axes: { kind: 'ref', value: 'axes', type: 7 } } }));
    const { model: converted } = convertOpset(13).run(model);
    checkModel(converted);
    expect(converted.functions![0]!.nodes[0]).toMatchObject({
      opType: 'Constant',
      attributes: { value_ints: { kind: 'ref', value: 'axes' } },
    });
    expect(evaluateReference(converted, { x: row })).toEqual(evaluateReference(model, { x: row }));
  });

  test('types are not known in them: constants are cast', () => {
    const clip = { opType: 'Clip', attributes: { max: float(2) } };
    const model = calling(local(clip, 10), 10);
    const { model: converted } = convertOpset(15).run(model);
    checkModel(converted);
    expect(converted.functions![0]!.nodes.map(({ opType }) => opType)).toEqual(['Constant', 'CastLike', 'Clip']);
    expect(evaluateReference(converted, { x: row })).toEqual(evaluateReference(model, { x: row }));
    expect(() => convertOpset(11).run(model)).toThrow(
      /node "s" \(Clip, opset 10 to 11\): expected a known type of "a"/,
    );
  });

  test('of a later version stay, and values that decide a form may not be references', () => {
    const later = calling(local({ inputs: ['a'], attributes: {} }, 17), 11);
    const { model: converted } = convertOpset(13).run(later);
    expect(converted.functions![0]).toBe(later.functions![0]);
    const softmax = calling(
      local({ opType: 'Softmax', attributes: { axis: { kind: 'ref', value: 'axis', type: 2 } } }),
    );
    expect(() => convertOpset(13).run(softmax)).toThrow(/attribute axis of kind int, got a reference/);
  });
});

test('types of values that are no longer made are dropped', () => {
  const g = createGraphBuilder('dropout');
  g.ops('Dropout', [g.input('x', 'float32', [2, 3])], {}, { name: 'drop', outputs: ['y', 'mask'] });
  g.output('y', 'float32', [2, 3]);
  const made = g.model({ opset: 9, irVersion: 4 });
  const model: Model = {
    ...made,
    graph: { ...made.graph, types: new Map([['mask', { type: 'float32', dims: [2, 3] }]]) },
  };
  const { graph } = convertOpset(13).run(model).model;
  expect(graph.nodes[0]!.outputs).toEqual(['y']);
  expect(graph.types.has('mask')).toBe(false);
});

test('where types contradict each other, none are known', () => {
  const g = createGraphBuilder('broken');
  g.op('MatMul', [g.input('x', 'float32', [2, 3]), g.input('w', 'float32', [2, 3])], {}, { outputs: ['y'] });
  g.output('y', 'float32', [2, 3]);
  const { model, findings } = convertOpset(13).run(g.model({ opset: 11 }));
  expect(model.opsets['']).toBe(13);
  expect(findings[0]).toMatchObject({ kind: 'skipped', message: expect.stringMatching(/^types are not known: /) });
});

test('refused: an earlier opset, and versions that there are not', () => {
  expect(() => convertOpset(9).run(rowSums())).toThrow(
    expect.objectContaining({
      code: 'OPSET_UNCONVERTIBLE',
      message:
        'convert-opset, model: expected an opset of at most 9, got 11 (a model is not converted to an earlier opset)',
    }),
  );
  for (const target of [0, 13.5, newestOpset + 1, Number.NaN]) {
    expect(() => convertOpset(target)).toThrow(
      expect.objectContaining({ code: 'PASS_OPTIONS', message: expect.stringMatching(/expected an opset of 1 to/) }),
    );
  }
});
