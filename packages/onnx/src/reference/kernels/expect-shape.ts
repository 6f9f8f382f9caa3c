import type { KernelContext } from '../kernel.ts';
import type { TensorValue } from '../value.ts';

/** Checks a shape; `undefined` stands for any size. Throws `REFERENCE_SHAPE`. */
export function expectDims(
  c: KernelContext,
  what: string,
  value: TensorValue | undefined,
  dims: readonly (number | undefined)[],
): void {
  if (!value) return;
  const fits = value.dims.length === dims.length && dims.every((dim, i) => dim === undefined || dim === value.dims[i]);
  if (!fits) c.misfit(`${what} of shape [${dims.map((dim) => dim ?? '?')}]`, `[${value.dims}]`);
}

/** Checks the number of axes. Throws `REFERENCE_SHAPE`. */
export function expectRank(c: KernelContext, what: string, value: TensorValue, ...ranks: readonly number[]): void {
  if (!ranks.includes(value.dims.length)) c.misfit(`${what} of rank ${ranks.join(' or ')}`, `[${value.dims}]`);
}

/** `total / parts`, which must be a whole number of at least 0. Throws `REFERENCE_SHAPE`. */
export function evenShare(c: KernelContext, what: string, total: number, parts: number): number {
  const whole = Number.isInteger(parts) && parts > 0 && total % parts === 0;
  return whole ? total / parts : c.misfit(`${what} divisible by its ${parts} parts`, `${total}`);
}
