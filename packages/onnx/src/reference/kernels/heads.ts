import type { KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { evenShare, expectDims, expectRank } from './expect-shape.ts';
import { concatenated, transposed } from './movement.ts';

/** Input `index` as `[batch, heads, sequence, size]`; a 3-D one is split by the attribute with the number of heads. */
export function headsOf(c: KernelContext, index: number, attribute: string): Value {
  const x = c.input(index);
  expectRank(c, `input ${index}`, x, 3, 4);
  if (x.dims.length === 4) return x;
  const heads = c.int(attribute, 0);
  return heads > 0 ? splitHeads(c, x, heads) : c.refuse(`3-D inputs without ${attribute}`);
}

/** `[batch, sequence, heads · size]` → `[batch, heads, sequence, size]`. */
export function splitHeads(c: KernelContext, x: Value, heads: number): Value {
  const [batch, length, hidden] = [x.dims[0]!, x.dims[1]!, x.dims[2]!];
  const split = [batch, length, heads, evenShare(c, 'hidden size', hidden, heads)];
  return transposed({ ...x, dims: split }, [0, 2, 1, 3]);
}

/** `[batch, heads, sequence, size]` → `[batch, sequence, heads · size]`. */
export function mergeHeads(x: Value): Value {
  const [batch, heads, length, width] = x.dims as [number, number, number, number];
  return { ...transposed(x, [0, 2, 1, 3]), dims: [batch, length, heads * width] };
}

/** Appends to a cache along the sequence: `[batch, heads, past + sequence, size]`. Without a past: `x`. */
export function appendToPast(c: KernelContext, past: Value | undefined, x: Value): Value {
  if (!past) return x;
  expectDims(c, 'past', past, [x.dims[0], x.dims[1], undefined, x.dims[3]]);
  return concatenated(c, [past, x], 2);
}
