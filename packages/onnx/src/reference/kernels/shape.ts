import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf, checkedAxis } from '../kernel.ts';
import type { Elements, TensorValue, Value } from '../value.ts';
import { allocate, broadcastDims, broadcastTo, fill, reshaped, size, toValue } from '../value.ts';
import { typeAttribute } from './cast.ts';

/** A list of integers as a value. */
export const list = (values: readonly number[]): Value => ({
  type: 'int64',
  dims: [values.length],
  data: Float64Array.from(values),
});

const scalar = (value: number): Value => ({ ...list([value]), dims: [] });

/** A value of one repeated element. */
function repeated(element: TensorValue, dims: readonly number[]): TensorValue {
  const data = allocate(element, size(dims)).fill(element.data[0]!);
  return { type: element.type, dims, data: data as unknown as Elements };
}

/** Constants in all forms of the attributes. */
function constant(c: KernelContext): readonly TensorValue[] {
  const { attributes } = c.node;
  const [name] = Object.keys(attributes);
  const attribute = name === undefined ? undefined : attributes[name];
  switch (attribute?.kind) {
    case 'tensor':
      return [toValue(attribute.value, c.where)];
    case 'int': {
      const data = BigInt64Array.of(BigInt(attribute.value));
      return [{ type: 'int64', dims: [], data }];
    }
    case 'ints': {
      const data = BigInt64Array.from(attribute.value, BigInt);
      return [{ type: 'int64', dims: [data.length], data }];
    }
    case 'float':
      return [{ type: 'float32', dims: [], data: Float64Array.of(attribute.value) }];
    case 'floats':
      return [{ type: 'float32', dims: [attribute.value.length], data: Float64Array.from(attribute.value) }];
    case 'string':
      return [{ type: 'string', dims: [], data: [attribute.value] }];
    case 'strings':
      return [{ type: 'string', dims: [attribute.value.length], data: attribute.value }];
    default:
      return c.refuse(`a constant of kind ${attribute?.kind ?? 'none'}`);
  }
}

/** Start, start + delta, … before the limit; exact for integers. */
function range(c: KernelContext): readonly TensorValue[] {
  const [first, limit, delta] = [c.any(0), c.any(1), c.any(2)];
  const [start, end, step] = [first.data[0]!, limit.data[0]!, delta.data[0]!];
  if (typeof start === 'bigint' && typeof end === 'bigint' && typeof step === 'bigint') {
    if (step === 0n) return c.misfit('a delta other than 0', '0');
    const distance = end - start;
    const count = distance / step + (distance % step !== 0n && distance < 0n === step < 0n ? 1n : 0n);
    const data = allocate(first, Math.max(Number(count), 0));
    for (let i = 0; i < data.length; i++) data[i] = start + BigInt(i) * step;
    return [{ type: first.type, dims: [data.length], data: data as unknown as Elements }];
  }
  const [from, to, by] = [Number(start), Number(end), Number(step)];
  const count = Math.max(Math.ceil((to - from) / by), 0);
  if (!Number.isFinite(count)) c.misfit('a finite range', `${from} to ${to} by ${by}`);
  return [fill(first.type, [count], ([i]) => from + i! * by)];
}

function reshape(c: KernelContext): readonly TensorValue[] {
  const x = c.any(0);
  const wanted = c.integers(1) ?? c.ints('shape') ?? c.misfit('a shape', 'none');
  const copies = c.int('allowzero', 0) === 0;
  const dims = wanted.map((dim, axis) =>
    dim === 0 && copies ? (x.dims[axis] ?? c.misfit(`an axis ${axis}`, `[${x.dims}]`)) : dim,
  );
  const known = size(dims.filter((dim) => dim !== -1));
  const rest = known === 0 ? 0 : x.data.length / known;
  return [
    reshaped(
      x,
      dims.map((dim) => (dim === -1 ? rest : dim)),
      c.where,
    ),
  ];
}

/** The axes of an operator that has them as an input, in older operator sets as an attribute. */
const axesOf = (c: KernelContext, rank: number) =>
  (c.integers(1) ?? c.ints('axes'))?.map((axis) => checkedAxis(c, axis, rank));

/** Constants, and operators that look at shapes or change nothing else. */
export const shape: Readonly<Record<string, Kernel>> = {
  Identity: (c) => [c.values[0] ?? c.any(0)],
  Constant: constant,
  ConstantOfShape: (c) => {
    const attribute = c.node.attributes.value;
    const zero: Value = { type: 'float32', dims: [1], data: Float64Array.of(0) };
    const element = attribute?.kind === 'tensor' ? toValue(attribute.value, c.where) : zero;
    if (element.data.length !== 1) c.misfit('one element to repeat', `${element.data.length}`);
    return [repeated(element, c.integers(0) ?? c.misfit('a shape', 'none'))];
  },
  EyeLike: (c) => {
    const x = c.any(0);
    if (x.dims.length !== 2) c.misfit('a matrix', `[${x.dims}]`);
    const k = c.int('k', 0);
    return [fill(typeAttribute(c, 'dtype', x.type), x.dims, ([row, column]) => (column! - row! === k ? 1 : 0))];
  },
  Range: range,
  Shape: (c) => {
    const { dims } = c.any(0);
    const bound = (at: number) => Math.min(Math.max(axisOf(at, dims.length), 0), dims.length);
    return [list(dims.slice(bound(c.int('start', 0)), bound(c.int('end', dims.length))))];
  },
  Size: (c) => [scalar(c.any(0).data.length)],
  Reshape: reshape,
  Flatten: (c) => {
    const x = c.any(0);
    const axis = axisOf(c.int('axis', 1), x.dims.length);
    return [reshaped(x, [size(x.dims.slice(0, axis)), size(x.dims.slice(axis))], c.where)];
  },
  Squeeze: (c) => {
    const x = c.any(0);
    const axes = axesOf(c, x.dims.length);
    const dims = x.dims.filter((dim, axis) => (axes ? !axes.includes(axis) : dim !== 1));
    return [reshaped(x, dims, c.where)];
  },
  Unsqueeze: (c) => {
    const x = c.any(0);
    const rank = x.dims.length + (c.integers(1) ?? c.ints('axes') ?? []).length;
    const axes = axesOf(c, rank) ?? c.misfit('axes', 'none');
    let next = 0;
    const dims = Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (x.dims[next++] ?? 1)));
    return [reshaped(x, dims, c.where)];
  },
  Expand: (c) => {
    const x = c.any(0);
    const wanted = c.integers(1) ?? c.misfit('a shape', 'none');
    return [broadcastTo(x, broadcastDims([x.dims, wanted], c.where))];
  },
};
