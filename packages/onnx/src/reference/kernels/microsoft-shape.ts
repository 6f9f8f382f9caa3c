import type { Kernel } from '../kernel.ts';
import { withInputs } from './compose.ts';
import { movement } from './movement.ts';

/** Operators of com.microsoft that came before those of ai.onnx. */
export const microsoftShape: Readonly<Record<string, Kernel>> = {
  /** The pads may be a row `[1, 2 · rank]`. */
  'com.microsoft.Pad': (c) => {
    const pads = c.input(1);
    return movement.Pad!(withInputs(c, [c.any(0), { ...pads, dims: [pads.data.length] }, c.optionalAny(2)], 17));
  },
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
