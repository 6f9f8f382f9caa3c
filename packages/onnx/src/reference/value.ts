import { SlmError } from '../errors.ts';
import type { DataType, Tensor, TensorData } from '../model.ts';

/**
 * A tensor inside the interpreter: every numeric element is a double, booleans are 0 and 1. Integers are exact to 2⁵³.
 * `type` is the ONNX type; with precision `float64` the values of a float32 tensor are not rounded to float32.
 */
export interface Value {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** Arithmetic of float32 values: rounded to float32 after every operator, or left in float64. */
export type Precision = 'float32' | 'float64';

const integerBits: Partial<Record<DataType, readonly [bits: number, signed: boolean]>> = {
  int8: [8, true],
  uint8: [8, false],
  int16: [16, true],
  uint16: [16, false],
  int32: [32, true],
  uint32: [32, false],
};

/** Rounds elements to what their type can hold. */
export function settle(value: Value, precision: Precision): Value {
  const { type, data } = value;
  if (type === 'float32' && precision === 'float32')
    for (let i = 0; i < data.length; i++) data[i] = Math.fround(data[i]!);
  const bits = integerBits[type];
  if (bits) {
    const [width, signed] = bits;
    const span = 2 ** width;
    for (let i = 0; i < data.length; i++) {
      const wrapped = ((Math.trunc(data[i]!) % span) + span) % span;
      data[i] = signed && wrapped >= span / 2 ? wrapped - span : wrapped;
    }
  }
  return value;
}

/** Reads a tensor into the interpreter. */
export function toValue(tensor: Tensor, where: string): Value {
  const readable = /^(float32|float64|bool|u?int(8|16|32|64))$/.test(tensor.type);
  if (!readable) {
    throw new SlmError('REFERENCE_UNSUPPORTED', `${where}: expected numbers or booleans, got ${tensor.type}`);
  }
  const data = Float64Array.from(tensor.data as ArrayLike<number | bigint>, Number);
  return { type: tensor.type, dims: tensor.dims, data };
}

/** Hands a value out as a tensor; unrounded float32 values go out as float64. */
export function toTensor({ type, dims, data }: Value, precision: Precision): Tensor {
  const given: DataType = type === 'float32' && precision === 'float64' ? 'float64' : type;
  return { type: given, dims, data: storage(given, data) };
}

function storage(type: DataType, data: Float64Array): TensorData {
  switch (type) {
    case 'float32':
      return Float32Array.from(data);
    case 'int8':
      return Int8Array.from(data);
    case 'int16':
      return Int16Array.from(data);
    case 'uint16':
      return Uint16Array.from(data);
    case 'int32':
      return Int32Array.from(data);
    case 'uint32':
      return Uint32Array.from(data);
    case 'int64':
      return BigInt64Array.from(Array.from(data, BigInt));
    case 'uint64':
      return BigUint64Array.from(Array.from(data, BigInt));
    case 'bool':
    case 'uint8':
      return Uint8Array.from(data);
    default:
      return Float64Array.from(data);
  }
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

/** Builds a value element by element from its position. The position array is reused: read it, don't keep it. */
export function fill(type: DataType, dims: readonly number[], element: (at: readonly number[]) => number): Value {
  const data = new Float64Array(size(dims));
  const at = dims.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = element(at);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      at[axis] = at[axis]! + 1;
      if (at[axis]! < dims[axis]!) break;
      at[axis] = 0;
    }
  }
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
