import { SlmError } from '../errors.ts';
import type { DataType, SparseTensor, Tensor } from '../model.ts';
import {
  floatFormats,
  fromNumbers,
  integerFormats,
  roundToFormat,
  toBigInt,
  toNumbers,
  wrapInteger,
} from '../number-formats.ts';
import type { RuntimeValue } from '../runtime-value.ts';

/**
 * A tensor as most kernels see and make it: every element is a double, booleans are 0 and 1, narrow floats are decoded, packed integers have an
 * element each. `type` is the ONNX type; with precision `float64` the values of a float32 tensor are not rounded to float32.
 */
export interface Value {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** Elements inside the interpreter: BigInts for int64 and uint64, texts for strings, doubles for the rest. */
export type Elements = Float64Array | BigInt64Array | BigUint64Array | readonly string[];

/** A tensor with its exact elements. Kernels may return doubles for 64-bit integers; they are converted. */
export interface TensorValue<E extends Elements = Elements> {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: E;
  readonly kind?: never;
}

/** A list of values inside the interpreter. */
export interface Sequence {
  readonly kind: 'sequence';
  readonly elements: readonly AnyValue[];
}

/** A value that may be missing, inside the interpreter. */
export interface Optional {
  readonly kind: 'optional';
  readonly value?: AnyValue;
}

export type AnyValue = TensorValue | Sequence | Optional;

/** Arithmetic of float32 values: rounded to float32 after every operator, or left in float64. */
export type Precision = 'float32' | 'float64';

/** The most elements that a kernel may make: memory is bounded whatever a model says. */
const LIMIT = 2 ** 29;

/** The value with its elements rounded to what their type can hold; the same value where nothing is to be done. */
export function settle(value: AnyValue, precision: Precision): AnyValue {
  if (value.kind !== undefined) return value;
  const { type, dims, data } = value;
  if (!(data instanceof Float64Array)) return value;
  if (type === 'int64' || type === 'uint64') return { type, dims, data: exactIntegers(type, data) };
  const round = rounding(type, precision);
  if (!round) return value;
  const settled = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) settled[i] = round(data[i]!);
  return { type, dims, data: settled };
}

/** Kernels saturate where their operator says so: an infinity that they give is meant. */
const unsaturated = { saturate: false } as const;

function rounding(type: DataType, precision: Precision): ((x: number) => number) | undefined {
  if (type === 'float32') return precision === 'float32' ? Math.fround : undefined;
  const format = floatFormats[type];
  if (format) return (x) => roundToFormat(format, x, unsaturated);
  if (integerFormats[type]) return (x) => wrapInteger(type, x);
  return type === 'bool' ? (x) => (x === 0 ? 0 : 1) : undefined;
}

function exactIntegers(type: 'int64' | 'uint64', data: Float64Array): BigInt64Array | BigUint64Array {
  const exact = type === 'int64' ? new BigInt64Array(data.length) : new BigUint64Array(data.length);
  for (let i = 0; i < data.length; i++) exact[i] = toBigInt(type, data[i]!);
  return exact;
}

/** The elements as doubles; throws `REFERENCE_UNSUPPORTED` for strings. */
export function numeric(value: TensorValue, where: string): Value {
  const { type, dims, data } = value;
  if (data instanceof Float64Array) return { type, dims, data };
  if (!ArrayBuffer.isView(data)) {
    throw new SlmError('REFERENCE_UNSUPPORTED', `${where}: expected numbers or booleans, got ${type}`);
  }
  const numbers = new Float64Array(data.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = Number(data[i]!);
  return { type, dims, data: numbers };
}

/** Reads a tensor into the interpreter. Its data is copied unless it is stored as the interpreter stores it. */
export function toValue(tensor: Tensor, where: string): TensorValue {
  const { type, dims, data } = tensor;
  if (type === 'string') return { type, dims, data: data as readonly string[] };
  if (type === 'int64' || type === 'uint64' || type === 'float64') return { type, dims, data: data as Float64Array };
  if (type.startsWith('complex')) {
    throw new SlmError('REFERENCE_UNSUPPORTED', `${where}: expected real numbers, got ${type}`);
  }
  return { type, dims, data: toNumbers(tensor) };
}

/** A sparse tensor with all its elements. */
export function toDense({ dims, values, indices }: SparseTensor, where: string): TensorValue {
  const [elements, at] = [toValue(values, where), Array.from(indices.data as BigInt64Array, Number)];
  const dense = allocate(elements, size(dims));
  const steps = strides(dims);
  const linear = indices.dims.length < 2;
  for (let i = 0; i < elements.data.length; i++) {
    const position = linear ? at[i]! : steps.reduce((sum, step, axis) => sum + at[i * dims.length + axis]! * step, 0);
    if (!(position >= 0 && position < dense.length)) {
      throw new SlmError('REFERENCE_SHAPE', `${where}: expected indices inside [${dims}], got ${position}`);
    }
    dense[position] = elements.data[i]!;
  }
  return { type: values.type, dims, data: dense as unknown as Elements };
}

/** Reads a tensor, sequence or optional into the interpreter. */
export function fromRuntime(value: RuntimeValue, where: string): AnyValue {
  if (!('kind' in value)) return toValue(value, where);
  if (value.kind === 'sequence')
    return { ...value, elements: value.elements.map((element) => fromRuntime(element, where)) };
  return value.value === undefined
    ? { kind: 'optional' }
    : { kind: 'optional', value: fromRuntime(value.value, where) };
}

/** Hands out a tensor, sequence or optional. */
export function toRuntime(value: AnyValue, precision: Precision): RuntimeValue {
  if (value.kind === undefined) return toTensor(value, precision);
  if (value.kind === 'sequence')
    return { ...value, elements: value.elements.map((element) => toRuntime(element, precision)) };
  return value.value === undefined
    ? { kind: 'optional' }
    : { kind: 'optional', value: toRuntime(value.value, precision) };
}

/** Hands a settled value out as a tensor of its own; unrounded float32 values go out as float64. */
export function toTensor({ type, dims, data }: TensorValue, precision: Precision): Tensor {
  if (!(data instanceof Float64Array)) return { type, dims, data: data.slice() };
  const given: DataType = type === 'float32' && precision === 'float64' ? 'float64' : type;
  return fromNumbers(given, dims, data, unsaturated);
}

/** Storage for `count` elements of the kind of `value`'s; 0 or '' at first. Throws `REFERENCE_SHAPE` beyond 2²⁹ elements. */
export function allocate(value: Pick<TensorValue, 'data'>, count: number): (number | bigint | string)[] {
  checkCount(count);
  const { data } = value;
  if (data instanceof BigInt64Array) return new BigInt64Array(count) as unknown as bigint[];
  if (data instanceof BigUint64Array) return new BigUint64Array(count) as unknown as bigint[];
  return data instanceof Float64Array
    ? (new Float64Array(count) as unknown as number[])
    : new Array<string>(count).fill('');
}

function checkCount(count: number): void {
  if (Number.isSafeInteger(count) && count >= 0 && count <= LIMIT) return;
  throw new SlmError('REFERENCE_SHAPE', `reference: expected a tensor of at most ${LIMIT} elements, got ${count}`);
}

/** The storage that settled values of a type have: see {@link Elements}. */
export function emptyOf(type: DataType): TensorValue {
  const data =
    type === 'string'
      ? []
      : type === 'int64'
        ? new BigInt64Array()
        : type === 'uint64'
          ? new BigUint64Array()
          : new Float64Array();
  return { type, dims: [0], data };
}

/**
 * The elements of `value` at `start + Σ positionᵢ·stepsᵢ`, for every position of `dims`: transposes, slices, broadcasts. A step may be 0 or
 * negative.
 */
export function strided<V extends TensorValue>(
  value: V,
  dims: readonly number[],
  steps: readonly number[],
  start = 0,
): V {
  const source = value.data as readonly (number | bigint | string)[] | Float64Array;
  const data = allocate(value, size(dims));
  const rank = dims.length;
  const inner = dims[rank - 1] ?? 1;
  const step = steps[rank - 1] ?? 0;
  const at = dims.map(() => 0);
  let row = start;
  for (let begin = 0; begin < data.length; begin += inner) {
    for (let i = 0, offset = row; i < inner; i++, offset += step) data[begin + i] = source[offset]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      row += steps[axis]!;
      at[axis] = at[axis]! + 1;
      if (at[axis]! < dims[axis]!) break;
      row -= steps[axis]! * dims[axis]!;
      at[axis] = 0;
    }
  }
  return { type: value.type, dims: [...dims], data } as unknown as V;
}

/**
 * The elements of `value` at the offsets that `offset` gives for every position of `dims`, `filler`'s only element where it gives −1. The position
 * array is reused: read it, don't keep it.
 */
export function gathered(
  value: TensorValue,
  dims: readonly number[],
  offset: (at: readonly number[], index: number) => number,
  filler?: TensorValue,
): TensorValue {
  const source = value.data as readonly (number | bigint | string)[];
  const data = allocate(value, size(dims));
  const other = filler?.data[0];
  each(dims, (at, i) => {
    const from = offset(at, i);
    if (from >= 0) data[i] = source[from]!;
    else if (other !== undefined) data[i] = other;
  });
  return { type: value.type, dims: [...dims], data: data as unknown as Elements };
}

/** Offsets of all positions of a shape in row-major order, `Σ positionᵢ·stepsᵢ` each. */
export function offsetsOf(dims: readonly number[], steps: readonly number[]): Float64Array {
  const count = size(dims);
  checkCount(count);
  const offsets = new Float64Array(count);
  const rank = dims.length;
  for (let axis = rank - 1, filled = 1; axis >= 0 && count > 0; axis--) {
    for (let position = 1; position < dims[axis]!; position++) {
      for (let i = 0; i < filled; i++) offsets[position * filled + i] = offsets[i]! + position * steps[axis]!;
    }
    filled *= dims[axis]!;
  }
  return offsets;
}

/** The value with other dims of as many elements; throws `REFERENCE_SHAPE` for another number of them. */
export function reshaped<V extends TensorValue>(value: V, dims: readonly number[], where: string): V {
  if (size(dims) === value.data.length && dims.every((dim) => dim >= 0)) return { ...value, dims };
  throw new SlmError('REFERENCE_SHAPE', `${where}: expected a shape of ${value.data.length} elements, got [${dims}]`);
}

/** Visits every position of a shape in row-major order. The position array is reused: read it, don't keep it. */
export function each(dims: readonly number[], visit: (at: readonly number[], index: number) => void): void {
  const count = size(dims);
  checkCount(count);
  const at = dims.map(() => 0);
  for (let i = 0; i < count; i++) {
    visit(at, i);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      at[axis] = at[axis]! + 1;
      if (at[axis]! < dims[axis]!) break;
      at[axis] = 0;
    }
  }
}

/** Steps through an operand of shape `dims` that is broadcast to `to`: 0 along the axes it repeats. */
export function broadcastSteps(dims: readonly number[], to: readonly number[]): number[] {
  const own = strides(dims);
  const lead = to.length - dims.length;
  return to.map((_, axis) => (axis < lead || dims[axis - lead] === 1 ? 0 : own[axis - lead]!));
}

/** A value repeated to a shape that it broadcasts to; the value itself where it has the shape. */
export function broadcastTo<V extends TensorValue>(value: V, dims: readonly number[]): V {
  if (value.dims.length === dims.length && value.dims.every((dim, axis) => dim === dims[axis])) return value;
  return strided(value, dims, broadcastSteps(value.dims, dims));
}

/** Distance between neighbours along each axis of a row-major tensor. */
export function strides(dims: readonly number[]): number[] {
  const steps = dims.map(() => 1);
  for (let axis = dims.length - 2; axis >= 0; axis--) steps[axis] = steps[axis + 1]! * dims[axis + 1]!;
  return steps;
}

export function size(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Builds a value of numbers element by element from its position. The position array is reused: read it, don't keep it. */
export function fill(type: DataType, dims: readonly number[], element: (at: readonly number[]) => number): Value {
  checkCount(size(dims));
  const data = new Float64Array(size(dims));
  each(dims, (at, i) => {
    data[i] = element(at);
  });
  return { type, dims: [...dims], data };
}

/** Offset of a position of a broadcast result in an operand (https://onnx.ai/onnx/repo-docs/Broadcasting.html). */
export function broadcastOffset(dims: readonly number[], steps: readonly number[], at: readonly number[]): number {
  const lead = at.length - dims.length;
  let offset = 0;
  for (let axis = 0; axis < dims.length; axis++) if (dims[axis] !== 1) offset += at[axis + lead]! * steps[axis]!;
  return offset;
}

/** The common shape of operands that broadcast to each other. */
export function broadcastDims(shapes: readonly (readonly number[])[], where: string): number[] {
  const rank = Math.max(...shapes.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, axis) => {
    let common = 1;
    for (const dims of shapes) {
      const dim = dims[axis - rank + dims.length] ?? 1;
      if (dim === 1 || dim === common) continue;
      if (common !== 1) {
        const got = shapes.map((shape) => `[${shape}]`).join(' and ');
        throw new SlmError('REFERENCE_SHAPE', `${where}: expected shapes that broadcast, got ${got}`);
      }
      common = dim;
    }
    return common;
  });
}

/** `float32[2,3]`, `sequence`, for messages. */
export function describeValue(value: AnyValue | undefined): string {
  if (value === undefined) return 'nothing';
  return value.kind ?? `${value.type}[${value.dims}]`;
}
