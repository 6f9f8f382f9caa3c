import { byteLength, dataTypeOf, dataTypes, storageLength } from '../data-type.ts';
import { SlmError } from '../errors.ts';
import type { DataType, SparseTensor, Tensor, TensorData } from '../model.ts';
import { lazyTensor, type RecentData, sourceOf } from './lazy-tensor.ts';
import type { Long, Message } from './message.ts';
import * as message from './message.ts';
import type { ByteSource, Piece } from './wire-writer.ts';

/**
 * Finds the bytes of an external tensor: `location` is the path in the model, not yet trusted. Throws when they are not
 * all there.
 */
export type OpenExternal = (location: string, offset: number, length: number, where: string) => ByteSource;

/** What tensors are decoded with. */
export interface TensorSource {
  readonly external: OpenExternal;
  /** True when the bytes may be moved in place, to where their alignment allows a view. */
  readonly owned: boolean;
  readonly recent: RecentData;
}

const EXTERNAL = 1;
const TYPED_FIELDS = ['float_data', 'int32_data', 'string_data', 'int64_data', 'double_data', 'uint64_data'] as const;

/**
 * A TensorProto as a tensor. The data is a view of the message's bytes where alignment allows, else a copy; external data
 * is read when it is first looked at. Throws `ONNX_CORRUPT` for an unknown element type or data whose length is not that
 * of the shape.
 */
export function decodeTensor(proto: Message, where: string, source: TensorSource): Tensor {
  const number = message.take<number>(proto, 'data_type') ?? 0;
  const type = dataTypeOf(number);
  if (type === undefined) throw message.corrupt(where, 'a known element type', `data_type ${number}`);
  const dims = message.takeAll<Long>(proto, 'dims').map((dim) => message.toSize(dim, `${where} dims`));
  const expected = storageLength(type, dims);
  if (!Number.isSafeInteger(expected)) throw message.corrupt(where, 'a shape of at most 2^53 elements', `[${dims}]`);

  const bytes = message.take<Uint8Array>(proto, 'raw_data');
  const isExternal = message.take<number>(proto, 'data_location') === EXTERNAL;
  const external = isExternal ? openExternal(proto, type, expected, where, source) : undefined;
  const values = external === undefined ? message.takeAll<never>(proto, dataTypes[type].field) : [];
  let data: TensorData | undefined;
  if (external === undefined) {
    const raw = bytes !== undefined && values.length === 0;
    data = raw ? fromBytes(type, bytes, where, source.owned) : fromValues(type, values, dims, where);
    if (data.length !== expected) {
      const shape = `${type}[${dims}]`;
      throw message.corrupt(where, `${expected} stored values for ${shape}`, `${data.length}`);
    }
  }
  for (const field of TYPED_FIELDS) {
    if (message.takeAll(proto, field).length > 0) {
      const place = external === undefined ? dataTypes[type].field : 'external_data';
      throw message.corrupt(where, `data in ${place}`, field);
    }
  }
  const name = message.take<string>(proto, 'name');
  const doc = message.take<string>(proto, 'doc_string');
  const metadata = message.takeEntries(proto, 'metadata_props');
  const others = {
    ...(name === undefined || name === '' ? {} : { name }),
    ...(doc === undefined ? {} : { doc }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...message.rest('TensorProto', proto),
  };
  if (external !== undefined) return lazyTensor({ type, dims, ...others }, external, source.recent);
  return { type, dims, data: data!, ...others };
}

/** Where a tensor's external data lie: as many bytes as the shape needs, which `length`, if given, must be. */
function openExternal(proto: Message, type: DataType, stored: number, where: string, source: TensorSource): ByteSource {
  const { storage } = dataTypes[type];
  if (storage === undefined) throw message.corrupt(where, 'string_data', 'external data');
  const entries = message.takeEntries(proto, 'external_data');
  const wanted = stored * storage.BYTES_PER_ELEMENT;
  const length = size(entries.length, where) ?? wanted;
  if (length !== wanted) throw message.corrupt(`${where} external_data`, `a length of ${wanted} bytes`, `${length}`);
  return source.external(entries.location ?? '', size(entries.offset, where) ?? 0, length, where);
}

/** Takes a tensor's bytes to a data file: the `external_data` entries that tell where they are, or `undefined` to keep them. */
export type PlaceExternal = (bytes: Piece) => readonly Message[] | undefined;

/**
 * A tensor as a TensorProto: `raw_data`, `string_data` for strings, or external data where `place` takes it. The bytes
 * are shared, those of a data file still to be read. Throws `ONNX_INVALID` for a wrong data length.
 */
export function encodeTensor(tensor: Tensor, name: string | undefined, where: string, place?: PlaceExternal): Message {
  checkTensor(tensor, where);
  const { type, dims } = tensor;
  const bytes = bytesOf(tensor);
  const external = bytes === undefined ? undefined : place?.(bytes);
  return message.compose(
    {
      dims: dims.map((dim) => message.toLong(dim, `${where} dims`)),
      data_type: dataTypes[type].number,
      string_data: bytes === undefined ? (tensor.data as readonly string[]).map(message.bytesOf) : undefined,
      name: name ?? tensor.name,
      raw_data: external === undefined ? bytes : undefined,
      doc_string: tensor.doc,
      external_data: external,
      data_location: external === undefined ? undefined : EXTERNAL,
      metadata_props: message.toEntries(tensor.metadata),
    },
    tensor.unknown,
  );
}

/** The stored bytes of a tensor, by reference; `undefined` for strings. */
function bytesOf(tensor: Tensor): Piece | undefined {
  const source = sourceOf(tensor);
  if (source !== undefined) return source;
  const { data } = tensor;
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined;
}

/** Throws `ONNX_INVALID` when a tensor's storage does not fit its type and shape. */
export function checkTensor(tensor: Tensor, where: string): void {
  // Data that is still to be read was checked when the model was.
  if (sourceOf(tensor) !== undefined) return;
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
export function decodeSparse(proto: Message, where: string, source: TensorSource): SparseTensor {
  const values = message.take<Message>(proto, 'values');
  const indices = message.take<Message>(proto, 'indices');
  if (values === undefined || indices === undefined) throw message.corrupt(where, 'values and indices', 'one of them');
  return {
    dims: message.takeAll<Long>(proto, 'dims').map((dim) => message.toSize(dim, `${where} dims`)),
    values: decodeTensor(values, `${where} values`, source),
    indices: decodeTensor(indices, `${where} indices`, source),
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

function fromBytes(type: DataType, bytes: Uint8Array, where: string, owned: boolean): TensorData {
  const { storage } = dataTypes[type];
  if (storage === undefined) throw message.corrupt(where, 'string_data', 'raw_data');
  const unit = storage.BYTES_PER_ELEMENT;
  if (bytes.byteLength % unit !== 0) throw message.corrupt(where, `a multiple of ${unit} bytes`, `${bytes.byteLength}`);
  const shift = bytes.byteOffset % unit;
  const buffer = bytes.buffer as ArrayBuffer;
  if (shift > 0 && !(owned && shift <= headerLength(bytes))) return new storage(new Uint8Array(bytes).buffer);
  const start = bytes.byteOffset - shift;
  if (shift > 0) new Uint8Array(buffer, start).copyWithin(0, shift, shift + bytes.byteLength);
  return new storage(buffer, start, bytes.byteLength / unit);
}

/** Length of the tag and the length before the bytes of a field, at least: no longer needed once they are decoded. */
function headerLength(bytes: Uint8Array): number {
  let length = 2;
  for (let limit = 128; bytes.byteLength >= limit; limit *= 128) length++;
  return length;
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
