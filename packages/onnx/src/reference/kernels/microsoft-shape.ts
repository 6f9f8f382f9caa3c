import type { Kernel } from '../kernel.ts';
import { checkedAxis } from '../kernel.ts';
import type { Value } from '../value.ts';
import { strided, strides } from '../value.ts';
import { withInputs } from './compose.ts';
import { indexing } from './indexing.ts';
import { movement } from './movement.ts';
import { sampling } from './sampling.ts';
import { shape } from './shape.ts';

/** Operators of com.microsoft without arithmetic of their own, most of which came before those of ai.onnx. */
export const microsoftShape: Readonly<Record<string, Kernel>> = {
  /** The pads may be a row `[1, 2 · rank]`. */
  'com.microsoft.Pad': (c) => {
    const pads = c.input(1);
    return movement.Pad!(withInputs(c, [c.any(0), { ...pads, dims: [pads.data.length] }, c.optionalAny(2)], 17));
  },
  'com.microsoft.GatherND': (c) => indexing.GatherND!(withInputs(c, c.values, 17)),
  'com.microsoft.GridSample': (c) => sampling.GridSample!(withInputs(c, c.values, 16)),
  'com.microsoft.Range': (c) => {
    const one: Value = { type: c.input(0).type, dims: [], data: Float64Array.of(1) };
    const scalars = [c.input(0), c.input(1), c.optional(2) ?? one].map((x) =>
      x.data.length === 1 ? { ...x, dims: [] } : x,
    );
    return shape.Range!(withInputs(c, scalars, 17));
  },
  /** Every window of `size` elements along an axis, `step` apart, as a new last axis. */
  'com.microsoft.UnfoldTensor': (c) => {
    const x = c.any(0);
    const axis = checkedAxis(c, c.int('dim', -1), x.dims.length);
    const [length, step] = [c.int('size', 0), c.int('step', 1)];
    const windows = Math.floor((x.dims[axis]! - length) / step) + 1;
    if (!(length >= 1 && step >= 1 && windows >= 1))
      c.misfit(`a size up to ${x.dims[axis]} and a step of at least 1`, `${length} and ${step}`);
    const steps = strides(x.dims);
    const dims = [...x.dims.with(axis, windows), length];
    return [strided(x, dims, [...steps.with(axis, steps[axis]! * step), steps[axis]!])];
  },
  'com.microsoft.SampleOp': (c) => [c.any(0)],
  'com.microsoft.Trilu': (c) => movement.Trilu!(withInputs(c, c.values, 17)),
  'com.microsoft.ExpandDims': (c) => {
    const [x, given] = [c.any(0), c.input(1).data[0] ?? c.misfit('an axis', 'none')];
    const rank = x.dims.length;
    const axis = given < 0 ? given + rank + 1 : given;
    if (!(axis >= 0 && axis <= rank)) c.misfit(`an axis of a tensor of rank ${rank + 1}`, `${given}`);
    return [{ ...x, dims: [...x.dims.slice(0, axis), 1, ...x.dims.slice(axis)] }];
  },
  /** The elements in the order of their first occurrence, the place of every element among them, and their counts. */
  'com.microsoft.Unique': (c) => {
    const { type, dims, data } = c.input(0);
    if (dims.length !== 1) c.misfit('a list', `[${dims}]`);
    const places = new Map<number, number>();
    for (const x of data) if (!places.has(x)) places.set(x, places.size);
    const indices = data.map((x) => places.get(x)!);
    const counts = new Float64Array(places.size);
    for (const place of indices) counts[place]!++;
    return [
      { type, dims: [places.size], data: Float64Array.from(places.keys()) },
      { type: 'int64', dims, data: indices },
      { type: 'int64', dims: [places.size], data: counts },
    ];
  },
};
