import type { DataType } from '../../model.ts';
import { integerRange } from '../../number-formats.ts';
import type { KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';

/** The most elements one value may have: 2 GiB of doubles. */
const mostElements = 2 ** 28;

/**
 * A value of zeros. Errors: `REFERENCE_SHAPE` for dimensions that are no sizes, or for more than 2²⁸ elements, so that a
 * malformed model cannot ask for all of the memory.
 */
export function zeros(c: KernelContext, type: DataType, dims: readonly number[]): Value & { data: Float64Array } {
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) c.misfit('an output of sizes', `[${dims}]`);
  if (!(size(dims) <= mostElements)) c.misfit(`an output of at most ${mostElements} elements`, `[${dims}]`);
  return { type, dims: [...dims], data: new Float64Array(size(dims)) };
}

/** The smallest and the largest element a type holds; infinities for floats and booleans. */
export function rangeOf(type: DataType): readonly [low: number, high: number] {
  return integerRange(type) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
}
