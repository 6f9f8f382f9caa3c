import { expect, test } from 'vitest';
import { createGraphBuilder } from './builder.ts';
import { bindInputs, fittingSizes, inputSizes } from './input-sizes.ts';
import { layersOf } from './layers.ts';
import { type Dim, float32, type Graph, type Model } from './model.ts';
import { summarizeLayers } from './summarize-model.ts';

const weights = (...dims: number[]) => float32(new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);

function graphOf(
  nodes: readonly (readonly [name: string, inputs: readonly string[], output: string])[],
  names: string[],
): Graph {
  const g = createGraphBuilder('graph');
  for (const name of names) g.constant(name, weights(2, 2));
  const graph = g.graph();
  return {
    ...graph,
    nodes: nodes.map(([name, inputs, output]) => ({
      name,
      opType: 'MatMul',
      domain: '',
      inputs,
      outputs: [output],
      attributes: {},
    })),
  };
}

function layersByName(graph: Graph): Readonly<Record<string, string>> {
  const { ofNode, ofInitializer } = layersOf(graph);
  return Object.fromEntries([...Array.from(ofNode, ([node, layer]) => [node.name, layer] as const), ...ofInitializer]);
}

test('layers end at the first number; modules beside them count as layers', () => {
  const graph = graphOf(
    [
      ['/model/embed/Gather', ['model.embed.table', 'x'], 'a'],
      ['/model/layers.0/attn/q/MatMul', ['a', 'onnx::MatMul_7'], 'b'],
      ['Constant_3', [], 'c'],
      ['/model/layers.0/mlp/Add', ['b', 'c'], 'd'],
      ['/lm_head/MatMul', ['d', 'lm_head.weight'], 'e'],
      ['Identity_9', ['e'], 'f'],
    ],
    ['model.embed.table', 'model.layers.0.attn.q.bias', 'onnx::MatMul_7', 'lm_head.weight', 'unused'],
  );
  expect(layersByName(graph)).toEqual({
    '/model/embed/Gather': 'model.embed',
    '/model/layers.0/attn/q/MatMul': 'model.layers.0',
    Constant_3: 'model.layers.0',
    '/model/layers.0/mlp/Add': 'model.layers.0',
    '/lm_head/MatMul': 'lm_head',
    Identity_9: 'lm_head',
    'model.embed.table': 'model.embed',
    'model.layers.0.attn.q.bias': 'model.layers.0',
    'onnx::MatMul_7': 'model.layers.0',
    'lm_head.weight': 'lm_head',
    unused: '',
  });
});

test('nodes without scopes follow the weights they, or their users, take, then their inputs', () => {
  const graph = graphOf(
    [
      ['node_1', ['x', 'val_1'], 'a'],
      ['node_2', ['a', 'm.h.0.bias'], 'b'],
      ['node_3', ['b'], 'c'],
      ['node_4', ['c', 'm.h.1.bias'], 'd'],
      ['node_5', ['d', 'b'], 'e'],
    ],
    ['val_1', 'm.h.0.bias', 'm.h.1.bias'],
  );
  expect(layersByName(graph)).toMatchObject({
    node_1: 'm.h.0',
    val_1: 'm.h.0',
    node_2: 'm.h.0',
    node_3: 'm.h.1',
    node_4: 'm.h.1',
    node_5: 'm.h.1',
  });
});

test('initializers join the layer of nodes that ends their name, unless two would', () => {
  const one = graphOf([['layer.0/query', ['x'], 'a']], ['bert.encoder.layer.0.query.weight']);
  expect(layersByName(one)['bert.encoder.layer.0.query.weight']).toBe('layer.0');
  const two = graphOf([['block.0/query', ['x'], 'a']], ['encoder.block.0.q.weight', 'decoder.block.0.q.weight']);
  expect(layersByName(two)['decoder.block.0.q.weight']).toBe('decoder.block.0');
});

test("the exporter's own scopes go before names; without numbers, modules below the common one", () => {
  const graph = graphOf(
    [
      ['node_1', ['x'], 'a'],
      ['app/dense/MatMul', ['a'], 'b'],
      ['app/norm/Mul', ['b'], 'c'],
    ],
    [],
  );
  const [first, ...others] = graph.nodes;
  const metadata = { 'pkg.torch.onnx.name_scopes': "['', 'app', 'app.conv', 'conv2d']" };
  const nodes = [{ ...first!, metadata }, ...others];
  expect(layersByName({ ...graph, nodes })).toEqual({
    node_1: 'app.conv',
    'app/dense/MatMul': 'app.dense',
    'app/norm/Mul': 'app.norm',
  });
});

function twoLayers(dims: readonly Dim[] = ['batch', 'sequence', 4]): Model {
  const g = createGraphBuilder('two');
  const x = g.input('x', 'float32', dims);
  const positions = g.constant('positions', weights(1, 24, 4));
  let h = g.op('Add', [x, positions]);
  for (const index of [0, 1]) {
    h = g.scope(`layer.${index}/`, () => g.op('MatMul', [h, g.constant('weight', weights(4, 4))]));
  }
  const branch = (name: string) => {
    const b = createGraphBuilder(name);
    b.output(b.op('MatMul', [h, b.constant('inner', weights(4, 4))], {}, { outputs: [name] }), 'float32', undefined);
    return b.graph();
  };
  g.scope('head/', () =>
    g.op('If', [g.input('c', 'bool', [])], { then_branch: branch('p'), else_branch: branch('q') }, { outputs: ['y'] }),
  );
  g.output('y', 'float32', undefined);
  return g.model({ opset: 17 });
}

test('summarizeLayers counts nodes, weights, bytes and multiply-adds, those of subgraphs with their node', () => {
  const dims = fittingSizes(twoLayers());
  // A table of 24 positions broadcasts with 24 or 1.
  expect(dims).toEqual({ batch: 1, sequence: 1 });
  expect(summarizeLayers(twoLayers(), { dims: { batch: 2, sequence: 24 } })).toEqual([
    {
      name: 'layer.0',
      nodes: 2,
      operators: { Add: 1, MatMul: 1 },
      parameters: 112,
      bytes: 448,
      multiplyAdds: 768,
      uncounted: [],
    },
    {
      name: 'layer.1',
      nodes: 1,
      operators: { MatMul: 1 },
      parameters: 16,
      bytes: 64,
      multiplyAdds: 768,
      uncounted: [],
    },
    {
      name: 'head',
      nodes: 3,
      operators: { If: 1, MatMul: 2 },
      parameters: 32,
      bytes: 128,
      multiplyAdds: 0,
      uncounted: [{ node: 'head/If', operator: 'If' }],
    },
  ]);
  expect(summarizeLayers(twoLayers())[0]).not.toHaveProperty('multiplyAdds');
});

test('inputSizes: given sizes, then names, then places', () => {
  const g = createGraphBuilder('inputs');
  g.input('ids', 'int64', ['batch', 'past + sequence']);
  g.input('pixels', 'float32', ['N', 3, undefined, 'width']);
  g.input('odd', 'float32', ['unk__214', 'a?b']);
  g.input('w', 'float32', ['ignored']);
  const made = g.model({ opset: 17 });
  const model = { ...made, graph: { ...made.graph, initializers: new Map([['w', weights(3)]]) } };
  expect(inputSizes(model, { batch: 2, 'pixels.2': 8 })).toEqual({
    batch: 2,
    past: 0,
    sequence: 128,
    N: 1,
    'pixels.2': 8,
    width: 224,
    unk__214: 1,
    'a?b': 128,
  });
  const bound = bindInputs(model, inputSizes(model, { past: 3, 'pixels.2': 8 })).graph.inputs;
  expect(bound.slice(0, 3).map(({ type }) => type?.dims)).toEqual([
    [1, 131],
    [1, 3, 8, 224],
    [1, 128],
  ]);
  expect(() => inputSizes(model, { bacth: 1 })).toThrow(
    'sizes, "bacth": expected a dimension of the inputs (batch, past, sequence, N, pixels.2, width, unk__214, a?b)',
  );
});
