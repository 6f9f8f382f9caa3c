import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { endianness } from 'node:os';
import { SlmError } from '@slm-compress/onnx';
import { IGNORED_LABEL } from './ignored-label.ts';
import { type StoredTokens, sharedOffsets } from './token-store.ts';

/** An example on its way into a file. */
export interface TokenRow {
  readonly ids: Int32Array;
  /** The id itself where it is learned, `IGNORED_LABEL` elsewhere. All rows have labels or none has. */
  readonly labels?: Int32Array;
  /** UTF-8 bytes of the text that is learned, for bits per byte. */
  readonly bytes: number;
}

export interface TokenFileOptions {
  /** Highest id + 1; up to 65,536 (32,768 with labels) a token takes two bytes, else four. */
  readonly vocabularySize: number;
  /** Whether rows have labels; false by default. */
  readonly labelled?: boolean;
  /** What the ids mean: the tokenizer's digest. */
  readonly tokenizer: string;
}

const FORMAT = 1;
const MAGIC = 'SLMTOKEN';
/** Length of the header's JSON as uint32, and the magic: the last bytes of a file. */
const TAIL = 12;
const MAX_HEADER = 65_536;
const CHUNK = 1 << 20;

/** The JSON behind the tokens and lengths. */
interface Header {
  readonly format: number;
  readonly endianness: string;
  readonly width: 2 | 4;
  readonly labelled: boolean;
  readonly vocabularySize: number;
  readonly tokenizer: string;
  readonly examples: number;
  readonly tokens: number;
  readonly bytes: number;
  readonly digest: string;
}

function isHeader(value: unknown): value is Header {
  const header = (typeof value === 'object' && value !== null ? value : {}) as Header;
  return (
    header.format === FORMAT &&
    header.endianness === endianness() &&
    (header.width === 2 || header.width === 4) &&
    typeof header.labelled === 'boolean' &&
    typeof header.tokenizer === 'string' &&
    /^[0-9a-f]{64}$/.test(header.digest) &&
    [header.vocabularySize, header.examples, header.tokens, header.bytes].every(
      (count) => Number.isSafeInteger(count) && count >= 0,
    )
  );
}

/**
 * Writes rows of tokens as they come into one file, through a temporary file beside it: 1 MiB of memory, and 8 bytes an
 * example. In the file: the tokens, one after another as integers of 2 or 4 bytes (with labels twice the id, plus one where
 * it is learned); the examples' lengths, uint32; a header in JSON; its length; `SLMTOKEN`. Same rows, same bytes.
 *
 * Throws SlmError `BATCH_OPTION` for ids outside the vocabulary, rows with and without labels, and labels that are neither
 * the id nor ignored; and what the rows throw. Then no file is left.
 */
export async function writeTokenFile(
  path: string,
  rows: Iterable<TokenRow> | AsyncIterable<TokenRow>,
  options: TokenFileOptions,
): Promise<StoredTokens> {
  const { vocabularySize, labelled = false, tokenizer } = options;
  const most = labelled ? 2 * vocabularySize : vocabularySize;
  if (!Number.isInteger(vocabularySize) || vocabularySize < 1 || most > 2 ** 31) {
    throw new SlmError('BATCH_OPTION', `vocabularySize: expected a number of tokens, got ${vocabularySize}`);
  }
  const width = most <= 65_536 ? 2 : 4;
  const temporary = `${path}.${process.pid}.new`;
  const hash = createHash('sha256');
  const lengths: number[] = [];
  let [tokens, bytes] = [0, 0];
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, 'w');
    const chunk = new (width === 2 ? Uint16Array : Uint32Array)(CHUNK / width);
    let held = 0;
    const flush = async () => {
      const view = new Uint8Array(chunk.buffer, 0, held * width);
      hash.update(view);
      await file!.writeFile(view);
      held = 0;
    };
    for await (const row of rows) {
      checkRow(row, lengths.length, vocabularySize, labelled);
      const { ids, labels } = row;
      for (let i = 0; i < ids.length; i++) {
        if (held === chunk.length) await flush();
        chunk[held++] = labels ? 2 * ids[i]! + (labels[i] === IGNORED_LABEL ? 0 : 1) : ids[i]!;
      }
      lengths.push(ids.length);
      tokens += ids.length;
      bytes += row.bytes;
    }
    await flush();
    const sizes = bytesOf(Uint32Array.from(lengths));
    const digest = hash.update(sizes).digest('hex');
    const examples = lengths.length;
    const header: Header = {
      ...{ format: FORMAT, endianness: endianness(), width, labelled, vocabularySize, tokenizer },
      ...{ examples, tokens, bytes, digest },
    };
    const json = Buffer.from(JSON.stringify(header));
    const tail = Buffer.alloc(TAIL);
    tail.writeUInt32LE(json.length);
    tail.write(MAGIC, 4);
    for (const part of [sizes, json, tail]) await file.writeFile(part);
    await file.sync();
    await file.close();
    await rename(temporary, path);
    return stored(path, header, lengths);
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Opens a file of {@link writeTokenFile} and proves it: sizes, digest, ids within the vocabulary. Reads it once, 1 MiB at a
 * time. Throws SlmError `FILE_NOT_FOUND`, and `TOKENS_CORRUPT` for anything else than such a file.
 */
export async function openTokenFile(path: string): Promise<StoredTokens> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw corrupt(path, (cause as Error).message, cause);
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected a tokenized corpus, got no such file`, { cause });
  }
  try {
    const { size } = await file.stat();
    const header = await readHeader(path, file, size);
    const { width, labelled, vocabularySize, tokens, examples } = header;
    const hash = createHash('sha256');
    const limit = labelled ? 2 * vocabularySize : vocabularySize;
    const idBytes = tokens * width;
    await readChunks(file, 0, idBytes, hash, (bytes) => {
      const values = width === 2 ? new Uint16Array(bytes) : new Uint32Array(bytes);
      for (const value of values) if (value >= limit) throw corrupt(path, `the token ${value} of ${limit}`);
    });
    const lengths = new Uint32Array(examples);
    let at = 0;
    await readChunks(file, idBytes, 4 * examples, hash, (bytes) => {
      lengths.set(new Uint32Array(bytes), at);
      at += bytes.byteLength / 4;
    });
    if (hash.digest('hex') !== header.digest) throw corrupt(path, 'bytes of another digest');
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (total !== tokens) throw corrupt(path, `examples of ${total} tokens together instead of ${tokens}`);
    return stored(path, header, lengths);
  } catch (cause) {
    throw cause instanceof SlmError ? cause : corrupt(path, (cause as Error).message, cause);
  } finally {
    await file.close();
  }
}

async function readHeader(path: string, file: FileHandle, size: number): Promise<Header> {
  if (size < TAIL) throw corrupt(path, `${size} bytes`);
  const tail = await readBytes(file, size - TAIL, TAIL);
  const length = tail.readUInt32LE();
  if (tail.toString('latin1', 4) !== MAGIC) throw corrupt(path, `an end without ${MAGIC}`);
  if (length > MAX_HEADER || length > size - TAIL) throw corrupt(path, `a header of ${length} bytes`);
  const text = (await readBytes(file, size - TAIL - length, length)).toString('utf8');
  const header: unknown = JSON.parse(text);
  if (!isHeader(header)) throw corrupt(path, `the header ${text.slice(0, 300)}`);
  const { tokens, width, examples } = header;
  const expected = tokens * width + 4 * examples + length + TAIL;
  if (expected !== size) throw corrupt(path, `${size} bytes instead of ${expected}`);
  return header;
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const into = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(into, done, length - done, position + done);
    if (bytesRead === 0) throw new Error(`its end at byte ${position + done}`);
    done += bytesRead;
  }
  return into;
}

async function readChunks(
  file: FileHandle,
  start: number,
  length: number,
  hash: Hash,
  take: (bytes: ArrayBuffer) => void,
): Promise<void> {
  for (let done = 0; done < length; done += CHUNK) {
    const bytes = await readBytes(file, start + done, Math.min(CHUNK, length - done));
    hash.update(bytes);
    take(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer);
  }
}

function stored(path: string, header: Header, lengths: ArrayLike<number>): StoredTokens {
  const { width, labelled, vocabularySize, tokenizer, bytes, digest } = header;
  return { path, width, labelled, vocabularySize, tokenizer, bytes, digest, offsets: sharedOffsets(lengths) };
}

function checkRow({ ids, labels, bytes }: TokenRow, index: number, vocabularySize: number, labelled: boolean): void {
  const fail = (expected: string, got: unknown) =>
    new SlmError('BATCH_OPTION', `token row ${index}: expected ${expected}, got ${got}`);
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw fail('a number of bytes', bytes);
  if ((labels?.length ?? -1) !== (labelled ? ids.length : -1)) {
    throw fail(labelled ? `${ids.length} labels` : 'no labels', labels?.length ?? 'none');
  }
  for (let i = 0; i < ids.length; i++) {
    const [id, label] = [ids[i]!, labels?.[i]];
    if (id < 0 || id >= vocabularySize) throw fail(`ids below ${vocabularySize}`, id);
    if (label !== undefined && label !== id && label !== IGNORED_LABEL) throw fail(`the label ${id} or none`, label);
  }
}

function bytesOf(view: Uint32Array): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function corrupt(path: string, got: string, cause?: unknown): SlmError {
  return new SlmError('TOKENS_CORRUPT', `${path}: expected a tokenized corpus, got ${got}`, { cause });
}
