import { open } from 'node:fs/promises';
import { SlmError } from '@slm-compress/onnx';

/** Length of the longest tag and length prefix of a protobuf field: two varints of ten bytes. */
const HEADER = 20;
const MODEL_GRAPH_FIELD = 7;

/**
 * Checks that a file can be an ONNX model without reading its weights: it exists, is not empty, and its top level is a
 * sequence of protobuf fields (https://protobuf.dev/programming-guides/encoding/) that ends exactly at the end of the
 * file and holds one graph. Finds truncated and foreign files in a handful of small reads.
 *
 * @throws SlmError `FILE_NOT_FOUND`, `ONNX_CORRUPT`, naming the file.
 */
export async function checkOnnxFile(path: string): Promise<void> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected an ONNX file, got ${(cause as { code?: string }).code}`, {
      cause,
    });
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new SlmError('FILE_NOT_FOUND', `${path}: expected an ONNX file, got a folder`);
    const header = new Uint8Array(HEADER);
    let offset = 0;
    let graphs = 0;
    while (offset < stats.size) {
      const { bytesRead } = await file.read(header, 0, HEADER, offset);
      const field = readField(header.subarray(0, bytesRead));
      if (field === undefined || offset + field.size > stats.size) {
        throw corrupt(
          path,
          `a complete protobuf field at byte ${offset} of ${stats.size}, got damaged or missing bytes`,
        );
      }
      if (field.number === MODEL_GRAPH_FIELD) graphs++;
      offset += field.size;
    }
    if (graphs === 0) throw corrupt(path, 'a model with a graph, got none');
  } finally {
    await file.close();
  }
}

function readField(bytes: Uint8Array): { number: number; size: number } | undefined {
  const tag = readVarint(bytes, 0);
  if (tag === undefined || tag.value < 8) return undefined;
  const number = Math.floor(tag.value / 8);
  if (number > 0x1fffffff) return undefined;
  switch (tag.value % 8) {
    case 0: {
      const value = readVarint(bytes, tag.end);
      return value && { number, size: value.end };
    }
    case 1:
      return { number, size: tag.end + 8 };
    case 2: {
      const length = readVarint(bytes, tag.end);
      return length && { number, size: length.end + length.value };
    }
    case 5:
      return { number, size: tag.end + 4 };
    default:
      return undefined;
  }
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  return undefined;
}

function corrupt(path: string, message: string): SlmError {
  return new SlmError('ONNX_CORRUPT', `${path}: expected ${message}`);
}
