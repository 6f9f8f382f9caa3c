import type { DataType } from '../../model.ts';
import type { KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import { misshapen } from './expect-shape.ts';

/** The most elements one value may have: 2 GiB of doubles. */
const mostElements = 2 ** 28;

/**
 * A value of zeros. Errors: `REFERENCE_SHAPE` for dimensions that are no sizes, or for more than 2²⁸ elements, so that a
 * malformed model cannot ask for all of the memory.
 */
export function zeros(c: KernelContext, type: DataType, dims: readonly number[]): Value & { data: Float64Array } {
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) misshapen(c, 'an output of sizes', `[${dims}]`);
  if (!(size(dims) <= mostElements)) misshapen(c, `an output of at most ${mostElements} elements`, `[${dims}]`);
  return { type, dims: [...dims], data: new Float64Array(size(dims)) };
}

/** The smallest and the largest element an integer type holds; infinities for other types. */
export function rangeOf(type: DataType): readonly [low: number, high: number] {
  const integer = /^(u?)int(\d+)$/.exec(type);
  if (!integer) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const bits = Number(integer[2]);
  return integer[1] === 'u' ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}
