import type { DataType, Signature, Tensor, TensorData, Tensors, TensorType } from '@slm-compress/onnx';
import { elementCount, SlmError } from '@slm-compress/onnx';
import * as ort from 'onnxruntime-node';

type NumericData = Exclude<TensorData, readonly string[]>;
interface NumericConstructor {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (data: NumericData): NumericData;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericData;
}

/** Storage by element type, for the types ONNX Runtime's Node binding can carry. */
const STORAGE: Partial<Record<DataType, NumericConstructor>> = {
  float32: Float32Array as unknown as NumericConstructor,
  float64: Float64Array as unknown as NumericConstructor,
  float16: Uint16Array as unknown as NumericConstructor,
  int8: Int8Array as unknown as NumericConstructor,
  uint8: Uint8Array as unknown as NumericConstructor,
  bool: Uint8Array as unknown as NumericConstructor,
  int16: Int16Array as unknown as NumericConstructor,
  uint16: Uint16Array as unknown as NumericConstructor,
  int32: Int32Array as unknown as NumericConstructor,
  uint32: Uint32Array as unknown as NumericConstructor,
  int64: BigInt64Array as unknown as NumericConstructor,
  uint64: BigUint64Array as unknown as NumericConstructor,
};

/**
 * Checks feeds against a signature: every input present, none unknown; element type, storage class, rank, fixed
 * dimensions and element count right. Symbolic dimensions accept any size.
 *
 * @throws SlmError `ENGINE_INPUT` naming the input.
 */
export function checkFeeds(signature: Signature, feeds: Tensors): void {
  const inputs = new Map(signature.inputs.map((input) => [input.name, input.type]));
  for (const name of Object.keys(feeds)) {
    if (!inputs.has(name)) {
      throw inputError(
        `feed "${name}": expected one of ${quoted(inputs.keys())}, got an input the model does not have`,
      );
    }
  }
  for (const [name, type] of inputs) {
    const tensor = feeds[name];
    if (tensor === undefined) {
      throw inputError(`feeds: expected ${quoted(inputs.keys())}, got none for "${name}"`);
    }
    checkTensor(name, type, tensor);
  }
}

/** @throws SlmError `ENGINE_INPUT` when a wanted output is not one of the model's. */
export function checkOutputs(signature: Signature, outputs: readonly string[] | undefined): void {
  if (outputs === undefined) return;
  const known = new Set(signature.outputs.map((output) => output.name));
  const unknown = outputs.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw inputError(`outputs: expected some of ${quoted(known)}, got "${unknown}"`);
  }
}

function checkTensor(name: string, expected: TensorType | undefined, tensor: Tensor): void {
  const { type, dims, data } = tensor;
  if (expected !== undefined && expected.type !== type) {
    throw inputError(`feed "${name}": expected ${expected.type}, got ${type}`);
  }
  const invalid = dims.find((dim) => !Number.isSafeInteger(dim) || dim < 0);
  if (invalid !== undefined) {
    throw inputError(`feed "${name}": expected dimensions that are whole and not negative, got [${dims.join(', ')}]`);
  }
  if (expected?.dims !== undefined) {
    const fits =
      expected.dims.length === dims.length &&
      expected.dims.every((dim, axis) => typeof dim !== 'number' || dim === dims[axis]);
    if (!fits) {
      const shape = expected.dims.map((dim) => dim ?? '?').join(', ');
      throw inputError(`feed "${name}": expected shape [${shape}], got [${dims.join(', ')}]`);
    }
  }
  const storage = STORAGE[type];
  if (type === 'string' ? !Array.isArray(data) : storage === undefined || !isStorage(storage, data)) {
    const wanted = type === 'string' ? 'an array of strings' : (storage?.name ?? 'a type ONNX Runtime can be fed');
    throw inputError(`feed "${name}": expected ${wanted} for ${type}, got ${data.constructor.name}`);
  }
  const count = elementCount(dims);
  if (data.length !== count) {
    throw inputError(`feed "${name}": expected ${count} elements for [${dims.join(', ')}], got ${data.length}`);
  }
}

function isStorage(storage: NumericConstructor, data: TensorData): data is NumericData {
  return data instanceof (storage as unknown as new () => object);
}

/**
 * Turns tensors into ONNX Runtime's. Data is passed by reference, except data backed by a SharedArrayBuffer, which
 * ONNX Runtime refuses: it is copied into a buffer kept per input name and reused by the next call. The tensors made
 * are therefore valid only until that next call.
 */
export interface FeedConverter {
  convert(feeds: Tensors): Record<string, ort.Tensor>;
}

export function createFeedConverter(): FeedConverter {
  const buffers = new Map<string, ArrayBuffer>();
  const privateCopy = (name: string, data: NumericData): NumericData => {
    let buffer = buffers.get(name);
    if (buffer === undefined || buffer.byteLength < data.byteLength) {
      buffer = new ArrayBuffer(data.byteLength);
      buffers.set(name, buffer);
    }
    const copy = new (data.constructor as NumericConstructor)(buffer, 0, data.length);
    (copy as Float32Array).set(data as Float32Array);
    return copy;
  };
  return {
    convert(feeds) {
      const converted: Record<string, ort.Tensor> = {};
      for (const [name, { type, dims, data }] of Object.entries(feeds)) {
        const own = isStrings(data) || data.buffer instanceof ArrayBuffer ? data : privateCopy(name, data);
        converted[name] = new ort.Tensor(type as 'float32', own as Float32Array, dims as number[]);
      }
      return converted;
    },
  };
}

/** Turns ONNX Runtime's results into tensors; the data is taken by reference. */
export function fromOrt(results: Readonly<Record<string, ort.Tensor>>): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, result] of Object.entries(results)) {
    const type = result.type as DataType;
    const data = result.data as TensorData;
    tensors[name] = { type, dims: result.dims, data: type === 'float16' ? bits(data as Uint16Array) : data };
  }
  return tensors;
}

/** Newer versions of Node have a Float16Array, which ONNX Runtime then returns; a tensor here holds the raw bits. */
function bits(data: Uint16Array): Uint16Array {
  return data instanceof Uint16Array
    ? data
    : new Uint16Array((data as Uint16Array).buffer, (data as Uint16Array).byteOffset, (data as Uint16Array).length);
}

/** The buffers behind the tensors, each once, for a transfer list. Only for tensors that own their whole buffer. */
export function ownedBuffers(tensors: Tensors): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(tensors)) {
    if (!isStrings(data) && data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  }
  return [...buffers];
}

/**
 * Feeds as they can be posted to another thread without touching the caller's: data backed by a SharedArrayBuffer is
 * shared, everything else is copied once (only the viewed part) so that the copy can be transferred.
 */
export function postable(feeds: Tensors): Record<string, Tensor> {
  const copies: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(feeds)) {
    const { type, dims, data } = tensor;
    const shared = isStrings(data) || data.buffer instanceof SharedArrayBuffer;
    copies[name] = shared ? tensor : { type, dims, data: new STORAGE[type]!(data) };
  }
  return copies;
}

function isStrings(data: TensorData): data is readonly string[] {
  return Array.isArray(data);
}

function inputError(message: string): SlmError {
  return new SlmError('ENGINE_INPUT', message);
}

function quoted(names: Iterable<string>): string {
  return [...names].map((name) => `"${name}"`).join(', ') || 'nothing';
}
