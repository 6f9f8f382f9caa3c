import { type DataType, type Dim, elementCount, type Tensor } from '../model.ts';
import { floatFormats, roundToFormat, toNumbers } from '../number-formats.ts';
import type { KnownValue, RuleContext } from './rule.ts';

/** Longest value that is followed; shapes are shorter. */
export const MAX_ELEMENTS = 1024;

/** The elements of a numeric tensor, when it is short. Int64 beyond the safe integers (the ends of slices) is clamped. */
export function knownTensor(tensor: Tensor): KnownValue | undefined {
  const { type, dims } = tensor;
  const count = elementCount(dims);
  // The data of long tensors may not have been read yet, and is not looked at.
  if (!followed.has(type) || count > MAX_ELEMENTS || tensor.data.length !== count) return undefined;
  return { dims, elements: Array.from(toNumbers(tensor), exact) };
}

const followed = new Set<DataType>(
  'int64 int32 bool uint8 int8 int16 uint16 uint32 uint64 float16 bfloat16 float32 float64'.split(' ') as DataType[],
);

/** A number in a floating-point type. */
export function roundTo(type: DataType | undefined, x: number): number {
  if (type === 'float32') return Math.fround(x);
  const format = type && floatFormats[type];
  return format === undefined ? x : roundToFormat(format, x);
}

/** An integer as a dim; the large ends of slices (2^63 − 1) are clamped to the safe integers. */
export function exact(value: number | bigint): number {
  return Math.min(Math.max(Number(value), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/** A value of one number or name. */
export function scalarOf(element: Dim): KnownValue {
  return { dims: [], elements: [element] };
}

/** A list of numbers and names. */
export function listValue(elements: readonly Dim[]): KnownValue {
  return { dims: [elements.length], elements };
}

/** Elements picked by their place; none when there are too many. */
export function picked(dims: readonly number[], elementAt: (index: readonly number[]) => Dim): KnownValue | undefined {
  const length = dims.reduce((product, dim) => product * dim, 1);
  if (!(length <= MAX_ELEMENTS) || dims.length > 8) return undefined;
  const index = dims.map(() => 0);
  const elements: Dim[] = [];
  for (let at = 0; at < length; at++) {
    elements.push(elementAt(index));
    for (let axis = dims.length - 1; axis >= 0 && ++index[axis]! === dims[axis]; axis--) index[axis] = 0;
  }
  return { dims, elements };
}

/** The element of a value at a place; places before the value's axes and on axes of size 1 are the same. */
export function elementAt({ dims, elements }: KnownValue, index: readonly number[]): Dim {
  let at = 0;
  const more = index.length - dims.length;
  for (let axis = 0; axis < dims.length; axis++) {
    at = at * dims[axis]! + (dims[axis] === 1 ? 0 : index[axis + more]!);
  }
  return elements[at];
}

/** Values combined element by element, broadcast; `undefined` when one is unknown or they do not broadcast. */
export function combined(
  values: readonly (KnownValue | undefined)[],
  combine: (...elements: Dim[]) => Dim,
): KnownValue | undefined {
  if (values.length === 0 || !values.every((value) => value !== undefined)) return undefined;
  const rank = Math.max(...values.map((value) => value.dims.length));
  const dims: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const sizes = new Set(values.map((value) => value.dims[axis - rank + value.dims.length] ?? 1));
    sizes.delete(1);
    if (sizes.size > 1) return undefined;
    dims.push([...sizes][0] ?? 1);
  }
  return picked(dims, (index) => combine(...values.map((value) => elementAt(value, index))));
}

/** What is known of an input, or a value of its shape of which nothing else is known. */
export function knownOrShape(context: RuleContext, input: number): KnownValue | undefined {
  const known = context.known(input);
  if (known !== undefined) return known;
  const dims = context.inputs[input]?.dims;
  if (!dims?.every((dim) => typeof dim === 'number')) return undefined;
  return picked(dims as number[], () => undefined);
}
