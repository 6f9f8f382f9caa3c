import { float } from '../../builder.ts';
import type { DecomposeContext, Decomposition } from '../rule.ts';

/** The float values of quantized input `at`, whose scale and zero point are inputs too. */
function dequantized(c: DecomposeContext, at: number, scale: number, zeroPoint: number, axis?: number): string {
  const inputs = [c.x(at), c.x(scale), ...(c.has(zeroPoint) ? [c.x(zeroPoint)] : [])];
  return c.op('DequantizeLinear', inputs, perAxis(c, c.x(scale), axis));
}

/** The axis attribute where the scale is a vector. */
function perAxis(c: DecomposeContext, scale: string, axis: number | undefined): Record<string, number> {
  const dims = c.dims(scale);
  if (dims !== undefined && (dims.length === 0 || (dims.length === 1 && dims[0] === 1))) return {};
  if (axis === undefined) return c.refuse('a scale that is not one number');
  if (c.opset < 13) return c.refuse('a scale per axis needs opset 13');
  return { axis };
}

/** Quantizes `value` by the scale and zero point inputs at `scale`, to the type of the zero point. */
function quantized(c: DecomposeContext, value: string, scale: number): string {
  return c.op('QuantizeLinear', [value, c.x(scale), ...(c.has(scale + 1) ? [c.x(scale + 1)] : [])]);
}

/** `input − zero point` as int32, the zero point per row or per column where it is a vector. */
function shifted(c: DecomposeContext, at: number, zeroPoint: number, perRow: boolean): string {
  const whole = c.cast(c.x(at), 'int32');
  if (!c.has(zeroPoint)) return whole;
  const point = c.cast(c.x(zeroPoint), 'int32');
  const column = perRow && c.dims(c.x(zeroPoint))?.length === 1 ? c.reshape(point, [-1, 1]) : point;
  return c.op('Sub', [whole, column]);
}

/** A product of dequantized operands; the vector of scales of the right one is per column. */
function product(c: DecomposeContext, a: string, b: string, bias: number): string {
  const made = c.op('MatMul', [a, b]);
  return c.has(bias) ? c.op('Add', [made, c.x(bias)]) : made;
}

const convolutionAttributes = ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides'];

function convolution(c: DecomposeContext, inputs: readonly string[]): string {
  const kept = convolutionAttributes.flatMap((name) => {
    const attribute = c.node.attributes[name];
    return attribute === undefined ? [] : [[name, attribute] as const];
  });
  return c.op('Conv', inputs, Object.fromEntries(kept));
}

const pairwise =
  (opType: string): Decomposition =>
  (c) => [quantized(c, c.op(opType, [dequantized(c, 0, 1, 2), dequantized(c, 3, 4, 5)]), 6)];

const unary =
  (emit: (c: DecomposeContext, x: string) => string): Decomposition =>
  (c) => [quantized(c, emit(c, dequantized(c, 0, 1, 2)), 3)];

/** scale = span / 255 with the span widened to hold 0; zero point = round(−min / scale) (the operator's definition). */
function dynamicQuantize(c: DecomposeContext, x: string): readonly [string, string, string] {
  const zero = c.scalar(0, x);
  const low = c.op('Min', [c.reduce('ReduceMin', x, undefined, false), zero]);
  const high = c.op('Max', [c.reduce('ReduceMax', x, undefined, false), zero]);
  const scale = c.op('Div', [c.op('Sub', [high, low]), c.scalar(255, x)]);
  const point = c.op('Clip', [c.op('Neg', [c.op('Div', [low, scale])]), zero, c.scalar(255, x)]);
  const zeroPoint = c.cast(c.op('Round', [point]), 'uint8');
  return [c.op('QuantizeLinear', [x, scale, zeroPoint]), scale, zeroPoint];
}

/**
 * Integer arithmetic of quantized models as float arithmetic between QuantizeLinear and DequantizeLinear. The results are
 * those of exact arithmetic rounded once, so they may differ from an integer kernel by one level. ConvInteger runs in
 * float32: exact while its sums stay below 2²⁴.
 */
export const quantizedForms: Readonly<Record<string, Decomposition>> = {
  MatMulInteger: (c) => [c.op('MatMul', [shifted(c, 0, 2, true), shifted(c, 1, 3, false)])],
  ConvInteger: (c) => {
    const point = c.has(3) && c.dims(c.x(3))?.length === 1 ? c.reshape(c.x(3), kernelColumn(c)) : c.x(3);
    const centred = (value: string, zeroPoint: string) => {
      const whole = c.cast(value, 'float32');
      return zeroPoint === '' ? whole : c.op('Sub', [whole, c.cast(zeroPoint, 'float32')]);
    };
    const sums = convolution(c, [centred(c.x(), c.x(2)), centred(c.x(1), point)]);
    return [c.cast(sums, 'int32')];
  },
  DynamicQuantizeLinear: (c) => dynamicQuantize(c, c.x()),
  QLinearMatMul: (c) => {
    const b = dequantized(c, 3, 4, 5, c.dims(c.x(4))?.length === 1 ? c.rank(c.x(3)) - 1 : undefined);
    return [quantized(c, c.op('MatMul', [dequantized(c, 0, 1, 2), b]), 6)];
  },
  QLinearConv: (c) => {
    const weights = dequantized(c, 3, 4, 5, 0);
    const bias = c.has(8) ? [c.op('Mul', [c.cast(c.x(8), 'float32'), c.op('Mul', [c.x(1), c.x(4)])])] : [];
    if (c.int('channels_last', 0) !== 0) c.refuse('channels last');
    return [quantized(c, convolution(c, [dequantized(c, 0, 1, 2), weights, ...bias]), 6)];
  },
  'com.microsoft.MatMulIntegerToFloat': (c) => {
    const b = dequantized(c, 1, 3, 5, c.dims(c.x(3))?.length === 0 ? undefined : c.rank(c.x(1)) - 1);
    return [product(c, dequantized(c, 0, 2, 4), b, 6)];
  },
  'com.microsoft.DynamicQuantizeMatMul': (c) => {
    const [levels, scale, point] = c.ops('DynamicQuantizeLinear', [c.x()], {}, 3);
    const b = dequantized(c, 1, 2, 3, c.dims(c.x(2))?.length === 0 ? undefined : c.rank(c.x(1)) - 1);
    return [product(c, c.op('DequantizeLinear', [levels!, scale!, point!]), b, 4)];
  },
  'com.microsoft.QGemm': (c) => {
    const transB = c.int('transB', 0);
    const b = dequantized(c, 3, 4, 5, transB === 1 ? 0 : 1);
    const alpha = c.float('alpha', 1);
    const made = c.op('Gemm', [dequantized(c, 0, 1, 2), b], {
      transA: c.int('transA', 0),
      transB,
      alpha: float(alpha),
    });
    let y = made;
    if (c.has(6)) {
      const step = c.op('Mul', [c.x(1), c.x(4)]);
      const unit = alpha === 1 ? step : c.op('Mul', [step, c.scalar(alpha, step)]);
      y = c.op('Add', [made, c.op('Mul', [c.cast(c.x(6), 'float32'), unit])]);
    }
    return [c.has(7) ? quantized(c, y, 7) : y];
  },
  'com.microsoft.QLinearAdd': pairwise('Add'),
  'com.microsoft.QLinearMul': pairwise('Mul'),
  'com.microsoft.QLinearSigmoid': unary((c, x) => c.op('Sigmoid', [x])),
  'com.microsoft.QLinearLeakyRelu': unary((c, x) => {
    const below = c.op('Mul', [x, c.scalar(c.float('alpha', 0.01), x)]);
    return c.op('Where', [c.op('Less', [x, c.scalar(0, x)]), below, x]);
  }),
  'com.microsoft.QuantizeLinear': (c) => [
    c.op('QuantizeLinear', c.node.inputs, c.hasAttribute('axis') ? { axis: c.int('axis', 1) } : {}),
  ],
  'com.microsoft.DequantizeLinear': (c) => [
    c.op('DequantizeLinear', c.node.inputs, c.hasAttribute('axis') ? { axis: c.int('axis', 1) } : {}),
  ],
};

/** The shape [M, 1, …] that lays a zero point per output channel along the kernel. */
function kernelColumn(c: DecomposeContext): readonly number[] {
  return [-1, ...Array.from({ length: c.rank(c.x(1)) - 1 }, () => 1)];
}
