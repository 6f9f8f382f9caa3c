import type { KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import { evenShare, expectDims, expectRank } from './expect-shape.ts';

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
  return swapMiddle({ ...x, dims: [batch, length, heads, evenShare(c, 'hidden size', hidden, heads)] });
}

/** `[batch, heads, sequence, size]` → `[batch, sequence, heads · size]`. */
export function mergeHeads(x: Value): Value {
  const [batch, heads, length, width] = x.dims as [number, number, number, number];
  return { ...swapMiddle(x), dims: [batch, length, heads * width] };
}

/** `[a, b, c, d]` → `[a, c, b, d]`. */
export function swapMiddle({ type, dims, data }: Value): Value {
  const [a, b, c, d] = dims as [number, number, number, number];
  const out = new Float64Array(data.length);
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++)
      for (let k = 0; k < c; k++) {
        const from = ((i * b + j) * c + k) * d;
        out.set(data.subarray(from, from + d), ((i * c + k) * b + j) * d);
      }
  return { type, dims: [a, c, b, d], data: out };
}

/** Appends to a cache along the sequence: `[batch, heads, past + sequence, size]`. Without a past: `x`. */
export function appendToPast(c: KernelContext, past: Value | undefined, x: Value): Value {
  if (!past) return x;
  const [batch, heads, length, width] = x.dims as [number, number, number, number];
  expectDims(c, 'past', past, [batch, heads, undefined, width]);
  const before = past.dims[2]!;
  const dims = [batch, heads, before + length, width];
  const data = new Float64Array(size(dims));
  for (let row = 0; row < batch * heads; row++) {
    const start = row * (before + length) * width;
    data.set(past.data.subarray(row * before * width, (row + 1) * before * width), start);
    data.set(x.data.subarray(row * length * width, (row + 1) * length * width), start + before * width);
  }
  return { type: x.type, dims, data };
}
