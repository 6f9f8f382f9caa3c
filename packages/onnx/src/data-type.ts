import { type DataType, elementCount, type Tensor, type TensorData } from './model.ts';

/** A constructor of the storage of a {@link DataType}. */
export type StorageConstructor =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor;

/** What is known of an element type. */
export interface DataTypeRow {
  /** Number in TensorProto.DataType. */
  readonly number: number;
  /** Bits of one element in `raw_data`; 0 for strings. */
  readonly bits: number;
  /** The storage; absent for strings. */
  readonly storage?: StorageConstructor;
  /** The typed field that may hold the elements instead of `raw_data`. */
  readonly field: 'float_data' | 'int32_data' | 'int64_data' | 'double_data' | 'uint64_data' | 'string_data';
}

/** Element types, one row each (onnx.proto, TensorProto). */
export const dataTypes: Readonly<Record<DataType, DataTypeRow>> = {
  float32: { number: 1, bits: 32, storage: Float32Array, field: 'float_data' },
  uint8: { number: 2, bits: 8, storage: Uint8Array, field: 'int32_data' },
  int8: { number: 3, bits: 8, storage: Int8Array, field: 'int32_data' },
  uint16: { number: 4, bits: 16, storage: Uint16Array, field: 'int32_data' },
  int16: { number: 5, bits: 16, storage: Int16Array, field: 'int32_data' },
  int32: { number: 6, bits: 32, storage: Int32Array, field: 'int32_data' },
  int64: { number: 7, bits: 64, storage: BigInt64Array, field: 'int64_data' },
  string: { number: 8, bits: 0, field: 'string_data' },
  bool: { number: 9, bits: 8, storage: Uint8Array, field: 'int32_data' },
  float16: { number: 10, bits: 16, storage: Uint16Array, field: 'int32_data' },
  float64: { number: 11, bits: 64, storage: Float64Array, field: 'double_data' },
  uint32: { number: 12, bits: 32, storage: Uint32Array, field: 'uint64_data' },
  uint64: { number: 13, bits: 64, storage: BigUint64Array, field: 'uint64_data' },
  complex64: { number: 14, bits: 64, storage: Float32Array, field: 'float_data' },
  complex128: { number: 15, bits: 128, storage: Float64Array, field: 'double_data' },
  bfloat16: { number: 16, bits: 16, storage: Uint16Array, field: 'int32_data' },
  float8e4m3fn: { number: 17, bits: 8, storage: Uint8Array, field: 'int32_data' },
  float8e4m3fnuz: { number: 18, bits: 8, storage: Uint8Array, field: 'int32_data' },
  float8e5m2: { number: 19, bits: 8, storage: Uint8Array, field: 'int32_data' },
  float8e5m2fnuz: { number: 20, bits: 8, storage: Uint8Array, field: 'int32_data' },
  uint4: { number: 21, bits: 4, storage: Uint8Array, field: 'int32_data' },
  int4: { number: 22, bits: 4, storage: Uint8Array, field: 'int32_data' },
  float4e2m1: { number: 23, bits: 4, storage: Uint8Array, field: 'int32_data' },
  float8e8m0: { number: 24, bits: 8, storage: Uint8Array, field: 'int32_data' },
  uint2: { number: 25, bits: 2, storage: Uint8Array, field: 'int32_data' },
  int2: { number: 26, bits: 2, storage: Uint8Array, field: 'int32_data' },
  float6e2m3: { number: 27, bits: 6, storage: Uint8Array, field: 'int32_data' },
  float6e3m2: { number: 28, bits: 6, storage: Uint8Array, field: 'int32_data' },
};

const byNumber = new Map((Object.keys(dataTypes) as DataType[]).map((type) => [dataTypes[type].number, type]));

/** The element type of a TensorProto.DataType number, or `undefined` for one that this schema does not know. */
export function dataTypeOf(number: number): DataType | undefined {
  return byNumber.get(number);
}

/** Number of entries that the storage of a tensor of this type and shape has. */
export function storageLength(type: DataType, dims: readonly number[]): number {
  const { bits, storage } = dataTypes[type];
  const elements = elementCount(dims);
  return storage === undefined ? elements : Math.ceil((elements * bits) / (8 * storage.BYTES_PER_ELEMENT));
}

/** Bytes that the elements take in a file; for strings the sum of their UTF-8 lengths. */
export function byteLength(data: TensorData): number {
  if (ArrayBuffer.isView(data)) return data.byteLength;
  return data.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** Bytes that a tensor's elements take in a file. Only strings are looked at: other data may not have been read yet. */
export function tensorBytes(tensor: Tensor): number {
  const { storage } = dataTypes[tensor.type];
  if (storage === undefined) return byteLength(tensor.data);
  return storageLength(tensor.type, tensor.dims) * storage.BYTES_PER_ELEMENT;
}
