import type { Kernel } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import { fill, strides } from '../value.ts';

export const indexing: Readonly<Record<string, Kernel>> = {
  Gather: (c) => {
    const [x, indices] = [c.input(0), c.input(1)];
    const axis = axisOf(c.int('axis', 0), x.dims.length);
    const width = indices.dims.length;
    const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
    const [steps, indexSteps] = [strides(x.dims), strides(indices.dims)];
    return [
      fill(x.type, dims, (at) => {
        const index = indices.data[at.slice(axis, axis + width).reduce((o, p, i) => o + p * indexSteps[i]!, 0)]!;
        const row = axisOf(index, x.dims[axis]!);
        if (row < 0 || row >= x.dims[axis]!) c.refuse(`index ${index} for an axis of ${x.dims[axis]}`);
        const position = [...at.slice(0, axis), row, ...at.slice(axis + width)];
        return x.data[position.reduce((o, p, i) => o + p * steps[i]!, 0)]!;
      }),
    ];
  },
  GatherElements: (c) => {
    const [x, indices] = [c.input(0), c.input(1)];
    const axis = axisOf(c.int('axis', 0), x.dims.length);
    const steps = strides(x.dims);
    let i = 0;
    return [
      fill(x.type, indices.dims, (at) => {
        const row = axisOf(indices.data[i++]!, x.dims[axis]!);
        return x.data[at.reduce((o, p, k) => o + (k === axis ? row : p) * steps[k]!, 0)]!;
      }),
    ];
  },
  ScatterElements: (c) => {
    const [x, indices, updates] = [c.input(0), c.input(1), c.input(2)];
    const axis = axisOf(c.int('axis', 0), x.dims.length);
    const reduction = c.text('reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') c.refuse(`reduction ${reduction}`);
    const steps = strides(x.dims);
    const data = x.data.slice();
    let i = 0;
    fill(x.type, indices.dims, (at) => {
      const row = axisOf(indices.data[i]!, x.dims[axis]!);
      const offset = at.reduce((o, p, k) => o + (k === axis ? row : p) * steps[k]!, 0);
      data[offset] = (reduction === 'add' ? data[offset]! : 0) + updates.data[i]!;
      return indices.data[i++]!;
    });
    return [{ type: x.type, dims: x.dims, data }];
  },
  OneHot: (c) => {
    const [indices, values] = [c.input(0), c.input(2)];
    const depth = c.input(1).data[0]!;
    const rank = indices.dims.length + 1;
    const axis = axisOf(c.int('axis', -1), rank);
    const dims = [...indices.dims.slice(0, axis), depth, ...indices.dims.slice(axis)];
    const steps = strides(indices.dims);
    return [
      fill(values.type, dims, (at) => {
        const position = [...at.slice(0, axis), ...at.slice(axis + 1)];
        const index = indices.data[position.reduce((o, p, i) => o + p * steps[i]!, 0)]!;
        return values.data[axisOf(index, depth) === at[axis] ? 1 : 0]!;
      }),
    ];
  },
  NonZero: (c) => {
    const x = c.input(0);
    const steps = strides(x.dims);
    const found = Array.from(x.data.keys()).filter((i) => x.data[i] !== 0);
    const rows = x.dims.map((dim, axis) => found.map((i) => Math.floor(i / steps[axis]!) % dim));
    return [{ type: 'int64', dims: [x.dims.length, found.length], data: Float64Array.from(rows.flat()) }];
  },
};
