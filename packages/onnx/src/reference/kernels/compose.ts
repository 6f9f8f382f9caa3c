import type { Kernel, KernelContext } from '../kernel.ts';
import { createContext } from '../kernel.ts';
import type { AnyValue, Value } from '../value.ts';
import { strided, strides } from '../value.ts';

/** The same node seen with other inputs, to compute by the kernel of another operator, which may want an opset. */
export function withInputs(
  c: KernelContext,
  inputs: readonly (AnyValue | undefined)[],
  opset: number = c.opset,
): KernelContext {
  return createContext(c.node, inputs, { opset, precision: c.precision, run: c.run });
}

/** The first output of a kernel on other inputs. */
export function apply(c: KernelContext, kernel: Kernel, inputs: readonly (Value | undefined)[], opset?: number): Value {
  return kernel(withInputs(c, inputs, opset))[0] as Value;
}

/** `x` with every element replaced. */
export function mapped(x: Value, element: (x: number, index: number) => number): Value {
  return { ...x, data: x.data.map(element) };
}

/** Axes in another order: axis i of the result is axis `order[i]` of `x`. */
export function permuted(x: Value, order: readonly number[]): Value {
  const steps = strides(x.dims);
  return strided(
    x,
    order.map((axis) => x.dims[axis]!),
    order.map((axis) => steps[axis]!),
  ) as Value;
}

/** `[batch, …space, channels]` → `[batch, channels, …space]`. */
export function channelsToFront(x: Value): Value {
  const axes = x.dims.map((_, axis) => axis);
  return permuted(x, [...axes.slice(0, 1), ...axes.slice(-1), ...axes.slice(1, -1)]);
}

/** `[batch, channels, …space]` → `[batch, …space, channels]`. */
export function channelsToBack(x: Value): Value {
  const axes = x.dims.map((_, axis) => axis);
  return permuted(x, [...axes.slice(0, 1), ...axes.slice(2), ...axes.slice(1, 2)]);
}

/** Columns `[from, to)` of the last axis. */
export function columns({ type, dims, data }: Value, from: number, to: number): Value {
  const [width, kept] = [dims.at(-1)!, to - from];
  const rows = width === 0 ? 0 : data.length / width;
  const out = new Float64Array(rows * kept);
  for (let row = 0; row < rows; row++) out.set(data.subarray(row * width + from, row * width + to), row * kept);
  return { type, dims: [...dims.slice(0, -1), kept], data: out };
}
