import {
  createGraphBuilder,
  createRng,
  type DataType,
  float,
  float32,
  int64,
  type Model,
  type Rng,
} from '@slm-compress/onnx';

/** `y = x · w + b` on `[batch, 4]` → `[batch, 2]`, and its sum `total`. */
export function affine(): Model {
  const g = createGraphBuilder('affine');
  const x = g.input('x', 'float32', ['batch', 4]);
  const product = g.op('MatMul', [x, g.constant('w', float32([0, 1, 2, 3, 4, 5, 6, 7], [4, 2]))]);
  const y = g.op('Add', [product, g.constant('b', float32([1, 2]))], {}, { outputs: ['y'] });
  g.output(y, 'float32', ['batch', 2]);
  g.output(g.op('ReduceSum', [y], { keepdims: 0 }, { outputs: ['total'] }), 'float32', []);
  return g.model({ opset: 17 });
}

/** Every listed type through `Identity`, input `in_TYPE` to output `out_TYPE`. */
export function identities(types: readonly DataType[]): Model {
  const g = createGraphBuilder('identities');
  for (const type of types) {
    const value = g.op('Identity', [g.input(`in_${type}`, type, ['n'])], {}, { outputs: [`out_${type}`] });
    g.output(value, type, ['n']);
  }
  return g.model({ opset: 17 });
}

/** `depth` square layers of `width`: takes real time with many rows. */
export function deep(depth: number, width: number): Model {
  const rng = createRng('deep');
  const g = createGraphBuilder('deep');
  let x = g.input('x', 'float32', ['batch', width]);
  for (let layer = 0; layer < depth; layer++) {
    x = g.op('Tanh', [g.op('MatMul', [x, g.constant(`w${layer}`, normal(rng, [width, width], 1 / Math.sqrt(width)))])]);
  }
  g.output(x, 'float32', ['batch', width], 'y');
  return g.model({ opset: 17 });
}

export interface EncoderShape {
  readonly vocabulary: number;
  readonly positions: number;
  readonly hidden: number;
  readonly heads: number;
  readonly layers: number;
  readonly labels: number;
}

/** A small BERT-like classifier with random weights: masked self-attention, feed-forward, pooled first token. */
export function encoder({ vocabulary, positions, hidden, heads, layers, labels }: EncoderShape): Model {
  const rng = createRng('encoder');
  const g = createGraphBuilder('encoder');
  const weight = (name: string, dims: readonly number[], scale = 1 / Math.sqrt(dims[0]!)) =>
    g.constant(name, normal(rng, dims, scale));
  const linear = (x: string, name: string, from: number, to: number) =>
    g.op('Add', [g.op('MatMul', [x, weight(`${name}.weight`, [from, to])]), weight(`${name}.bias`, [to], 0.1)]);
  const norm = (x: string, name: string) =>
    g.op(
      'LayerNormalization',
      [
        x,
        g.constant(`${name}.weight`, float32(new Float32Array(hidden).fill(1))),
        weight(`${name}.bias`, [hidden], 0.1),
      ],
      { axis: -1, epsilon: float(1e-12) },
    );
  const headSize = hidden / heads;

  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  const zero = g.constant('zero', int64([0]));
  const one = g.constant('one', int64([1]));
  const length = g.op('Slice', [g.op('Shape', [ids]), one, g.constant('two', int64([2])), zero]);
  const position = g.op('Slice', [weight('positions', [positions, hidden], 0.5), zero, length, zero]);
  const negative = g.op('Mul', [
    g.op('Sub', [g.constant('one_f', float32([1])), g.op('Cast', [mask], { to: 1 })]),
    g.constant('far', float32([-10000])),
  ]);
  const bias = g.op('Unsqueeze', [negative, g.constant('axes', int64([1, 2]))]);
  const splitHeads = g.constant('split', int64([0, 0, heads, headSize]));
  const joinHeads = g.constant('join', int64([0, 0, hidden]));

  let x = norm(
    g.op('Add', [g.op('Gather', [weight('words', [vocabulary, hidden], 0.5), ids]), position]),
    'embeddings',
  );
  for (let layer = 0; layer < layers; layer++) {
    const split = (name: string, perm: readonly number[]) =>
      g.op('Transpose', [g.op('Reshape', [linear(x, `${layer}.${name}`, hidden, hidden), splitHeads])], { perm });
    const scores = g.op('Mul', [
      g.op('MatMul', [split('query', [0, 2, 1, 3]), split('key', [0, 2, 3, 1])]),
      g.constant('scale', float32([1 / Math.sqrt(headSize)])),
    ]);
    const attention = g.op('Softmax', [g.op('Add', [scores, bias])], { axis: -1 });
    const context = g.op('Transpose', [g.op('MatMul', [attention, split('value', [0, 2, 1, 3])])], {
      perm: [0, 2, 1, 3],
    });
    const output = linear(g.op('Reshape', [context, joinHeads]), `${layer}.output`, hidden, hidden);
    x = norm(g.op('Add', [x, output]), `${layer}.norm1`);
    const inner = g.op('Relu', [linear(x, `${layer}.up`, hidden, 4 * hidden)]);
    x = norm(g.op('Add', [x, linear(inner, `${layer}.down`, 4 * hidden, hidden)]), `${layer}.norm2`);
  }
  const first = g.op('Gather', [x, g.constant('first', { type: 'int64', dims: [], data: BigInt64Array.of(0n) })], {
    axis: 1,
  });
  const pooled = g.op('Tanh', [linear(first, 'pooler', hidden, hidden)]);
  g.output(linear(pooled, 'classifier', hidden, labels), 'float32', ['batch', labels], 'logits');
  return g.model({ opset: 17 });
}

function normal(rng: Rng, dims: readonly number[], scale: number) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return float32(
    Float32Array.from({ length: count }, () => rng.normal() * scale),
    dims,
  );
}
