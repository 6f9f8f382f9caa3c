import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { SlmError } from '@slm-compress/onnx';
import { Decompress } from 'fzstd';
import iconv from 'iconv-lite';

/** The path that stands for standard input. */
export const stdinPath = '-';

export interface ReadControl {
  readonly onRead?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Compressed bytes handed to the zstd decoder at once: a block of 128 KiB can come of 4 bytes, so this bounds the output held. */
const zstdSlice = 4096;

/**
 * The bytes of a file, or of standard input for `-`, unpacked when they begin as gzip (also several members) or
 * zstd do, whatever the name. Memory is a few chunks of 64 KiB. `onRead` hears of the bytes read, still packed.
 *
 * Throws SlmError `FILE_NOT_FOUND` when it cannot be opened, `ABORTED` with the signal's reason as cause, and `DATA_COMPRESSION` with the number of bytes unpacked
 * when a compressed stream is cut short or damaged.
 */
export async function* readBytes(path: string, control: ReadControl = {}): AsyncGenerator<Buffer> {
  const chunks = rawBytes(path, control);
  const head = await take(chunks, 4);
  const source = joined(head, chunks);
  if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzip(path, source);
  else if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) yield* unzstd(path, source);
  else yield* source;
}

/**
 * The same text as UTF-8 without a byte order mark. `encoding` is any name iconv-lite knows; without it the mark or,
 * for UTF-16 without one, the zeros of its ASCII characters decide, and other bytes pass as they are.
 *
 * Throws SlmError `DATA_OPTION` for an unknown encoding.
 */
export async function* asUtf8(bytes: AsyncGenerator<Buffer>, encoding?: string): AsyncGenerator<Buffer> {
  if (encoding !== undefined && !iconv.encodingExists(encoding)) {
    throw new SlmError('DATA_OPTION', `encoding: expected the name of a character encoding, got ${encoding}`);
  }
  const head = await take(bytes, 1024);
  const utf8Mark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  const source = joined(utf8Mark ? head.subarray(3) : head, bytes);
  const charset = encoding ?? (utf8Mark ? undefined : utf16(head));
  if (charset === undefined) {
    yield* source;
    return;
  }
  const decoder = iconv.getDecoder(charset);
  for await (const chunk of source) yield Buffer.from(decoder.write(chunk));
  const rest = decoder.end();
  if (rest) yield Buffer.from(rest);
}

async function* rawBytes(path: string, { onRead, signal }: ReadControl): AsyncGenerator<Buffer> {
  throwIfAborted(signal);
  const stream = path === stdinPath ? process.stdin : createReadStream(path, signal && { signal });
  try {
    for await (const chunk of stream) {
      throwIfAborted(signal);
      if (path !== stdinPath) onRead?.(chunk.length);
      yield chunk as Buffer;
    }
  } catch (cause) {
    throwIfAborted(signal);
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected a readable data file, got ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Throws SlmError `ABORTED` with the signal's reason as cause. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new SlmError('ABORTED', 'rows: expected to read on, got cancelled by the caller', { cause: signal.reason });
  }
}

async function* gunzip(path: string, source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const unpacker = createGunzip();
  // Its failure reaches the loop below through the stream that it destroys.
  pipeline(Readable.from(source), unpacker).catch(() => {});
  let total = 0;
  try {
    for await (const chunk of unpacker) {
      total += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  } catch (cause) {
    throw compressionError(path, 'gzip', total, cause);
  }
}

async function* unzstd(path: string, source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let output: Buffer[] = [];
  let total = 0;
  const unpacker = new Decompress((data) => {
    total += data.length;
    if (data.length > 0) output.push(Buffer.from(data));
  });
  const push = (bytes: Uint8Array, final: boolean): readonly Buffer[] => {
    try {
      unpacker.push(bytes, final);
    } catch (cause) {
      throw compressionError(path, 'zstd', total, cause);
    }
    const ready = output;
    output = [];
    return ready;
  };
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += zstdSlice) {
      // The decoder keeps what it is given: a copy, as chunks are views of shared memory.
      yield* push(Uint8Array.from(chunk.subarray(at, at + zstdSlice)), false);
    }
  }
  yield* push(new Uint8Array(0), true);
}

function compressionError(path: string, kind: string, total: number, cause: unknown): unknown {
  if (cause instanceof SlmError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SlmError(
    'DATA_COMPRESSION',
    `${path}: expected a complete ${kind} stream, got "${message}" after ${total} bytes of text (truncated or damaged file)`,
    { cause },
  );
}

/** At least `count` bytes from the front, fewer when there are no more. */
export async function take(chunks: AsyncGenerator<Buffer>, count: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let length = 0; length < count; ) {
    const { value, done } = await chunks.next();
    if (done) break;
    pieces.push(value);
    length += value.length;
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/** A stream with its front put back. */
export async function* joined(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

function utf16(head: Buffer): string | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const pairs = Math.min(head.length, 1024) >> 1;
  let even = 0;
  let odd = 0;
  for (let i = 0; i < pairs; i++) {
    if (head[2 * i] === 0) even++;
    if (head[2 * i + 1] === 0) odd++;
  }
  if (pairs < 4) return undefined;
  if (odd > 0.4 * pairs && even < 0.05 * pairs) return 'utf-16le';
  return even > 0.4 * pairs && odd < 0.05 * pairs ? 'utf-16be' : undefined;
}
