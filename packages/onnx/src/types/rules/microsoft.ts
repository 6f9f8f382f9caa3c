import type { Dim } from '../../model.ts';
import { add, ceilDivide, multiply } from '../dims.ts';
import {
  asTensor,
  axisOf,
  dataTypeAttribute,
  intOf,
  like,
  rows,
  sameAsFirst,
  type TypeRule,
  tensor,
  unknownDims,
  withLast,
} from '../rule.ts';
import { convolvedDims, pooledDims, transposedDims } from './convolution.ts';
import { indexingRules } from './indexing.ts';
import { gemmDims, matMulDims } from './linear.ts';
import { quantizeRules } from './quantize.ts';
import { recurrent } from './recurrent.ts';
import { paddedDims } from './shape.ts';

type Shape = readonly Dim[] | undefined;

const fusedMatMul: TypeRule = ({ node, inputs: [a, b] }) => {
  const flipped = (dims: Shape, side: 'A' | 'B'): Shape => {
    if (dims === undefined || dims.length < 2) return dims;
    // transBatch moves the first axis behind the other batch axes.
    const batch = dims.slice(0, -2);
    const moved =
      intOf(node, `transBatch${side}`, 0) === 0 ? dims : [...dims.slice(1, -1), batch[0] ?? dims[0], dims.at(-1)];
    return intOf(node, `trans${side}`, 0) === 0 ? moved : [...moved.slice(0, -2), moved.at(-1), moved.at(-2)];
  };
  return [like(a, matMulDims(node, flipped(a?.dims, 'A'), flipped(b?.dims, 'B')))];
};

/** Y, the statistics [… , 1], and the sum that was normalized. */
const skipNormalization: TypeRule = ({ inputs: [x] }) => {
  const statistics = tensor('float32', withLast(x?.dims, 1));
  return [x, statistics, statistics, x];
};

const fusedConv: TypeRule = ({ node, inputs: [x, w] }) => [like(x, convolvedDims(node, x?.dims, w?.dims))];

/** [N, d…, C] as [N, C, d…]. */
export function channelsFirst(dims: Shape): Shape {
  return dims && dims.length > 1 ? [dims[0], dims.at(-1), ...dims.slice(1, -1)] : dims;
}

/** [N, C, d…] as [N, d…, C]. */
export function channelsLast(dims: Shape): Shape {
  return dims && dims.length > 1 ? [dims[0], ...dims.slice(2), dims[1]] : dims;
}

/** Convolution of [N, d…, C] by [M, k…, C / group]. */
const convolvedLast: TypeRule = ({ node, inputs: [x, w] }) => [
  like(x, channelsLast(convolvedDims(node, channelsFirst(x?.dims), channelsFirst(w?.dims)))),
];

/** Operators of ONNX Runtime's own domain, floating-point ones and those that multiply quantized weights. */
export const microsoftRules: Readonly<Record<string, TypeRule>> = {
  ...rows(
    'com.microsoft.Gelu com.microsoft.FastGelu com.microsoft.BiasGelu com.microsoft.QuickGelu com.microsoft.BiasSoftmax ' +
      'com.microsoft.BiasAdd com.microsoft.ScaledSiLU com.microsoft.Trilu com.microsoft.Inverse ' +
      'com.microsoft.RotaryEmbedding com.microsoft.GroupNorm com.microsoft.MoE com.microsoft.QMoE',
    sameAsFirst,
  ),
  ...rows('com.microsoft.FusedMatMul com.microsoft.TransposeMatMul com.microsoft.FusedMatMulActivation', fusedMatMul),
  ...rows('com.microsoft.FusedConv', fusedConv),
  ...rows('com.microsoft.NhwcConv com.microsoft.NhwcFusedConv', convolvedLast),
  'com.microsoft.NhwcMaxPool': ({ node, inputs: [x] }) => [
    like(x, channelsLast(pooledDims(node, channelsFirst(x?.dims)))),
  ],
  'com.microsoft.ConvTransposeWithDynamicPads': (context) => {
    const { node, inputs } = context;
    const [x, w] = inputs;
    const pads = context.known(2)?.elements;
    const dims = transposedDims(node, x?.dims, w?.dims);
    if (dims === undefined) return [like(x, undefined)];
    const rank = dims.length - 2;
    const cut = (axis: number) => multiply([add(pads?.[axis], pads?.[axis + rank]), -1]);
    const sizes = dims.slice(2).map((dim, axis) => (context.has(2) ? add(dim, cut(axis)) : dim));
    return [like(x, [...dims.slice(0, 2), ...sizes])];
  },
  'com.microsoft.FusedGemm': ({ node, inputs: [a, b] }) => [like(a, gemmDims(node, a?.dims, b?.dims))],
  'com.microsoft.GemmFastGelu': ({ node, inputs: [a, b] }) => [like(a, matMulDims(node, a?.dims, b?.dims))],
  ...rows('com.microsoft.SkipLayerNormalization com.microsoft.SkipSimplifiedLayerNormalization', skipNormalization),
  'com.microsoft.SkipGroupNorm': ({ inputs: [x] }) => [x, x],
  'com.microsoft.EmbedLayerNormalization': ({ inputs: [ids, , words] }) => {
    const embedded = like(words, [ids?.dims?.[0], ids?.dims?.[1], words?.dims?.[1]]);
    return [embedded, tensor('int32', [ids?.dims?.[0]]), embedded];
  },
  'com.microsoft.DynamicQuantizeMatMul': ({ node, inputs: [a, b] }) => [like(a, matMulDims(node, a?.dims, b?.dims))],
  'com.microsoft.MatMulIntegerToFloat': ({ node, inputs: [a, b, scale] }) => [
    tensor(scale?.type ?? 'float32', matMulDims(node, a?.dims, b?.dims)),
  ],
  'com.microsoft.MatMulInteger16': ({ node, inputs: [a, b] }) => [
    tensor(a?.type === 'uint16' && b?.type === 'uint16' ? 'uint32' : 'int32', matMulDims(node, a?.dims, b?.dims)),
  ],
  ...rows('com.microsoft.MatMulNBits com.microsoft.MatMulBnb4', ({ node, inputs: [a] }) => [
    like(a, a?.dims && [...a.dims.slice(0, -1), intOf(node, 'N', undefined)]),
  ]),
  'com.microsoft.DynamicQuantizeLSTM': (context) => recurrent(context, 4),
  'com.microsoft.GatherBlockQuantized': ({ node, inputs: [data, indices, scales] }) => {
    const rank = data?.dims?.length;
    if (data?.dims === undefined || indices?.dims === undefined || rank === undefined) return [like(scales, undefined)];
    const axis = axisOf(intOf(node, 'gather_axis', 0), rank, node);
    // Bytes hold several weights, along the last axis.
    const packed = data.type === 'uint8' ? Math.max(1, Math.floor(8 / intOf(node, 'bits', 4))) : 1;
    const dims = withLast(data.dims, multiply([data.dims.at(-1), packed]));
    return [like(scales, [...dims.slice(0, axis), ...indices.dims, ...dims.slice(axis + 1)])];
  },
  'com.microsoft.QuantizeLinear': quantizeRules.QuantizeLinear!,
  'com.microsoft.DequantizeLinear': quantizeRules.DequantizeLinear!,
  'com.microsoft.Pad': (context) => [like(context.inputs[0], paddedDims(context))],
  'com.microsoft.Unique': ({ inputs: [x] }) => [like(x, [undefined]), ...Array(2).fill(tensor('int64', [undefined]))],
  'com.microsoft.GatherND': indexingRules.GatherND!,
  'com.microsoft.ExpandDims': (context) => {
    const [x] = context.inputs;
    const axis = context.known(1)?.elements[0];
    if (x?.dims === undefined || typeof axis !== 'number') return [like(x, unknownDims(add(x?.dims?.length, 1)))];
    return [like(x, x.dims.toSpliced(axisOf(axis, x.dims.length + 1, context.node), 0, 1))];
  },
  'com.microsoft.CDist': ({ inputs: [a, b] }) => [like(a, [a?.dims?.[0], b?.dims?.[0]])],
  'com.microsoft.CausalConvWithState': ({ inputs: [x, w, , state] }) => [
    x,
    state ?? like(x, [x?.dims?.[0], x?.dims?.[1], add(w?.dims?.at(-1), -1)]),
  ],
  'com.microsoft.SwiGLU': sameAsFirst,
  'com.microsoft.BiasSplitGelu': ({ inputs: [x] }) => [like(x, withLast(x?.dims, ceilDivide(x?.dims?.at(-1), 2)))],
  'com.microsoft.BiasDropout': ({ node, values: [x] }) => [
    x,
    tensor(dataTypeAttribute(node, 'mask_type') ?? 'bool', asTensor(x)?.dims),
  ],
};
