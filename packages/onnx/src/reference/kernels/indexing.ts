import type { DataType } from '../../model.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf, checkedAxis } from '../kernel.ts';
import type { Elements, TensorValue } from '../value.ts';
import { allocate, gathered, offsetsOf, size, strides } from '../value.ts';
import { list } from './shape.ts';

type Element = number | bigint | string;

/** Wraps an index, and refuses one outside the axis. */
function checkedIndex(c: KernelContext, index: number, length: number): number {
  const wrapped = axisOf(index, length);
  if (!(wrapped >= 0 && wrapped < length)) c.misfit(`an index of an axis of ${length}`, `index ${index}`);
  return wrapped;
}

/** The elements of `x` with other positions along one axis: `position` gives that of every element of the result. */
function chosen(
  x: TensorValue,
  axis: number,
  length: number,
  position: (at: readonly number[], index: number) => number,
): TensorValue {
  const dims = x.dims.map((dim, at) => (at === axis ? length : dim));
  const steps = strides(x.dims);
  return gathered(x, dims, (at, i) => {
    let offset = position(at, i) * steps[axis]!;
    for (let a = 0; a < at.length; a++) if (a !== axis) offset += at[a]! * steps[a]!;
    return offset;
  });
}

function gather(c: KernelContext): readonly TensorValue[] {
  const [x, indices] = [c.any(0), c.input(1)];
  const axis = checkedAxis(c, c.int('axis', 0), x.dims.length);
  const length = x.dims[axis]!;
  const inner = size(x.dims.slice(axis + 1));
  const outer = size(x.dims.slice(0, axis));
  const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
  const data = allocate(x, size(dims));
  const source = x.data as readonly Element[];
  let i = 0;
  for (let block = 0; block < outer; block++) {
    for (const index of indices.data) {
      const begin = (block * length + checkedIndex(c, index, length)) * inner;
      for (let k = 0; k < inner; k++) data[i++] = source[begin + k]!;
    }
  }
  return [{ type: x.type, dims, data: data as unknown as Elements }];
}

/** The offset in `x` that each index of GatherElements or ScatterElements means. */
function elementOffsets(c: KernelContext, x: TensorValue): Float64Array {
  const indices = c.input(1);
  const rank = x.dims.length;
  const axis = checkedAxis(c, c.int('axis', 0), rank);
  const fits = indices.dims.length === rank && indices.dims.every((dim, at) => at === axis || dim <= x.dims[at]!);
  if (!fits) c.misfit(`indices inside [${x.dims}]`, `[${indices.dims}]`);
  const steps = strides(x.dims);
  const offsets = offsetsOf(
    indices.dims,
    steps.map((step, at) => (at === axis ? 0 : step)),
  );
  return offsets.map((offset, i) => offset + checkedIndex(c, indices.data[i]!, x.dims[axis]!) * steps[axis]!);
}

/** The offset of the slice of `x` that each row of indices means; the last axis of the indices lists positions. */
function sliceOffsets(
  c: KernelContext,
  x: TensorValue,
  batchDims: number,
): { offsets: Float64Array; inner: readonly number[] } {
  const indices = c.input(1);
  const depth = indices.dims.at(-1) ?? c.misfit('indices of rank 1 at least', 'a scalar');
  const rank = x.dims.length;
  if (batchDims + depth > rank) c.misfit(`indices of at most ${rank - batchDims} positions`, `${depth}`);
  const steps = strides(x.dims);
  const rows = indices.dims.slice(0, -1);
  const offsets = offsetsOf(
    rows,
    rows.map((_, axis) => (axis < batchDims ? steps[axis]! : 0)),
  );
  for (let row = 0; row < offsets.length; row++) {
    for (let k = 0; k < depth; k++) {
      const axis = batchDims + k;
      offsets[row]! += checkedIndex(c, indices.data[row * depth + k]!, x.dims[axis]!) * steps[axis]!;
    }
  }
  return { offsets, inner: x.dims.slice(batchDims + depth) };
}

/** They serve numbers and BigInts alike. */
const reductions: Readonly<Record<string, (old: never, update: never) => Element>> = {
  none: (_old: never, update: Element) => update,
  add: (old: number, update: number) => old + update,
  mul: (old: number, update: number) => old * update,
  min: (old: number, update: number) => (update < old || Number.isNaN(update) ? update : old),
  max: (old: number, update: number) => (update > old || Number.isNaN(update) ? update : old),
};

function reductionOf(c: KernelContext): (old: Element, update: Element) => Element {
  const name = c.text('reduction', 'none');
  const found = Object.hasOwn(reductions, name) ? reductions[name] : undefined;
  return (found ?? c.refuse(`reduction ${name}`)) as (old: Element, update: Element) => Element;
}

/** Puts updates at offsets, one after another. */
function scattered(
  c: KernelContext,
  x: TensorValue,
  offsets: ArrayLike<number>,
  width: number,
): readonly TensorValue[] {
  const updates = c.any(2);
  if (updates.type !== x.type || updates.data.length !== offsets.length * width) {
    c.misfit(`${offsets.length * width} updates of type ${x.type}`, `${updates.type}[${updates.dims}]`);
  }
  const reduce = reductionOf(c);
  const data = x.data.slice() as unknown as Element[];
  const source = updates.data as readonly Element[];
  for (let i = 0; i < offsets.length; i++) {
    for (let k = 0; k < width; k++) {
      const at = offsets[i]! + k;
      data[at] = reduce(data[at]!, source[i * width + k]!);
    }
  }
  return [{ type: x.type, dims: x.dims, data: data as unknown as Elements }];
}

const scatterElements: Kernel = (c) => scattered(c, c.any(0), elementOffsets(c, c.any(0)), 1);

/** Elements by the k greatest or least along an axis; ties keep their order. */
function topK(c: KernelContext): readonly TensorValue[] {
  const x = c.any(0);
  const rank = x.dims.length;
  const axis = checkedAxis(c, c.int('axis', -1), rank);
  const length = x.dims[axis]!;
  const k = c.opset < 10 ? c.int('k', 0) : (c.integers(1)?.[0] ?? 0);
  if (!(k >= 0 && k <= length)) c.misfit(`k of at most ${length}`, `${k}`);
  const sign = c.int('largest', 1) === 1 ? -1 : 1;
  const step = strides(x.dims)[axis]!;
  const dims = x.dims.map((dim, at) => (at === axis ? k : dim));
  const source = x.data as readonly Element[];
  const positions = new Float64Array(size(dims));
  const resultSteps = strides(dims);
  const kept = x.dims.map((dim, at) => (at === axis ? 1 : dim));
  const [lines, results] = [offsetsOf(kept, strides(x.dims)), offsetsOf(kept, resultSteps)];
  for (let line = 0; line < lines.length; line++) {
    const element = (at: number) => source[lines[line]! + at * step]!;
    const order = Array.from({ length }, (_, at) => at);
    order.sort((a, b) => sign * compareElements(element(a), element(b)) || a - b);
    for (let i = 0; i < k; i++) positions[results[line]! + i * resultSteps[axis]!] = order[i]!;
  }
  const values = chosen(x, axis, k, (_, i) => positions[i]!);
  return [values, { type: 'int64', dims, data: positions }];
}

/** Order of elements; NaN is greater than every number. */
function compareElements(a: Element, b: Element): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

/** The different elements, or slices along an axis, with the position of the first of each, where each went, and how often it came. */
function unique(c: KernelContext): readonly TensorValue[] {
  const given = c.any(0);
  const axisGiven = c.node.attributes.axis !== undefined;
  const x: TensorValue = axisGiven ? given : { ...given, dims: [given.data.length] };
  const axis = axisGiven ? checkedAxis(c, c.int('axis', 0), x.dims.length) : 0;
  const steps = strides(x.dims);
  const inside = offsetsOf(
    x.dims.filter((_, at) => at !== axis),
    steps.filter((_, at) => at !== axis),
  );
  const source = x.data as readonly Element[];
  const slices = Array.from({ length: x.dims[axis]! }, (_, at) =>
    Array.from(inside, (offset) => source[offset + at * steps[axis]!]!),
  );
  const compare = (a: number, b: number) => {
    for (let i = 0; i < inside.length; i++) {
      const order = compareElements(slices[a]![i]!, slices[b]![i]!);
      if (order !== 0) return order;
    }
    return 0;
  };
  const sorted = slices.map((_, at) => at).sort((a, b) => compare(a, b) || a - b);
  const groups: number[][] = [];
  for (const at of sorted) {
    const last = groups.at(-1);
    if (last && compare(last[0]!, at) === 0) last.push(at);
    else groups.push([at]);
  }
  if (c.int('sorted', 1) === 0) groups.sort((a, b) => a[0]! - b[0]!);
  const firsts = groups.map((group) => group[0]!);
  const inverse = new Array<number>(slices.length);
  for (const [index, group] of groups.entries()) for (const at of group) inverse[at] = index;
  const values = chosen(x, axis, firsts.length, (at) => firsts[at[axis]!]!);
  return [values, list(firsts), list(inverse), list(groups.map((group) => group.length))];
}

function oneHot(c: KernelContext): readonly TensorValue[] {
  const [indices, values] = [c.input(0), c.any(2)];
  const depth = Math.trunc(c.input(1).data[0]!);
  const axis = checkedAxis(c, c.int('axis', -1), indices.dims.length + 1);
  const dims = [...indices.dims.slice(0, axis), depth, ...indices.dims.slice(axis)];
  const inner = size(indices.dims.slice(axis));
  return [
    gathered(values, dims, (at, i) => {
      const index = indices.data[Math.floor(i / (inner * depth)) * inner + (i % inner)]!;
      return axisOf(Math.trunc(index), depth) === at[axis] ? 1 : 0;
    }),
  ];
}

function compress(c: KernelContext): readonly TensorValue[] {
  const given = c.any(0);
  const axisGiven = c.node.attributes.axis !== undefined;
  const x: TensorValue = axisGiven ? given : { ...given, dims: [given.data.length] };
  const axis = axisGiven ? checkedAxis(c, c.int('axis', 0), x.dims.length) : 0;
  const condition = c.input(1).data;
  const kept = Array.from({ length: Math.min(condition.length, x.dims[axis]!) }, (_, at) => at).filter(
    (at) => condition[at] !== 0,
  );
  return [chosen(x, axis, kept.length, (at) => kept[at[axis]!]!)];
}

/** Operators that choose or place elements by index. */
export const indexing: Readonly<Record<string, Kernel>> = {
  Gather: gather,
  GatherElements: (c) => {
    const x = c.any(0);
    const offsets = elementOffsets(c, x);
    return [gathered(x, c.input(1).dims, (_, i) => offsets[i]!)];
  },
  GatherND: (c) => {
    const x = c.any(0);
    const { offsets, inner } = sliceOffsets(c, x, c.int('batch_dims', 0));
    const width = size(inner);
    const dims = [...c.input(1).dims.slice(0, -1), ...inner];
    return [gathered(x, dims, (_, i) => offsets[Math.floor(i / width)]! + (i % width))];
  },
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: (c) => {
    const { offsets, inner } = sliceOffsets(c, c.any(0), 0);
    return scattered(c, c.any(0), offsets, size(inner));
  },
  OneHot: oneHot,
  NonZero: (c) => {
    const x = c.input(0);
    const found = Array.from(x.data.keys()).filter((i) => x.data[i] !== 0);
    const steps = strides(x.dims);
    const rows = x.dims.map((dim, axis) => found.map((i) => Math.floor(i / steps[axis]!) % dim));
    const type: DataType = 'int64';
    return [{ type, dims: [x.dims.length, found.length], data: Float64Array.from(rows.flat()) }];
  },
  TopK: topK,
  Unique: unique,
  Compress: compress,
};
