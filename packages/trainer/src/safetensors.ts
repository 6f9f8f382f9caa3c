import { readFile } from 'node:fs/promises';
import type { DataType, Tensor, TensorData } from '@slm-compress/onnx';
import { elementCount, SlmError } from '@slm-compress/onnx';
import writeFileAtomic from 'write-file-atomic';

/** What a `.safetensors` file holds. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Storage {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): Exclude<TensorData, readonly string[]>;
}

/** Names of the format's element types; tensors are little-endian, row-major. */
const TYPES: readonly (readonly [string, DataType, Storage])[] = [
  ['F32', 'float32', Float32Array],
  ['F64', 'float64', Float64Array],
  ['F16', 'float16', Uint16Array],
  ['BF16', 'bfloat16', Uint16Array],
  ['I64', 'int64', BigInt64Array],
  ['I32', 'int32', Int32Array],
  ['I16', 'int16', Int16Array],
  ['I8', 'int8', Int8Array],
  ['U64', 'uint64', BigUint64Array],
  ['U32', 'uint32', Uint32Array],
  ['U16', 'uint16', Uint16Array],
  ['U8', 'uint8', Uint8Array],
  ['BOOL', 'bool', Uint8Array],
];
const METADATA = '__metadata__';
const HEADER_LIMIT = 100_000_000;

/**
 * The bytes of a safetensors file (https://huggingface.co/docs/safetensors): header length, JSON header, tensors in
 * the order given. Throws `SAFETENSORS_TYPE` for an element type the format lacks.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"${METADATA}":${JSON.stringify(metadata)}`);
  let end = 0;
  const chunks: { at: number; bytes: Uint8Array }[] = [];
  for (const [name, tensor] of tensors) {
    const row = TYPES.find(([, type]) => type === tensor.type);
    if (row === undefined || name === METADATA) {
      const got = row === undefined ? `element type ${tensor.type}` : 'a reserved name';
      throw new SlmError('SAFETENSORS_TYPE', `safetensors, tensor "${name}": expected a number type, got ${got}`);
    }
    const data = tensor.data as Exclude<TensorData, readonly string[]>;
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    chunks.push({ at: end, bytes });
    const offsets = [end, end + bytes.length];
    end += bytes.length;
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: row[0], shape: tensor.dims, data_offsets: offsets })}`,
    );
  }
  const text = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerLength = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + headerLength + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, 8, 8 + headerLength);
  file.set(text, 8);
  for (const { at, bytes } of chunks) file.set(bytes, 8 + headerLength + at);
  return file;
}

/**
 * Reads the bytes of a safetensors file. Tensors must fill the file without gap or overlap, each of the size its shape
 * says. Throws `SAFETENSORS_CORRUPT`, the message starting with `where`.
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  const fail = (message: string): never => {
    throw new SlmError('SAFETENSORS_CORRUPT', `${where}: ${message} (is the file complete?)`);
  };
  if (bytes.length < 8) fail(`expected a safetensors header, got ${bytes.length} bytes`);
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (headerLength > HEADER_LIMIT || headerLength + 8 > bytes.length) {
    fail(`expected a header inside the file's ${bytes.length} bytes, got one of ${headerLength}`);
  }
  const header = parseHeader(bytes.subarray(8, 8 + headerLength), fail);
  const data = bytes.subarray(8 + headerLength);
  const tensors = new Map<string, Tensor>();
  let metadata: Record<string, string> = {};
  const spans: (readonly [number, number])[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) {
      if (!isRecord(value) || Object.values(value).some((entry) => typeof entry !== 'string')) {
        fail(`expected ${METADATA} to map strings to strings, got ${JSON.stringify(value)}`);
      }
      metadata = value as Record<string, string>;
      continue;
    }
    const described = isRecord(value) ? value : fail(`expected tensor "${name}" to be described by an object`);
    const { dtype, shape, data_offsets: offsets } = described;
    const row = TYPES.find(([label]) => label === dtype) ?? fail(`tensor "${name}": unknown dtype ${String(dtype)}`);
    const dims = isNaturals(shape) ? shape : fail(`tensor "${name}": expected a shape, got ${JSON.stringify(shape)}`);
    const span = isNaturals(offsets) && offsets.length === 2 ? offsets : fail(`tensor "${name}": bad data_offsets`);
    const [begin, end] = span as [number, number];
    const size = elementCount(dims) * row[2].BYTES_PER_ELEMENT;
    if (end - begin !== size || end > data.length) {
      fail(`tensor "${name}": expected ${size} bytes inside ${data.length}, got ${begin} to ${end}`);
    }
    spans.push([begin, end]);
    tensors.set(name, { type: row[1], dims, data: new row[2](Uint8Array.from(data.subarray(begin, end)).buffer) });
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let reached = 0;
  for (const [begin, end] of spans) {
    if (begin !== reached) fail(`expected tensor data without gap or overlap, got one at byte ${reached}`);
    reached = end;
  }
  if (reached !== data.length) fail(`expected ${reached} bytes of tensor data, got ${data.length}`);
  return { tensors, metadata };
}

/** Reads a file; throws `FILE_NOT_FOUND` or `SAFETENSORS_CORRUPT`, both naming it. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected a safetensors file, got no such file`, { cause });
  }
  return decodeSafetensors(bytes, path);
}

/** Writes a file by way of a temporary one, so that a reader never sees half of it. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

function parseHeader(bytes: Uint8Array, fail: (message: string) => never): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    fail('expected a JSON header, got something else');
  }
  return isRecord(header) ? header : fail('expected the header to be an object, got something else');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}
