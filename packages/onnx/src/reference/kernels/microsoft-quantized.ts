import type { Kernel, KernelContext } from '../kernel.ts';
import { checkedAxis } from '../kernel.ts';
import type { Value } from '../value.ts';
import { broadcastDims, broadcastTo, size } from '../value.ts';
import { sigmoid } from './activation.ts';
import { centred, dequantized, dynamicallyRounded, quantized, single } from './affine-numbers.ts';
import { apply, channelsToBack, channelsToFront, withInputs } from './compose.ts';
import { convolution } from './convolution.ts';
import { expectRank } from './expect-shape.ts';
import { linear } from './linear.ts';
import { projectedAttention } from './microsoft-attention.ts';
import { microsoftNormalization } from './microsoft-normalization.ts';
import { concatenated, transposed } from './movement.ts';
import { normalization } from './normalization.ts';
import { pools } from './pooling.ts';
import { quantize } from './quantize.ts';
import { reduce } from './reduce.ts';
import { mapped } from './unary.ts';

/** Opset of ai.onnx by which the kernels of that domain are used here. */
const OPSET = 17;

/** The real numbers of inputs `index`, `index + 1` (scale) and `index + 2` (zero point). */
const real = (c: KernelContext, index: number): Value =>
  dequantized(c, c.input(index), c.input(index + 1), c.optional(index + 2));

/** Quantizes by inputs `index` (scale) and `index + 1` (zero point), to the type of the first input. */
const back = (c: KernelContext, x: Value, index: number): Value =>
  quantized(c, x, c.input(index), c.optional(index + 1), c.input(0).type);

/** One quantized input, a function of real numbers, and a quantized output. */
const unary =
  (compute: (c: KernelContext, x: Value) => Value): Kernel =>
  (c) => [back(c, compute(c, real(c, 0)), 3)];

/** Two quantized inputs that broadcast. */
const binary =
  (compute: (a: number, b: number) => number): Kernel =>
  (c) => {
    const [a, b] = [real(c, 0), real(c, 3)];
    const dims = broadcastDims([a.dims, b.dims], c.where);
    const [left, right] = [broadcastTo(a, dims), broadcastTo(b, dims)];
    return [back(c, { ...left, data: left.data.map((x, i) => compute(x, right.data[i]!)) }, 6)];
  };

/** Computes with the channels in front, and puts them back where they were. */
function channelsAnywhere(c: KernelContext, x: Value, compute: (x: Value) => Value): Value {
  return c.int('channels_last', 0) === 1 ? channelsToBack(compute(channelsToFront(x))) : compute(x);
}

/** A B with real numbers, plus a bias row. */
function matMulPlus(c: KernelContext, a: Value, b: Value, bias: Value | undefined): Value {
  const product = apply(c, linear.MatMul!, [a, b], OPSET);
  const width = product.dims.at(-1) ?? 1;
  if (bias && bias.data.length !== width) c.misfit(`${width} biases`, `[${bias.dims}]`);
  return bias ? mapped(product, (x, i) => x + bias.data[i % width]!) : product;
}

export const microsoftQuantized: Readonly<Record<string, Kernel>> = {
  'com.microsoft.QuantizeLinear': (c) => [apply(c, quantize.QuantizeLinear!, c.inputs, OPSET)],
  'com.microsoft.DequantizeLinear': (c) => [apply(c, quantize.DequantizeLinear!, c.inputs, OPSET)],
  'com.microsoft.QLinearAdd': binary((a, b) => a + b),
  'com.microsoft.QLinearMul': binary((a, b) => a * b),
  /** (A − zero point) · (B − zero point), in int32. */
  'com.microsoft.MulInteger': (c) => {
    const [a, b] = [centred(c, c.input(0), c.optional(1)), centred(c, c.input(2), c.optional(3))];
    const dims = broadcastDims([a.dims, b.dims], c.where);
    const [left, right] = [broadcastTo(a, dims), broadcastTo(b, dims)];
    return [{ ...mapped(left, (x, i) => x * right.data[i]!), type: 'int32' }];
  },
  /** EmbedLayerNormalization of stored tables; the segments' inputs are all there or none. */
  'com.microsoft.QEmbedLayerNormalization': (c) => {
    const table = (index: number, scale: number, zero: number) =>
      dequantized(c, c.input(index), c.input(scale), c.optional(zero));
    const segments = c.optional(1) && table(4, 10, 15);
    const tables = [table(2, 8, 13), table(3, 9, 14), segments, table(5, 11, 16), table(6, 12, 17)];
    const inner = withInputs(c, [c.input(0), c.optional(1), ...tables, c.optional(7)]);
    return microsoftNormalization['com.microsoft.EmbedLayerNormalization']!(inner).slice(0, 2);
  },
  'com.microsoft.QLinearSigmoid': unary((_, x) => mapped(x, sigmoid)),
  'com.microsoft.QLinearLeakyRelu': unary((c, x) => {
    const alpha = c.float('alpha', 0.01);
    return mapped(x, (element) => (element >= 0 ? element : alpha * element));
  }),
  /** `opset` is that of the Softmax it stands for: below 13 the axes from `axis` on are one. */
  'com.microsoft.QLinearSoftmax': unary((c, x) => {
    const axis = checkedAxis(c, c.int('axis', -1), x.dims.length);
    if (c.int('opset', OPSET) >= 13) return apply(c, normalization.Softmax!, [x], 13);
    const flat = {
      ...x,
      dims: [...x.dims.slice(0, axis), size(x.dims.slice(axis)), ...x.dims.slice(axis + 1).map(() => 1)],
    };
    return { ...apply(c, normalization.Softmax!, [flat], 13), dims: x.dims };
  }),
  'com.microsoft.QLinearReduceMean': unary((c, x) => apply(c, reduce.ReduceMean!, [x], OPSET)),
  'com.microsoft.QLinearAveragePool': unary((c, x) =>
    channelsAnywhere(c, x, (front) => apply(c, pools.AveragePool!, [front], OPSET)),
  ),
  'com.microsoft.QLinearGlobalAveragePool': unary((c, x) =>
    channelsAnywhere(c, x, (front) => apply(c, pools.GlobalAveragePool!, [front], OPSET)),
  ),
  /** Inputs: the output's scale and zero point, then each tensor with its own. */
  'com.microsoft.QLinearConcat': (c) => {
    const parts = Array.from({ length: Math.floor((c.inputs.length - 2) / 3) }, (_, i) => real(c, 2 + 3 * i));
    const joined = concatenated(c, parts, c.int('axis', 0));
    return [quantized(c, joined, c.input(0), c.optional(1), c.input(2).type)];
  },
  /** x where the condition holds, y elsewhere. */
  'com.microsoft.QLinearWhere': (c) => {
    const [x, y] = [real(c, 1), real(c, 4)];
    const dims = broadcastDims([c.input(0).dims, x.dims, y.dims], c.where);
    const [condition, left, right] = [c.input(0), x, y].map((value) => broadcastTo(value, dims));
    const chosen = mapped(left!, (element, i) => (condition!.data[i] === 0 ? right!.data[i]! : element));
    return [quantized(c, chosen, c.input(7), c.optional(8), c.input(1).type)];
  },
  'com.microsoft.QLinearConv': (c) => {
    const rest = c.inputs.slice(1);
    return [channelsAnywhere(c, c.input(0), (x) => apply(c, convolution.QLinearConv!, [x, ...rest], OPSET))];
  },
  /** alpha · a_scale · b_scale · (A B + C), with C in int32; quantized if there is an output scale. */
  'com.microsoft.QGemm': (c) => {
    const turn = (x: Value, attribute: string) => {
      expectRank(c, 'operands', x, 2);
      return c.int(attribute, 0) ? transposed(x, [1, 0]) : x;
    };
    const a = turn(centred(c, c.input(0), c.optional(2)), 'transA');
    const b = dequantized(c, turn(c.input(3), 'transB'), c.input(4), c.optional(5));
    const bias = c.optional(6);
    const scale = single(c, 'scale', c.input(1));
    const scales = c.input(4);
    const alpha = c.float('alpha', 1);
    const product = apply(c, linear.MatMul!, [a, b], OPSET);
    const columns = product.dims.at(-1)!;
    const added = bias && broadcastTo(bias, broadcastDims([bias.dims, product.dims], c.where));
    if (added && `${added.dims}` !== `${product.dims}`)
      c.misfit(`C that broadcasts to [${product.dims}]`, `[${added.dims}]`);
    const result = mapped(product, (x, i) => {
      const unit = scales.data[scales.data.length === 1 ? 0 : i % columns]!;
      return alpha * scale * (x + unit * (added?.data[i] ?? 0));
    });
    const output = c.optional(7);
    return [output ? quantized(c, result, output, c.optional(8), c.input(0).type) : { ...result, type: 'float32' }];
  },
  'com.microsoft.MatMulIntegerToFloat': (c) => {
    const a = dequantized(c, c.input(0), c.input(2), c.optional(4));
    return [matMulPlus(c, a, dequantized(c, c.input(1), c.input(3), c.optional(5)), c.optional(6))];
  },
  /** A is rounded to 256 levels of its own range first. */
  'com.microsoft.DynamicQuantizeMatMul': (c) => {
    const a = c.input(0);
    const b = dequantized(c, c.input(1), c.input(2), c.optional(3));
    return [matMulPlus(c, { ...a, data: dynamicallyRounded(a.data) }, b, c.optional(4))];
  },
  'com.microsoft.QAttention': (c) => {
    const x = dequantized(c, c.input(0), c.input(3), c.optional(6));
    const weights = dequantized(c, c.input(1), c.input(4), c.optional(7));
    const [bias, mask, past] = [c.optional(2), c.optional(5), c.optional(8)];
    return projectedAttention(c, { x, weights, bias, mask, past, attentionBias: undefined });
  },
};
