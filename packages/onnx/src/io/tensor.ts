import { byteLength, dataTypeOf, dataTypes, storageLength } from '../data-type.ts';
import { SlmError } from '../errors.ts';
import type { DataType, SparseTensor, Tensor, TensorData } from '../model.ts';
import type { Long, Message } from './message.ts';
import * as message from './message.ts';

/** Where the bytes of an external tensor come from: `location` is the path in the model, not yet trusted. */
export type ReadExternal = (location: string, offset: number, length: number | undefined, where: string) => Uint8Array;

const EXTERNAL = 1;
const TYPED_FIELDS = ['float_data', 'int32_data', 'string_data', 'int64_data', 'double_data', 'uint64_data'] as const;

/**
 * A TensorProto as a tensor. The data is a view of the message's bytes where alignment allows, else a copy.
 * Throws `ONNX_CORRUPT` for an unknown element type or data whose length is not that of the shape.
 */
export function decodeTensor(proto: Message, where: string, readExternal: ReadExternal): Tensor {
  const number = message.take<number>(proto, 'data_type') ?? 0;
  const type = dataTypeOf(number);
  if (type === undefined) throw message.corrupt(where, 'a known element type', `data_type ${number}`);
  const dims = message.takeAll<Long>(proto, 'dims').map((dim) => message.toSize(dim, `${where} dims`));
  const expected = storageLength(type, dims);
  if (!Number.isSafeInteger(expected)) throw message.corrupt(where, 'a shape of at most 2^53 elements', `[${dims}]`);

  let bytes = message.take<Uint8Array>(proto, 'raw_data');
  if (message.take<number>(proto, 'data_location') === EXTERNAL) {
    const entries = message.takeEntries(proto, 'external_data');
    bytes = readExternal(entries.location ?? '', size(entries.offset, where) ?? 0, size(entries.length, where), where);
  }
  const values = message.takeAll<never>(proto, dataTypes[type].field);
  const data =
    bytes !== undefined && values.length === 0 ? fromBytes(type, bytes, where) : fromValues(type, values, dims, where);
  if (data.length !== expected) {
    const shape = `${type}[${dims}]`;
    throw message.corrupt(where, `${expected} stored values for ${shape}`, `${data.length}`);
  }
  for (const field of TYPED_FIELDS) {
    if (message.takeAll(proto, field).length > 0)
      throw message.corrupt(where, `data in ${dataTypes[type].field}`, field);
  }
  const name = message.take<string>(proto, 'name');
  const doc = message.take<string>(proto, 'doc_string');
  const metadata = message.takeEntries(proto, 'metadata_props');
  return {
    type,
    dims,
    data,
    ...(name === undefined || name === '' ? {} : { name }),
    ...(doc === undefined ? {} : { doc }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...message.rest('TensorProto', proto),
  };
}

/** A tensor as a TensorProto: `raw_data`, or `string_data` for strings. Throws `ONNX_INVALID` for a wrong data length. */
export function encodeTensor(tensor: Tensor, name: string | undefined, where: string): Message {
  checkTensor(tensor, where);
  const { type, dims, data } = tensor;
  return message.compose(
    {
      dims: dims.map((dim) => message.toLong(dim, `${where} dims`)),
      data_type: dataTypes[type].number,
      string_data: ArrayBuffer.isView(data) ? undefined : data.map(message.bytesOf),
      name: name ?? tensor.name,
      raw_data: ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined,
      doc_string: tensor.doc,
      metadata_props: message.toEntries(tensor.metadata),
    },
    tensor.unknown,
  );
}

/** Throws `ONNX_INVALID` when a tensor's storage does not fit its type and shape. */
export function checkTensor(tensor: Tensor, where: string): void {
  const { type, dims, data } = tensor;
  const row = dataTypes[type];
  if (row === undefined) throw new SlmError('ONNX_INVALID', `${where}: expected a known element type, got ${type}`);
  const stored = ArrayBuffer.isView(data) ? data.constructor.name : 'strings';
  const wanted = row.storage?.name ?? 'strings';
  if (stored !== wanted) throw new SlmError('ONNX_INVALID', `${where}: expected ${wanted} for ${type}, got ${stored}`);
  const bad = dims.find((dim) => !Number.isSafeInteger(dim) || dim < 0);
  if (bad !== undefined) throw new SlmError('ONNX_INVALID', `${where}: expected sizes of at least 0, got [${dims}]`);
  const length = storageLength(type, dims);
  if (data.length !== length) {
    const got = `${data.length} (${byteLength(data)} bytes)`;
    throw new SlmError('ONNX_INVALID', `${where}: expected ${length} stored values for ${type}[${dims}], got ${got}`);
  }
}

/** A SparseTensorProto; its name is that of its values. */
export function decodeSparse(proto: Message, where: string, readExternal: ReadExternal): SparseTensor {
  const values = message.take<Message>(proto, 'values');
  const indices = message.take<Message>(proto, 'indices');
  if (values === undefined || indices === undefined) throw message.corrupt(where, 'values and indices', 'one of them');
  return {
    dims: message.takeAll<Long>(proto, 'dims').map((dim) => message.toSize(dim, `${where} dims`)),
    values: decodeTensor(values, `${where} values`, readExternal),
    indices: decodeTensor(indices, `${where} indices`, readExternal),
    ...message.rest('SparseTensorProto', proto),
  };
}

/** The reverse of {@link decodeSparse}. */
export function encodeSparse(sparse: SparseTensor, name: string, where: string): Message {
  return message.compose(
    {
      values: encodeTensor(sparse.values, name, `${where} values`),
      indices: encodeTensor(sparse.indices, undefined, `${where} indices`),
      dims: sparse.dims.map((dim) => message.toLong(dim, `${where} dims`)),
    },
    sparse.unknown,
  );
}

function size(text: string | undefined, where: string): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw message.corrupt(`${where} external_data`, 'a byte count', JSON.stringify(text));
  return value;
}

function fromBytes(type: DataType, bytes: Uint8Array, where: string): TensorData {
  const { storage } = dataTypes[type];
  if (storage === undefined) throw message.corrupt(where, 'string_data', 'raw_data');
  const unit = storage.BYTES_PER_ELEMENT;
  if (bytes.byteLength % unit !== 0) throw message.corrupt(where, `a multiple of ${unit} bytes`, `${bytes.byteLength}`);
  if (bytes.byteOffset % unit !== 0) return new storage(new Uint8Array(bytes).buffer);
  return new storage(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / unit);
}

function fromValues(type: DataType, values: readonly never[], dims: readonly number[], where: string): TensorData {
  if (type === 'string') {
    return values.map((bytes) => {
      const text = message.textOf(bytes);
      if (text === undefined) throw message.corrupt(`${where} string_data`, 'UTF-8', 'other bytes');
      return text;
    });
  }
  if (type === 'int64') return BigInt64Array.from(values, (long) => message.bigIntOf(long));
  if (type === 'uint64') return BigUint64Array.from(values, (long) => message.bigIntOf(long));
  if (type === 'uint32') return Uint32Array.from(values, (long) => Number(message.bigIntOf(long)));
  if (dataTypes[type].bits === 6) return packSixBits(values, storageLength(type, dims));
  const storage = dataTypes[type].storage as Float32ArrayConstructor;
  return storage.from(values);
}

/** In int32_data a 6-bit float has an entry of its own; in memory four of them take three bytes, lowest bits first. */
function packSixBits(values: readonly number[], length: number): Uint8Array {
  const packed = new Uint8Array(Math.ceil((values.length * 6) / 8));
  values.forEach((value, index) => {
    const bit = index * 6;
    const shifted = (value & 0x3f) << (bit % 8);
    packed[bit >> 3]! |= shifted & 0xff;
    if (shifted > 0xff) packed[(bit >> 3) + 1]! |= shifted >> 8;
  });
  return packed.length === length ? packed : packed.slice();
}
