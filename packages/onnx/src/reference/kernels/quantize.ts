import type { DataType } from '../../model.ts';
import { roundEven } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Value } from '../value.ts';
import { fill } from '../value.ts';

const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** The scale or zero point that belongs to a position: one for the tensor, or one per slice along `axis`. */
function perAxis(c: KernelContext, x: Value, parameter: Value | undefined): (at: readonly number[]) => number {
  if (!parameter) return () => 0;
  if (parameter.data.length === 1) return () => parameter.data[0]!;
  const axis = axisOf(c.int('axis', 1), x.dims.length);
  if (parameter.dims.length !== 1 || parameter.dims[0] !== x.dims[axis])
    c.refuse(`a scale of shape [${parameter.dims}]`);
  return (at) => parameter.data[at[axis]!]!;
}

/** Opset 13: per tensor or per axis, round half to even, saturate. */
export const quantize: Readonly<Record<string, Kernel>> = {
  QuantizeLinear: (c) => {
    const x = c.input(0);
    const zero = c.optional(2);
    const type = zero?.type ?? 'uint8';
    const [low, high] = ranges[type] ?? c.refuse(`a zero point of type ${type}`);
    const [scale, shift] = [perAxis(c, x, c.input(1)), perAxis(c, x, zero)];
    let i = 0;
    return [fill(type, x.dims, (at) => Math.min(Math.max(roundEven(x.data[i++]! / scale(at)) + shift(at), low), high))];
  },
  DequantizeLinear: (c) => {
    const x = c.input(0);
    const [scale, shift] = [perAxis(c, x, c.input(1)), perAxis(c, x, c.optional(2))];
    let i = 0;
    return [fill(c.input(1).type, x.dims, (at) => (x.data[i++]! - shift(at)) * scale(at))];
  },
};
