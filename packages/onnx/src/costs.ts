import type { AttributeReader } from './attribute-reader.ts';
import { readAttributes } from './attribute-reader.ts';
import { onnxSignatures } from './check/signatures.ts';
import type { Dim, Node, TensorType } from './model.ts';
import { operatorKey, rowOf } from './operator.ts';
import { add, divide, multiply } from './types/dims.ts';

/** The sizes of a node's values: `undefined` where unknown or omitted. */
interface Sizes {
  readonly attributes: AttributeReader;
  readonly inputs: readonly (readonly Dim[] | undefined)[];
  readonly outputs: readonly (readonly Dim[] | undefined)[];
  readonly node: Node;
}

type Cost = (sizes: Sizes) => Dim;

/** The product of sizes; unknown when there are none. */
const product = (dims: readonly Dim[] | undefined, ...more: readonly Dim[]): Dim =>
  dims === undefined ? undefined : multiply([...dims, ...more]);

/** One product per element of the output and of the last axis of the first operand. */
const matMul: Cost = ({ inputs, outputs }) => product(outputs[0], inputs[0]?.at(-1));

const gemm: Cost = ({ attributes, inputs, outputs }) =>
  product(outputs[0], inputs[0]?.at(attributes.int('transA', 0) === 1 ? 0 : 1));

/** With transBatchA the rows lead the batch axes, and with transA too the summed axis leads them. */
const fusedMatMul: Cost = ({ attributes, inputs, outputs }) => {
  const batchLast = attributes.int('transBatchA', 0) === 1;
  return product(outputs[0], inputs[0]?.at(attributes.int('transA', 0) === 1 ? (batchLast ? 0 : -2) : -1));
};

/** The weights are packed: the inner size is an attribute. */
const packedMatMul: Cost = ({ attributes, outputs }) => product(outputs[0], attributes.int('K', undefined));

/** Every element of the output sums over the channels of its group and the kernel: the weights' axes but the first. */
const convolution =
  (weights: number): Cost =>
  ({ inputs, outputs }) =>
    product(outputs[0], product(inputs[weights]?.slice(1)));

/** Every element of the input spreads over the filters of its group and the kernel. */
const transposedConvolution: Cost = ({ inputs }) => product(inputs[0], product(inputs[1]?.slice(1)));

/** Steps, sequences, directions and gates, times what a gate sees: the input and the state. */
const recurrence: Cost = ({ inputs: [x, w, r] }) => product(x?.slice(0, 2), w?.[0], w?.[1], add(w?.[2], r?.[2]));

const heads = (dims: readonly Dim[] | undefined) => ({
  length: dims?.length === 3 ? dims[1] : dims?.[2],
  width: dims?.length === 3 ? dims[2] : dims?.length === 4 ? multiply([dims[1], dims[3]]) : undefined,
});

/**
 * Scores and their weighted sums over all keys, masked or not: `queries · keys · (width of the queries + width of the
 * output)`. The keys are as many as the `present` output has (a shared buffer's whole length), else past and new ones.
 */
const attended = (queries: Dim, keys: Dim, width: Dim, outputWidth: Dim): Dim =>
  width !== undefined && width === outputWidth
    ? multiply([2, queries, keys, width])
    : multiply([queries, keys, add(width, outputWidth)]);

/** Attention of [batch, sequence, width] or [batch, heads, sequence, head size], with past keys at one input. */
const attention =
  (past: number): Cost =>
  ({ inputs, outputs, node }) => {
    const [query, key, output] = [heads(inputs[0]), heads(inputs[1]), heads(outputs[0])];
    const pastKeys = node.inputs[past] ? inputs[past]?.[2] : 0;
    const keys = outputs[1]?.[2] ?? add(pastKeys, key.length);
    return attended(multiply([inputs[0]?.[0], query.length]), keys, query.width, output.width);
  };

/** Queries may hold the keys and values too: [batch, sequence, heads, 3, head size]. */
const multiHeadAttention: Cost = ({ inputs, outputs, node }) => {
  const [query, key, , , , , past] = inputs;
  const width = query?.length === 5 ? multiply([query[2], query[4]]) : query?.[2];
  const length = node.inputs[1] ? (key?.length === 4 ? key[2] : key?.[1]) : query?.[1];
  const own = key?.length === 5 ? key[1] : length;
  const keys = outputs[1]?.[2] ?? add(node.inputs[6] ? past?.[2] : 0, own);
  return attended(multiply([query?.[0], query?.[1]]), keys, width, outputs[0]?.[2]);
};

/** The output is as wide as the queries, whether keys and values are packed with them or not. */
const groupQueryAttention: Cost = ({ inputs, outputs: [output, present], node }) => {
  const keys = present?.[2] ?? add(node.inputs[3] ? inputs[3]?.[2] : 0, output?.[1]);
  return product(output, 2, keys);
};

/** Projections by merged weights [inputs, queries + keys + values], then attention. */
const projectedAttention =
  (past: number): Cost =>
  ({ attributes, inputs, outputs, node }) => {
    const [x, w] = inputs;
    const width = attributes.ints('qkv_hidden_sizes')?.[0] ?? divide(w?.[1], 3);
    const keys = add(node.inputs[past] ? inputs[past]?.[3] : 0, x?.[1]);
    const tokens = multiply([x?.[0], x?.[1]]);
    return add(multiply([tokens, w?.[0], w?.[1]]), attended(tokens, keys, width, outputs[0]?.[2]));
  };

/** All operands at once: the sizes of all labels, times one less than there are operands. */
const einsum: Cost = ({ attributes, inputs }) => {
  const terms = attributes.text('equation', '').replaceAll(' ', '').split('->')[0]!.split(',');
  const sizes = new Map<string, Dim>();
  for (const [index, term] of terms.entries()) {
    const [before, after] = term.split('...') as [string, string?];
    const dims = inputs[index];
    const covered = (dims?.length ?? 0) - before.length - (after?.length ?? 0);
    if (dims === undefined || covered < 0 || (after === undefined && covered > 0)) return undefined;
    const broadcast = Array.from({ length: covered }, (_, i) => `${covered - i}`);
    for (const [axis, label] of [...before, ...broadcast, ...(after ?? '')].entries()) {
      const known = sizes.get(label);
      if (known === undefined || known === 1) sizes.set(label, dims[axis]);
    }
  }
  return multiply([terms.length - 1, ...sizes.values()]);
};

/** How many there are depends on the run, on subgraphs, or on the algorithm. */
const unknown: Cost = () => undefined;

const costs: Readonly<Record<string, Cost>> = {
  MatMul: matMul,
  MatMulInteger: matMul,
  QLinearMatMul: matMul,
  Gemm: gemm,
  Einsum: einsum,
  Conv: convolution(1),
  ConvInteger: convolution(1),
  QLinearConv: convolution(3),
  DeformConv: convolution(1),
  ConvTranspose: transposedConvolution,
  CausalConvWithState: convolution(1),
  LSTM: recurrence,
  GRU: recurrence,
  RNN: recurrence,
  Attention: attention(4),
  'ai.onnx.preview.FlexAttention': attention(Number.POSITIVE_INFINITY),
  LinearAttention: unknown,
  DFT: unknown,
  STFT: unknown,
  If: unknown,
  Loop: unknown,
  Scan: unknown,
  SequenceMap: unknown,
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.TransposeMatMul': fusedMatMul,
  'com.microsoft.FusedGemm': gemm,
  'com.microsoft.QGemm': gemm,
  'com.microsoft.DynamicQuantizeMatMul': matMul,
  'com.microsoft.MatMulIntegerToFloat': matMul,
  'com.microsoft.MatMulNBits': packedMatMul,
  'com.microsoft.MatMulBnb4': packedMatMul,
  'com.microsoft.FusedConv': convolution(1),
  'com.microsoft.QLinearConv': convolution(3),
  'com.microsoft.Attention': projectedAttention(4),
  'com.microsoft.QAttention': projectedAttention(8),
  'com.microsoft.MultiHeadAttention': multiHeadAttention,
  'com.microsoft.GroupQueryAttention': groupQueryAttention,
};

/** Operators of ONNX Runtime that sum no products. */
const elementwise = new Set(
  `BiasAdd BiasGelu BiasSoftmax BiasSplitGelu DequantizeLinear EmbedLayerNormalization ExpandDims FastGelu GatherBlockQuantized
  Gelu GemmaRotaryEmbedding GroupNorm NhwcMaxPool Pad QLinearAdd QLinearAveragePool QLinearConcat QLinearGlobalAveragePool
  QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu RotaryEmbedding
  SimplifiedLayerNormalization SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization Trilu Unique`
    .split(/\s+/)
    .map((name) => `com.microsoft.${name}`),
);

/**
 * The multiply-adds of matrix products, convolutions, attention and recurrence in one node, from the types of its inputs
 * and outputs (`valueTypes` of an inferred graph). A number, a product of symbolic sizes (`768*batch*sequence`), or
 * `undefined` when the sizes do not tell or the operator is not known. 0 for operators that move data or work element by
 * element, reductions, pooling and interpolation included.
 */
export function multiplyAdds(node: Node, types: ReadonlyMap<string, TensorType>): Dim {
  const cost = rowOf(costs, node);
  if (!cost) {
    const key = operatorKey(node);
    return Object.hasOwn(onnxSignatures, key) || elementwise.has(key) ? 0 : undefined;
  }
  const dims = (name: string) => (name === '' ? undefined : types.get(name)?.dims);
  return cost({
    attributes: readAttributes(node),
    inputs: node.inputs.map(dims),
    outputs: node.outputs.map(dims),
    node,
  });
}
