import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { expectDims } from './expect-shape.ts';
import { headsOf, mergeHeads } from './heads.ts';

/** How rotary embeddings of a token's heads are laid out. */
export interface Rotary {
  /** `[…, half]`, with half the rotated width in each row. */
  readonly cos: Value;
  readonly sin: Value;
  /** Row of the caches for a token. */
  readonly row: (batch: number, token: number) => number;
  /** Neighbours form the pairs, instead of the two halves. */
  readonly interleaved: boolean;
}

/** Rotates the first `2 · half` elements of each head of `[batch, heads, sequence, size]`. Throws `REFERENCE_SHAPE`. */
export function rotate(c: KernelContext, x: Value, { cos, sin, row, interleaved }: Rotary): Value {
  const [batch, heads, length, width] = x.dims as [number, number, number, number];
  const half = cos.dims.at(-1) ?? 0;
  const rows = half === 0 ? 0 : cos.data.length / half;
  expectDims(c, 'the sines', sin, cos.dims);
  if (2 * half > width) c.misfit(`at most ${width / 2} cosines a row`, `${half}`);
  if (x.data.length === 0) return x;
  const data = Float64Array.from(x.data);
  for (let b = 0; b < batch; b++) {
    for (let s = 0; s < length; s++) {
      const angles = row(b, s);
      if (!(angles >= 0 && angles < rows)) c.misfit(`positions below ${rows}`, `${angles}`);
      for (let h = 0; h < heads; h++) {
        const start = ((b * heads + h) * length + s) * width;
        for (let d = 0; d < half; d++) {
          const first = start + (interleaved ? 2 * d : d);
          const second = first + (interleaved ? 1 : half);
          const [cosine, sine] = [cos.data[angles * half + d]!, sin.data[angles * half + d]!];
          data[first] = cosine * x.data[first]! - sine * x.data[second]!;
          data[second] = sine * x.data[first]! + cosine * x.data[second]!;
        }
      }
    }
  }
  return { ...x, data };
}

export const rotary: Readonly<Record<string, Kernel>> = {
  /** Inputs X, cosines, sines and, where the caches are indexed by position, the positions `[batch, sequence]`. */
  RotaryEmbedding: (c) => {
    const [x, cos, sin, positions] = [c.input(0), c.input(1), c.input(2), c.optional(3)];
    const heads = headsOf(c, 0, 'num_heads');
    const [batch, length, width] = [heads.dims[0]!, heads.dims[2]!, heads.dims[3]!];
    const half = (c.int('rotary_embedding_dim', 0) || width) / 2;
    expectDims(c, 'positions', positions, [batch, length]);
    expectDims(c, 'the cosines', cos, positions ? [undefined, half] : [batch, length, half]);
    const row = (b: number, s: number) => (positions ? positions.data[b * length + s]! : b * length + s);
    const rotated = rotate(c, heads, { cos, sin, row, interleaved: c.int('interleaved', 0) === 1 });
    return [x.dims.length === 3 ? mergeHeads(rotated) : rotated];
  },
};
