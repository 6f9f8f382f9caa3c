import { expect, it } from 'vitest';
import { createGraphBuilder, float } from '../builder.ts';
import { float32, type Graph, int64, type Model } from '../model.ts';
import { createRng } from '../rng.ts';
import { summarizeModel } from '../summarize-model.ts';
import { inferTypes } from '../types/infer.ts';
import { diffModels, printDiff } from './diff-models.ts';
import { printModel } from './print-graph.ts';

function feedForward(): Model {
  const rng = createRng(3);
  const weights = (rows: number, columns: number) =>
    float32(
      Float32Array.from({ length: rows * columns }, () => 0.02 * rng.normal()),
      [rows, columns],
    );
  const g = createGraphBuilder('feed-forward');
  const x = g.input('x', 'float32', ['batch', 'sequence', 384]);
  const h = g.scope('ffn/', () => {
    const up = g.op('Add', [
      g.op('MatMul', [x, g.constant('up.weight', weights(384, 1536))]),
      g.constant('up.bias', float32([0.5], [1])),
    ]);
    return g.op('MatMul', [g.op('Relu', [up]), g.constant('down.weight', weights(1536, 384))], {}, { name: 'down' });
  });
  const rows = g.op('Reshape', [h, g.constant('rows', int64([-1, 384]))]);
  g.output(g.op('Softmax', [rows], { axis: -1 }, { outputs: ['y'], name: 'probabilities' }), 'float32', [
    undefined,
    384,
  ]);
  return inferTypes(g.model({ opset: 17, metadata: { seed: '3' } }));
}

it('prints a model in aligned columns', () => {
  expect(printModel(feedForward())).toMatchInlineSnapshot(`
    "model · IR 8 · opset 17 · by slm-compress
    metadata
      seed  "3"
    graph feed-forward
    inputs
      x  float32[batch,sequence,384]
    outputs
      y  float32[batch*sequence,384]
    initializers: 4, 4.7 MB
      ffn/up.weight    float32[384,1536]  μ 0.00 σ 0.02
      ffn/up.bias      float32[1]         0.5
      ffn/down.weight  float32[1536,384]  μ 0.00 σ 0.02
      rows             int64[2]           -1 384
    nodes: 6
      ffn/MatMul.out  float32[batch,sequence,1536]  = MatMul(x, ffn/up.weight)
      ffn/Add.out     float32[batch,sequence,1536]  = Add(ffn/MatMul.out, ffn/up.bias)
      ffn/Relu.out    float32[batch,sequence,1536]  = Relu(ffn/Add.out)
      ffn/down.out    float32[batch,sequence,384]   = MatMul(ffn/Relu.out, ffn/down.weight)
      Reshape.out     float32[batch*sequence,384]   = Reshape(ffn/down.out, rows)
      y               float32[batch*sequence,384]   = Softmax(Reshape.out) axis=-1 · probabilities
    "
  `);
});

it('prints subgraphs, omitted values and attributes', () => {
  const branch = (value: number): Graph => {
    const b = createGraphBuilder(`branch${value}`);
    b.output(
      b.op('Clip', ['x', '', b.constant('limit', float32([value], []))], {}, { outputs: [`z${value}`] }),
      'float32',
      ['n'],
    );
    return b.graph();
  };
  const g = createGraphBuilder('choice');
  g.input('x', 'float32', ['n']);
  g.output(g.op('If', [g.input('c', 'bool', [])], { then_branch: branch(1), else_branch: branch(2) }), 'float32', [
    'n',
  ]);
  g.op(
    'Custom',
    ['x'],
    { alpha: float(0.5), mode: 'fast', axes: [1, 2] },
    { domain: 'com.example', outputs: ['', 'unused'] },
  );
  expect(printModel(inferTypes(g.model({ opset: 17, opsets: { 'com.example': 1 } })))).toMatchInlineSnapshot(`
    "model · IR 8 · opset 17 · com.example 1 · by slm-compress
    graph choice
    inputs
      x  float32[n]
      c  bool[]
    outputs
      If.out  float32[n]
    nodes: 2
      If.out     float32[n]  = If(c) else_branch=graph "branch2" then_branch=graph "branch1"
          graph branch1
          outputs
            z1  float32[n]
          initializers: 1, 4 B
            limit  float32[]  1
          nodes: 1
            z1  float32[n]  = Clip(x, _, limit) · Clip
          graph branch2
          outputs
            z2  float32[n]
          initializers: 1, 4 B
            limit  float32[]  2
          nodes: 1
            z2  float32[n]  = Clip(x, _, limit) · Clip
      _, unused  ?, ?        = com.example.Custom(x) alpha=0.5 axes=[1,2] mode="fast" · Custom
    "
  `);
});

it('prints real names, element types, values of every kind and the beginning of long texts', () => {
  const long = 'model.encoder.layer.10.attention.output.LayerNorm.weight';
  const g = createGraphBuilder('names');
  const x = g.input('x', 'float32', ['n']);
  g.constant(long, float32([0.5], [1]));
  g.constant('half', { type: 'float16', dims: [2], data: Uint16Array.of(0x3800, 0xc000) });
  g.constant('nibbles', { type: 'int4', dims: [6], data: Uint8Array.of(0x21, 0x43, 0xf5) });
  g.constant('limit', float32([-3.4028234663852886e38], []));
  g.constant('complex', { type: 'complex64', dims: [1], data: Float32Array.of(1, 2) });
  g.constant('words', { type: 'string', dims: [1], data: ['a'.repeat(1000)] });
  g.output(g.op('Cast', [x], { to: 7 }, { outputs: ['cast'], name: 'node_cast' }), 'int64', ['n']);
  const model = g.model({ opset: 17 });
  const lines = printModel({
    ...model,
    graph: { ...model.graph, outputs: [{ name: 'cast', container: { kind: 'sequence', element: { type: 'int64' } } }] },
  }).split('\n');
  expect(lines.slice(4, 6)).toEqual(['outputs', '  cast  sequence(int64[…])']);
  const padded = (name: string) => name.padEnd(long.length);
  expect(lines.slice(7, 13)).toEqual([
    `  ${long}  float32[1]    0.5`,
    `  ${padded('half')}  float16[2]    0.5 -2`,
    `  ${padded('nibbles')}  int4[6]       μ 2.33 σ 1.97`,
    `  ${padded('limit')}  float32[]     -3.40282e+38`,
    `  ${padded('complex')}  complex64[1]`,
    `  ${padded('words')}  string[1]     "${'a'.repeat(140)}"… 1000 characters`,
  ]);
  expect(lines[14]).toBe('  cast  ?  = Cast(x) to=int64');
});

it('prints graphs deep inside each other', () => {
  let graph: Graph = createGraphBuilder('deepest').graph();
  for (let depth = 0; depth < 90; depth++) {
    const g = createGraphBuilder(`depth${depth}`);
    g.op('Identity', ['x'], {}, { outputs: ['y'] });
    g.op('If', ['c'], { then_branch: graph }, { outputs: ['z'] });
    graph = g.graph();
  }
  const lines = printModel({ irVersion: 8, opsets: { '': 17 }, metadata: {}, graph })
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(1 + 90 * 4 + 1);
  expect(lines.at(-1)).toBe(`${' '.repeat(6 * 90)}graph deepest`);
});

it('prints what differs between two models', () => {
  const model = feedForward();
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  initializers.delete('rows');
  initializers.set('ffn/up.bias', float32([0.25], [1]));
  initializers.set('shape', int64([0, -1]));
  const nodes = graph.nodes.map((node) => (node.opType === 'Relu' ? { ...node, opType: 'Gelu' } : node));
  const changed = { ...model, opsets: { '': 20 }, metadata: {}, graph: { ...graph, initializers, nodes } };
  expect(printDiff(diffModels(model, changed))).toMatchInlineSnapshot(`
    "~ opset ai.onnx
        - 17
        + 20
    - metadata seed  "3"
    ~ initializer ffn/up.bias  max |Δ| 0.25, SQNR 6.0 dB
        - float32[1] 0.5
        + float32[1] 0.25
    - initializer rows  int64[2] -1 384
    + initializer shape  int64[2] 0 -1
    ~ node ffn/Relu
        - ffn/Relu.out = Relu(ffn/Add.out)
        + ffn/Relu.out = Gelu(ffn/Add.out)
    "
  `);
  expect(diffModels(model, { ...model })).toEqual([]);
  expect(printDiff([])).toBe('no differences\n');
  const reversed = { ...model, graph: { ...graph, nodes: graph.nodes.toReversed() } };
  expect(diffModels(model, reversed)).toMatchObject([{ what: 'order' }]);
});

it('summarizes operators, parameters, bytes and multiply-adds', () => {
  const model = feedForward();
  expect(summarizeModel(model, { dims: { batch: 2, sequence: 8 } })).toEqual({
    operators: { Add: 1, MatMul: 2, Relu: 1, Reshape: 1, Softmax: 1 },
    externalBytes: 0,
    nodes: 6,
    parameters: 2 * 384 * 1536 + 1 + 2,
    bytes: 4 * (2 * 384 * 1536 + 1) + 16,
    bytesByType: { float32: 4 * (2 * 384 * 1536 + 1), int64: 16 },
    multiplyAdds: 2 * 8 * 2 * 384 * 1536,
  });
  expect(summarizeModel(model, { dims: { batch: 2 } })).not.toHaveProperty('multiplyAdds');
  expect(summarizeModel(model)).not.toHaveProperty('multiplyAdds');
});
