import type { Kernel } from '../kernel.ts';
import { checkedAxis } from '../kernel.ts';
import type { Elements } from '../value.ts';
import { allocate, size } from '../value.ts';
import { expectDims } from './expect-shape.ts';

export const cache: Readonly<Record<string, Kernel>> = {
  /** Writes the update into the cache along the sequence axis, from each sample's `write_indices` on. */
  TensorScatter: (c) => {
    const [past, update, indices] = [c.any(0), c.any(1), c.integers(2)];
    const axis = checkedAxis(c, c.int('axis', -2), past.dims.length);
    const mode = c.text('mode', 'linear');
    if (mode !== 'linear' && mode !== 'circular') c.refuse(`the mode "${mode}"`);
    if (axis === 0) c.misfit(`a sequence axis of [${past.dims}] behind the batch`, '0');
    const [most, length, inner] = [past.dims[axis]!, update.dims[axis] ?? 0, size(past.dims.slice(axis + 1))];
    const expected = past.dims.map((dim, i) => (i === axis ? undefined : dim));
    expectDims(c, 'the update', update, expected);
    expectDims(c, 'write_indices', c.optional(2), [past.dims[0]!]);
    if (length > most) c.misfit(`an update of at most ${most} tokens`, `${length}`);
    const data = allocate(past, past.data.length);
    for (let i = 0; i < past.data.length; i++) data[i] = past.data[i]!;
    const rows = size(past.dims.slice(0, axis));
    for (let row = 0; row < rows; row++) {
      const start = indices?.[Math.floor((row * past.dims[0]!) / rows)] ?? 0;
      if (start < 0 || (mode === 'linear' && start + length > most))
        c.misfit(`write indices up to ${most - length}`, `${start}`);
      for (let t = 0; t < length; t++) {
        const [from, to] = [(row * length + t) * inner, (row * most + ((start + t) % most)) * inner];
        for (let i = 0; i < inner; i++) data[to + i] = update.data[from + i]!;
      }
    }
    return [{ ...past, data: data as unknown as Elements }];
  },
};
