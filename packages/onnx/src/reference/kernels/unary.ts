import type { DataType } from '../../model.ts';
import { roundEven } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import type { TensorValue, Value } from '../value.ts';
import { erf } from './erf.ts';

/** Applies a function of numbers to every element. */
export function mapped(x: Value, apply: (x: number, index: number) => number, type: DataType = x.type): Value {
  const data = new Float64Array(x.data.length);
  for (let i = 0; i < data.length; i++) data[i] = apply(x.data[i]!, i);
  return { type, dims: x.dims, data };
}

const unary =
  (apply: (x: number) => number, type?: DataType): Kernel =>
  (c) => [mapped(c.input(0), apply, type)];

/** A function whose attributes are read once: `make` gives the function. */
const parametric =
  (make: (c: KernelContext) => (x: number) => number): Kernel =>
  (c) => [mapped(c.input(0), make(c))];

/** A function that is exact on 64-bit integers too. */
const exact =
  (apply: (x: number) => number, applyBig: (x: bigint) => bigint): Kernel =>
  (c) => {
    const x = c.any(0);
    const { type, dims, data } = x;
    if (data instanceof BigInt64Array) return [{ type, dims, data: data.map(applyBig) }];
    if (data instanceof BigUint64Array) return [{ type, dims, data: data.map(applyBig) }];
    return [mapped(c.input(0), apply)];
  };

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** `float32` elements are compared and cut exactly: the bounds of Clip, 64-bit integers included. */
function clip(c: KernelContext): readonly TensorValue[] {
  const x = c.any(0);
  const low = c.opset < 11 ? c.float('min', Number.NEGATIVE_INFINITY) : c.optionalAny(1)?.data[0];
  const high = c.opset < 11 ? c.float('max', Number.POSITIVE_INFINITY) : c.optionalAny(2)?.data[0];
  const cut = <T>(element: T): T => {
    const raised = low !== undefined && element < (low as T) ? (low as T) : element;
    return high !== undefined && raised > (high as T) ? (high as T) : raised;
  };
  if (!ArrayBuffer.isView(x.data)) c.misfit('numbers', x.type);
  return [{ ...x, data: (x.data as Float64Array).map(cut) }];
}

/** Functions of one element: mathematics, rounding, activations. */
export const unaryKernels: Readonly<Record<string, Kernel>> = {
  Abs: exact(Math.abs, (x) => (x < 0n ? -x : x)),
  Neg: exact(
    (x) => -x,
    (x) => -x,
  ),
  Sign: exact(Math.sign, (x) => (x < 0n ? -1n : x > 0n ? 1n : 0n)),
  BitwiseNot: exact(
    (x) => ~x,
    (x) => ~x,
  ),
  Not: unary((x) => (x === 0 ? 1 : 0)),

  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Tan: unary(Math.tan),
  Asin: unary(Math.asin),
  Acos: unary(Math.acos),
  Atan: unary(Math.atan),
  Sinh: unary(Math.sinh),
  Cosh: unary(Math.cosh),
  Tanh: unary(Math.tanh),
  Asinh: unary(Math.asinh),
  Acosh: unary(Math.acosh),
  Atanh: unary(Math.atanh),
  Erf: unary(erf),

  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Round: unary(roundEven),
  IsNaN: unary((x) => (Number.isNaN(x) ? 1 : 0), 'bool'),
  IsInf: (c) => {
    const [negative, positive] = [c.int('detect_negative', 1) === 1, c.int('detect_positive', 1) === 1];
    const found = (x: number) => (positive && x === Infinity) || (negative && x === -Infinity);
    return [mapped(c.input(0), (x) => (found(x) ? 1 : 0), 'bool')];
  },
  Clip: clip,

  Sigmoid: unary(sigmoid),
  Softplus: unary(softplus),
  Softsign: unary((x) => x / (1 + Math.abs(x))),
  Relu: unary((x) => Math.max(x, 0)),
  LeakyRelu: parametric((c) => {
    const alpha = c.float('alpha', 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  }),
  ThresholdedRelu: parametric((c) => {
    const alpha = c.float('alpha', 1);
    return (x) => (x > alpha ? x : 0);
  }),
  Elu: parametric((c) => {
    const alpha = c.float('alpha', 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
  }),
  Selu: parametric((c) => {
    // Before opset 6 the defaults had fewer digits.
    const alpha = c.float('alpha', c.opset < 6 ? 1.6732 : Math.fround(1.6732632));
    const gamma = c.float('gamma', c.opset < 6 ? 1.0507 : Math.fround(1.050701));
    return (x) => gamma * (x <= 0 ? alpha * Math.expm1(x) : x);
  }),
  Celu: parametric((c) => {
    const alpha = c.float('alpha', 1);
    return (x) => Math.max(x, 0) + Math.min(0, alpha * Math.expm1(x / alpha));
  }),
  Gelu: parametric((c) => {
    const k = Math.sqrt(2 / Math.PI);
    if (c.text('approximate', 'none') === 'tanh') return (x) => 0.5 * x * (1 + Math.tanh(k * (x + 0.044715 * x ** 3)));
    return (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2));
  }),
  HardSigmoid: parametric((c) => {
    const [alpha, beta] = [c.float('alpha', 0.2), c.float('beta', 0.5)];
    return (x) => Math.max(0, Math.min(1, alpha * x + beta));
  }),
  HardSwish: unary((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  Mish: unary((x) => x * Math.tanh(softplus(x))),
  Swish: parametric((c) => {
    const alpha = c.float('alpha', 1);
    return (x) => x * sigmoid(alpha * x);
  }),
  Shrink: parametric((c) => {
    const [bias, lambda] = [c.float('bias', 0), c.float('lambd', 0.5)];
    return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0);
  }),

  // Experimental operators of the first operator sets, withdrawn since.
  Affine: parametric((c) => {
    const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 0)];
    return (x) => alpha * x + beta;
  }),
  ScaledTanh: parametric((c) => {
    const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 1)];
    return (x) => alpha * Math.tanh(beta * x);
  }),
  ParametricSoftplus: parametric((c) => {
    const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 1)];
    return (x) => alpha * softplus(beta * x);
  }),
};
