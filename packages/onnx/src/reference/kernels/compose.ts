import type { Kernel, KernelContext } from '../kernel.ts';
import { createContext } from '../kernel.ts';
import type { AnyValue, Value } from '../value.ts';
import { piece, transposed } from './movement.ts';

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

/** `[batch, …space, channels]` → `[batch, channels, …space]`. */
export function channelsToFront(x: Value): Value {
  const axes = x.dims.map((_, axis) => axis);
  return transposed(x, [...axes.slice(0, 1), ...axes.slice(-1), ...axes.slice(1, -1)]);
}

/** `[batch, channels, …space]` → `[batch, …space, channels]`. */
export function channelsToBack(x: Value): Value {
  const axes = x.dims.map((_, axis) => axis);
  return transposed(x, [...axes.slice(0, 1), ...axes.slice(2), ...axes.slice(1, 2)]);
}

/** Columns `[from, to)` of the last axis. */
export function columns(x: Value, from: number, to: number): Value {
  return piece(x, x.dims.length - 1, from, to - from);
}
