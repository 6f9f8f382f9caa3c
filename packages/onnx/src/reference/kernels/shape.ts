import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Value } from '../value.ts';
import { broadcastDims, broadcastOffset, fill, size, strides, toValue } from '../value.ts';

const list = (values: readonly number[]): Value => ({
  type: 'int64',
  dims: [values.length],
  data: Float64Array.from(values),
});

const withDims = (c: KernelContext, value: Value, dims: readonly number[]): readonly Value[] => {
  if (size(dims) !== value.data.length) c.refuse(`shape [${dims}] for ${value.data.length} elements`);
  return [{ ...value, dims }];
};

const concat = (parts: readonly Value[], axis: number): Value => {
  const first = parts[0]!;
  const ends: number[] = [];
  for (const part of parts) ends.push((ends.at(-1) ?? 0) + part.dims[axis]!);
  const dims = first.dims.map((dim, at) => (at === axis ? ends.at(-1)! : dim));
  const steps = parts.map((part) => strides(part.dims));
  return fill(first.type, dims, (at) => {
    const index = ends.findIndex((end) => at[axis]! < end);
    const begin = index === 0 ? 0 : ends[index - 1]!;
    const offset = at.reduce(
      (sum, position, i) => sum + (i === axis ? position - begin : position) * steps[index]![i]!,
      0,
    );
    return parts[index]!.data[offset]!;
  });
};

/** The part of `x` at positions `start + i·step` of each axis. */
function pick(x: Value, starts: readonly number[], steps: readonly number[], dims: readonly number[]): Value {
  const spread = strides(x.dims);
  return fill(x.type, dims, (at) => {
    let offset = 0;
    for (let axis = 0; axis < at.length; axis++) offset += (starts[axis]! + at[axis]! * steps[axis]!) * spread[axis]!;
    return x.data[offset]!;
  });
}

export const shape: Readonly<Record<string, Kernel>> = {
  Constant: (c) => {
    const { value, value_float, value_int, value_ints } = c.node.attributes;
    if (value?.kind === 'tensor') return [toValue(value.value, c.where)];
    if (value_ints?.kind === 'ints') return [list(value_ints.value.map(Number))];
    if (value_int?.kind === 'int') return [{ ...list([Number(value_int.value)]), dims: [] }];
    if (value_float?.kind === 'float') return [{ type: 'float32', dims: [], data: Float64Array.of(value_float.value) }];
    return c.refuse('a constant that is no number');
  },
  ConstantOfShape: (c) => {
    const attribute = c.node.attributes.value;
    const element = attribute?.kind === 'tensor' ? toValue(attribute.value, c.where) : undefined;
    return [fill(element?.type ?? 'float32', c.integers(0)!, () => Number(element?.data[0] ?? 0))];
  },
  Range: (c) => {
    const [start, limit, delta] = [c.input(0).data[0]!, c.input(1).data[0]!, c.input(2).data[0]!];
    const length = Math.max(Math.ceil((limit - start) / delta), 0);
    return [fill(c.input(0).type, [length], ([i]) => start + i! * delta)];
  },
  Shape: (c) => {
    const { dims } = c.input(0);
    const bound = (at: number) => Math.min(Math.max(axisOf(at, dims.length), 0), dims.length);
    return [list(dims.slice(bound(c.int('start', 0)), bound(c.int('end', dims.length))))];
  },
  Size: (c) => [{ ...list([c.input(0).data.length]), dims: [] }],
  Reshape: (c) => {
    const x = c.input(0);
    const wanted = c.integers(1)!;
    const copies = c.int('allowzero', 0) === 0;
    const dims = wanted.map((dim, axis) => (dim === 0 && copies ? x.dims[axis]! : dim));
    const rest = x.data.length / size(dims.filter((dim) => dim !== -1));
    return withDims(
      c,
      x,
      dims.map((dim) => (dim === -1 ? rest : dim)),
    );
  },
  Flatten: (c) => {
    const x = c.input(0);
    const axis = axisOf(c.int('axis', 1), x.dims.length);
    return withDims(c, x, [size(x.dims.slice(0, axis)), size(x.dims.slice(axis))]);
  },
  Squeeze: (c) => {
    const x = c.input(0);
    const axes = c.integers(1)?.map((axis) => axisOf(axis, x.dims.length));
    return withDims(
      c,
      x,
      x.dims.filter((dim, axis) => (axes ? !axes.includes(axis) : dim !== 1)),
    );
  },
  Unsqueeze: (c) => {
    const x = c.input(0);
    const rank = x.dims.length + c.integers(1)!.length;
    const axes = c.integers(1)!.map((axis) => axisOf(axis, rank));
    let next = 0;
    return withDims(
      c,
      x,
      Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : x.dims[next++]!)),
    );
  },
  Transpose: (c) => {
    const x = c.input(0);
    const perm = c.ints('perm') ?? x.dims.map((_, axis) => x.dims.length - 1 - axis);
    const steps = strides(x.dims);
    return [
      fill(
        x.type,
        perm.map((axis) => x.dims[axis]!),
        (at) => {
          let offset = 0;
          for (let axis = 0; axis < perm.length; axis++) offset += at[axis]! * steps[perm[axis]!]!;
          return x.data[offset]!;
        },
      ),
    ];
  },
  Expand: (c) => {
    const x = c.input(0);
    const steps = strides(x.dims);
    const dims = broadcastDims([x.dims, c.integers(1)!], c.where);
    return [fill(x.type, dims, (at) => x.data[broadcastOffset(x.dims, steps, at)]!)];
  },
  Tile: (c) => {
    const x = c.input(0);
    const steps = strides(x.dims);
    const dims = x.dims.map((dim, axis) => dim * c.integers(1)![axis]!);
    return [fill(x.type, dims, (at) => x.data[at.reduce((o, p, i) => o + (p % x.dims[i]!) * steps[i]!, 0)]!)];
  },
  Concat: (c) => {
    const parts = c.node.inputs.map((_, index) => c.input(index));
    return [concat(parts, axisOf(c.int('axis', 0), parts[0]!.dims.length))];
  },
  Split: (c) => {
    const x = c.input(0);
    const axis = axisOf(c.int('axis', 0), x.dims.length);
    const total = x.dims[axis]!;
    const count = c.node.outputs.length;
    const even = Math.ceil(total / count);
    const sizes = c.integers(1) ?? Array.from({ length: count }, (_, i) => Math.min(even, total - i * even));
    let begin = 0;
    return sizes.map((length) => {
      const starts = x.dims.map((_, at) => (at === axis ? begin : 0));
      begin += length;
      return pick(
        x,
        starts,
        x.dims.map(() => 1),
        x.dims.map((dim, at) => (at === axis ? length : dim)),
      );
    });
  },
  Slice: (c) => {
    const x = c.input(0);
    const [from, to] = [c.integers(1)!, c.integers(2)!];
    const axes = c.integers(3)?.map((axis) => axisOf(axis, x.dims.length)) ?? from.map((_, axis) => axis);
    const starts = x.dims.map(() => 0);
    const steps = x.dims.map(() => 1);
    const dims = [...x.dims];
    for (const [i, axis] of axes.entries()) {
      const dim = x.dims[axis]!;
      const step = c.integers(4)?.[i] ?? 1;
      const wrap = (at: number) => (at < 0 ? at + dim : at);
      const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at, low), high);
      const start = step > 0 ? clamp(wrap(from[i]!), 0, dim) : clamp(wrap(from[i]!), 0, dim - 1);
      const end = step > 0 ? clamp(wrap(to[i]!), 0, dim) : clamp(wrap(to[i]!), -1, dim - 1);
      starts[axis] = start;
      steps[axis] = step;
      dims[axis] = Math.max(Math.ceil((end - start) / step), 0);
    }
    return [pick(x, starts, steps, dims)];
  },
  Pad: (c) => {
    const x = c.input(0);
    if (c.text('mode', 'constant') !== 'constant') c.refuse(`mode ${c.text('mode', 'constant')}`);
    const pads = c.integers(1)!;
    const axes = c.integers(3)?.map((axis) => axisOf(axis, x.dims.length)) ?? x.dims.map((_, axis) => axis);
    const filler = c.optional(2)?.data[0] ?? 0;
    const before = x.dims.map(() => 0);
    const dims = [...x.dims];
    for (const [i, axis] of axes.entries()) {
      before[axis] = pads[i]!;
      dims[axis] = dims[axis]! + pads[i]! + pads[i + axes.length]!;
    }
    const steps = strides(x.dims);
    return [
      fill(x.type, dims, (at) => {
        const inside = at.every((p, axis) => p >= before[axis]! && p < before[axis]! + x.dims[axis]!);
        return inside ? x.data[at.reduce((o, p, axis) => o + (p - before[axis]!) * steps[axis]!, 0)]! : filler;
      }),
    ];
  },
  Trilu: (c) => {
    const x = c.input(0);
    const k = c.optional(1)?.data[0] ?? 0;
    const upper = c.int('upper', 1) === 1;
    let i = 0;
    return [
      fill(x.type, x.dims, (at) => {
        const element = x.data[i++]!;
        const distance = at.at(-1)! - at.at(-2)!;
        return (upper ? distance >= k : distance <= k) ? element : 0;
      }),
    ];
  },
};
