import type { DataType } from '../../model.ts';
import { roundEven } from '../../number-formats.ts';
import type { KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { mapped } from './unary.ts';
import { rangeOf } from './zeros.ts';

/** The only element of an input. Throws `REFERENCE_SHAPE` for more or less than one. */
export function single(c: KernelContext, what: string, value: Value): number {
  return value.data.length === 1 ? value.data[0]! : c.misfit(`one ${what}`, `[${value.dims}]`);
}

/** `x - zero`, with one zero point, none, or one per column. */
export function centred(c: KernelContext, x: Value, zero: Value | undefined): Value {
  if (!zero) return x;
  const points = perColumn(c, 'zero points', x, zero);
  return mapped(x, (element, i) => element - points(i));
}

/** The real numbers that `x` stands for: `(x − zero) · scale`, with one scale and zero point or one of each per column. */
export function dequantized(c: KernelContext, x: Value, scale: Value, zero: Value | undefined): Value {
  const scales = perColumn(c, 'scales', x, scale);
  return { ...mapped(centred(c, x, zero), (element, i) => element * scales(i)), type: scale.type };
}

/** `round(x / scale) + zero`, halves (of the quotient in float32) to even, saturated to the type of the zero point; without one to `type`. */
export function quantized(c: KernelContext, x: Value, scale: Value, zero: Value | undefined, type: DataType): Value {
  const [step, shift] = [single(c, 'scale', scale), zero ? single(c, 'zero point', zero) : 0];
  const [low, high] = rangeOf(zero?.type ?? type);
  const round = c.precision === 'float32' ? Math.fround : (element: number) => element;
  const data = x.data.map((element) => Math.min(Math.max(roundEven(round(element / step)) + shift, low), high));
  return { ...x, type: zero?.type ?? type, data };
}

/** The element of a parameter that belongs to an element of `x`: one for all, or one per index of the last axis. */
function perColumn(c: KernelContext, what: string, x: Value, parameter: Value): (index: number) => number {
  const { data } = parameter;
  if (data.length === 1) return () => data[0]!;
  const width = x.dims.at(-1) ?? 1;
  return data.length === width
    ? (index) => data[index % width]!
    : c.misfit(`${what} for a tensor or for each of ${width} columns`, `[${parameter.dims}]`);
}

/**
 * Quantization of a tensor by its own range to uint8 (https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html),
 * and back: what is left of the elements.
 */
export function dynamicallyRounded(data: Float64Array): Float64Array {
  let [low, high] = [0, 0];
  for (const element of data) {
    low = Math.min(low, element);
    high = Math.max(high, element);
  }
  const scale = Math.fround((high - low) / 255);
  if (scale === 0) return Float64Array.from(data);
  const zero = roundEven(Math.fround(-low / scale));
  return data.map((x) => (Math.min(Math.max(roundEven(Math.fround(x / scale)) + zero, 0), 255) - zero) * scale);
}
