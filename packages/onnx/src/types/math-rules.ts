import type { DataType, Dim, TensorType } from '../model.ts';
import { broadcast, formatDims } from './dims.ts';
import {
  attributeOf,
  axisOf,
  intOf,
  intsOf,
  invalid,
  listOf,
  type RuleContext,
  type TypeRule,
  tensor,
} from './rule.ts';
import { dataTypeAttribute } from './shape-rules.ts';

/** The type of the first input. */
const same: TypeRule = ({ inputs: [x] }) => [x];
/** The shape of the first input, another element type. */
const sameShape =
  (type: DataType): TypeRule =>
  ({ inputs: [x] }) => [tensor(type, x?.dims)];
/** The element type of the first input, the shape that all inputs broadcast to. */
const elementwise: TypeRule = (context) => {
  const [x] = context.inputs;
  const type = x ?? context.inputs.find((input) => input !== undefined);
  return [type && tensor(type.type, broadcastInputs(context))];
};
const comparison: TypeRule = (context) => [tensor('bool', broadcastInputs(context))];

/** Operators that compute. */
export const mathRules: Readonly<Record<string, TypeRule>> = {
  ...Object.fromEntries(
    (
      'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh CumSum Elu Erf Exp Floor Gelu HardSigmoid HardSwish Hardmax ' +
      'Identity LeakyRelu Log LogSoftmax LpNormalization Mish Neg Not Reciprocal Relu Round Scatter ScatterElements ScatterND ' +
      'Selu Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Trilu InstanceNormalization ' +
      'GroupNormalization RMSNormalization Swish'
    )
      .split(' ')
      .map((name) => [name, same]),
  ),
  ...Object.fromEntries(
    'Add Sub Mul Div Pow Mod Min Max Sum Mean PRelu BitShift And Or Xor BitwiseAnd BitwiseOr BitwiseXor'
      .split(' ')
      .map((name) => [name, elementwise]),
  ),
  ...Object.fromEntries('Equal Greater GreaterOrEqual Less LessOrEqual'.split(' ').map((name) => [name, comparison])),
  ...Object.fromEntries(
    'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare'
      .split(' ')
      .map((name): [string, TypeRule] => [
        name,
        (context) => [context.inputs[0] && tensor(context.inputs[0].type, reducedDims(context))],
      ]),
  ),
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  IsNaN: sameShape('bool'),
  IsInf: sameShape('bool'),
  Where: (context) => {
    const [, x, y] = context.inputs;
    const type = x ?? y;
    return [type && tensor(type.type, broadcastInputs(context))];
  },
  Cast: (context) => {
    const type = dataTypeAttribute(context, 'to');
    return [type && tensor(type, context.inputs[0]?.dims)];
  },
  CastLike: ({ inputs: [x, like] }) => [like && tensor(like.type, x?.dims)],
  Dropout: ({ inputs: [x] }) => [x, tensor('bool', x?.dims)],
  MatMul: ({ node, inputs: [a, b] }) => [a && tensor(a.type, matMulDims(node, a.dims, b?.dims))],
  MatMulInteger: ({ node, inputs: [a, b] }) => [tensor('int32', matMulDims(node, a?.dims, b?.dims))],
  QLinearMatMul: ({ node, inputs }) => {
    const zeroPoint = inputs[7];
    return [zeroPoint && tensor(zeroPoint.type, matMulDims(node, inputs[0]?.dims, inputs[3]?.dims))];
  },
  Gemm: ({ node, inputs: [a, b] }) => {
    if (a === undefined) return [];
    const [transA, transB] = [intOf(node, 'transA', 0) !== 0, intOf(node, 'transB', 0) !== 0];
    const left = transA ? a.dims?.toReversed() : a.dims;
    const right = transB ? b?.dims?.toReversed() : b?.dims;
    if (left !== undefined && right !== undefined) {
      if (left.length !== 2 || right.length !== 2)
        throw invalid(node, 'two matrices', `${formatDims(left)} and ${formatDims(right)}`);
      sameInner(node, left[1], right[0], left, right);
    }
    return [tensor(a.type, [left?.[0], right?.[1]])];
  },
  LayerNormalization: ({ node, inputs: [x] }) => {
    if (x === undefined) return [];
    const axis = x.dims && axisOf(intOf(node, 'axis', -1), x.dims.length, node);
    const kept = x.dims?.map((dim, at): Dim => (at < axis! ? dim : 1));
    const stash = intOf(node, 'stash_type', 1) === 1 ? 'float32' : x.type;
    return [x, tensor(stash, kept), tensor(stash, kept)];
  },
  BatchNormalization: ({ node, inputs: [x, , , mean, variance] }) =>
    node.outputs.map((_, index) => (index === 0 ? x : index === 1 ? mean : index === 2 ? variance : undefined)),
  QuantizeLinear: (context) => {
    const { inputs, has } = context;
    const [x, , zeroPoint] = inputs;
    const type = has(2) ? zeroPoint?.type : (dataTypeAttribute(context, 'output_dtype') ?? 'uint8');
    return [type && tensor(type, x?.dims)];
  },
  DequantizeLinear: (context) => {
    const [x, scale] = context.inputs;
    const type = dataTypeAttribute(context, 'output_dtype') ?? scale?.type;
    return [type && tensor(type, x?.dims)];
  },
  DynamicQuantizeLinear: ({ inputs: [x] }) => [tensor('uint8', x?.dims), tensor('float32', []), tensor('uint8', [])],
  Conv: ({ node, inputs: [x, w] }) => [x && tensor(x.type, convolvedDims(node, x.dims, w?.dims))],
  ConvInteger: ({ node, inputs: [x, w] }) => [tensor('int32', convolvedDims(node, x?.dims, w?.dims))],
  QLinearConv: ({ node, inputs }) => {
    const zeroPoint = inputs[7];
    return [zeroPoint && tensor(zeroPoint.type, convolvedDims(node, inputs[0]?.dims, inputs[3]?.dims))];
  },
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  SoftmaxCrossEntropyLoss: lossTypes,
  NegativeLogLikelihoodLoss: lossTypes,
  RandomNormalLike: randomLike,
  RandomUniformLike: randomLike,
  Bernoulli: randomLike,
};

/** Operators of ONNX Runtime's own domain that compression and language models use. */
export const microsoftRules: Readonly<Record<string, TypeRule>> = {
  'com.microsoft.Gelu': same,
  'com.microsoft.FastGelu': same,
  'com.microsoft.BiasGelu': same,
  'com.microsoft.QuickGelu': same,
  'com.microsoft.QuantizeLinear': mathRules.QuantizeLinear!,
  'com.microsoft.DequantizeLinear': mathRules.DequantizeLinear!,
  'com.microsoft.FusedMatMul': ({ node, inputs: [a, b] }) => {
    const flip = (dims: readonly Dim[] | undefined, name: string) =>
      dims !== undefined && dims.length > 1 && intOf(node, name, 0) !== 0
        ? [...dims.slice(0, -2), dims.at(-1), dims.at(-2)]
        : dims;
    if (intOf(node, 'transBatchA', 0) !== 0 || intOf(node, 'transBatchB', 0) !== 0)
      return [a && tensor(a.type, undefined)];
    return [a && tensor(a.type, matMulDims(node, flip(a.dims, 'transA'), flip(b?.dims, 'transB')))];
  },
  'com.microsoft.DynamicQuantizeMatMul': ({ node, inputs: [a, b] }) => [
    a && tensor(a.type, matMulDims(node, a.dims, b?.dims)),
  ],
  'com.microsoft.MatMulIntegerToFloat': ({ node, inputs: [a, b, scale] }) => [
    tensor(scale?.type ?? 'float32', matMulDims(node, a?.dims, b?.dims)),
  ],
  'com.microsoft.MatMulNBits': ({ node, inputs: [a] }) => [
    a && tensor(a.type, a.dims?.with(-1, intOf(node, 'N', undefined))),
  ],
  'com.microsoft.SkipLayerNormalization': ({ inputs: [x] }) => [x, undefined, undefined, x],
};

function broadcastInputs({ node, inputs }: RuleContext): readonly Dim[] | undefined {
  const shapes = node.inputs.flatMap((name, index) => (name === '' ? [] : [inputs[index]?.dims]));
  if (!shapes.every((dims) => dims !== undefined)) return undefined;
  const result = broadcast(shapes);
  if ('clash' in result) {
    throw invalid(node, 'shapes that broadcast', shapes.map(formatDims).join(' and '));
  }
  return result;
}

function sameInner(node: RuleContext['node'], a: Dim, b: Dim, left: readonly Dim[], right: readonly Dim[]): void {
  if (typeof a === 'number' && typeof b === 'number' && a !== b) {
    throw invalid(node, 'equal inner sizes', `${formatDims(left)} and ${formatDims(right)}`);
  }
}

/** The shape of numpy's matmul. */
export function matMulDims(
  node: RuleContext['node'],
  a: readonly Dim[] | undefined,
  b: readonly Dim[] | undefined,
): readonly Dim[] | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0)
    throw invalid(node, 'inputs of rank 1 or more', `${formatDims(a)} and ${formatDims(b)}`);
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  sameInner(node, left.at(-1), right.at(-2), a, b);
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)]);
  if ('clash' in batch) throw invalid(node, 'batch axes that broadcast', `${formatDims(a)} and ${formatDims(b)}`);
  return [...batch, ...(a.length === 1 ? [] : [left.at(-2)]), ...(b.length === 1 ? [] : [right.at(-1)])];
}

/** [N, C, d…] convolved by [M, C / group, k…]: [N, M, (d + pads − dilation · (k − 1) − 1) / stride + 1 …]. */
function convolvedDims(
  node: RuleContext['node'],
  x: readonly Dim[] | undefined,
  w: readonly Dim[] | undefined,
): readonly Dim[] | undefined {
  const kernel = intsOf(node, 'kernel_shape') ?? w?.slice(2);
  if (x === undefined || kernel === undefined) return undefined;
  const rank = x.length - 2;
  const mode = attributeOf(node, 'auto_pad');
  const padding = mode?.kind === 'string' ? mode.value : 'NOTSET';
  const pads = intsOf(node, 'pads') ?? Array<number>(2 * rank).fill(0);
  const sizes = x.slice(2).map((dim, axis): Dim => {
    const size = kernel[axis];
    const stride = intsOf(node, 'strides')?.[axis] ?? 1;
    if (typeof dim !== 'number' || typeof size !== 'number') return undefined;
    if (padding.startsWith('SAME')) return Math.ceil(dim / stride);
    const padded = padding === 'VALID' ? dim : dim + pads[axis]! + pads[axis + rank]!;
    const window = (intsOf(node, 'dilations')?.[axis] ?? 1) * (size - 1) + 1;
    return Math.floor((padded - window) / stride) + 1;
  });
  return [x[0], w?.[0], ...sizes];
}

function globalPool({ inputs: [x] }: RuleContext): readonly (TensorType | undefined)[] {
  return [
    x &&
      tensor(
        x.type,
        x.dims?.map((dim, axis) => (axis < 2 ? dim : 1)),
      ),
  ];
}

function reducedDims(context: RuleContext): readonly Dim[] | undefined {
  const { node, inputs } = context;
  const dims = inputs[0]?.dims;
  if (dims === undefined) return undefined;
  const keep = intOf(node, 'keepdims', 1) !== 0;
  const list = listOf(context, 'axes', 1);
  if (list === undefined) return keep ? dims.map(() => undefined) : undefined;
  const none = list === 'absent' || list.length === 0;
  if (none && intOf(node, 'noop_with_empty_axes', 0) !== 0) return dims;
  const axes = new Set(none ? dims.keys() : (list as readonly number[]).map((axis) => axisOf(axis, dims.length, node)));
  return keep ? dims.map((dim, axis) => (axes.has(axis) ? 1 : dim)) : dims.filter((_, axis) => !axes.has(axis));
}

function argExtreme({ node, inputs: [x] }: RuleContext): readonly TensorType[] {
  if (x?.dims === undefined) return [tensor('int64', undefined)];
  const axis = axisOf(intOf(node, 'axis', 0), x.dims.length, node);
  return [tensor('int64', intOf(node, 'keepdims', 1) !== 0 ? x.dims.with(axis, 1) : x.dims.toSpliced(axis, 1))];
}

/** Loss of [N, C, d…] scores: a scalar, or [N, d…] without reduction; the log-probabilities have the scores' shape. */
function lossTypes({ node, inputs: [scores, target] }: RuleContext): readonly (TensorType | undefined)[] {
  if (scores === undefined) return [];
  const reduction = node.attributes.reduction;
  const none = reduction?.kind === 'string' && reduction.value === 'none';
  return [tensor(scores.type, none ? target?.dims : []), scores];
}

function randomLike(context: RuleContext): readonly (TensorType | undefined)[] {
  const [x] = context.inputs;
  const type = dataTypeAttribute(context, 'dtype') ?? x?.type;
  return [type && tensor(type, x?.dims)];
}
