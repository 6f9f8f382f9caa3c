import { closeSync, openSync } from 'node:fs';
import { SlmError } from '@slm-compress/onnx';
import { readFully } from '../read-fully.ts';
import { IGNORED_LABEL } from './ignored-label.ts';

/**
 * Token ids of many examples in shared memory: any number of threads read one copy. 4 bytes a token (8 with labels) and
 * 8 an example.
 */
export interface SharedTokens {
  /** All examples' ids, one after another. */
  readonly ids: Int32Array<SharedArrayBuffer>;
  /** Where example i starts; one more entry says where the last ends. */
  readonly offsets: Float64Array<SharedArrayBuffer>;
  /** A label for every id, or absent. */
  readonly labels?: Int32Array<SharedArrayBuffer>;
}

/**
 * Token ids of a corpus in a file (`writeTokenFile`), one after another as integers of the machine's byte order, read row by
 * row: 8 bytes of memory an example, none a token. Any number of threads share it.
 */
export interface StoredTokens {
  readonly path: string;
  /** Bytes of an id in the file. */
  readonly width: 2 | 4;
  /** What is in the file is twice the id, plus one where it is learned: the labels. */
  readonly labelled: boolean;
  /** Highest id + 1. */
  readonly vocabularySize: number;
  /** Digest of the tokenizer that made the ids. */
  readonly tokenizer: string;
  /** UTF-8 bytes of the text that is learned. */
  readonly bytes: number;
  /** Where example i starts, in ids; one more entry says where the last ends. */
  readonly offsets: Float64Array<SharedArrayBuffer>;
  /** sha256 (hex) of ids and lengths. */
  readonly digest: string;
}

/** Token ids of examples, in memory or on disk: plain data that threads share. */
export type TokenStore = SharedTokens | StoredTokens;

/** Copies rows of ids, and of labels, into shared memory. Throws SlmError `BATCH_OPTION` when their lengths differ. */
export function shareTokens(ids: readonly Int32Array[], labels?: readonly Int32Array[]): SharedTokens {
  if (labels && (labels.length !== ids.length || labels.some((row, i) => row.length !== ids[i]!.length))) {
    throw new SlmError('BATCH_OPTION', 'labels: expected one for every id of every row');
  }
  const offsets = sharedOffsets(ids.map((row) => row.length));
  const flatten = (rows: readonly Int32Array[]) => {
    const flat = new Int32Array(new SharedArrayBuffer(4 * offsets[ids.length]!));
    rows.forEach((row, i) => {
      flat.set(row, offsets[i]!);
    });
    return flat;
  };
  return { ids: flatten(ids), offsets, ...(labels ? { labels: flatten(labels) } : {}) };
}

/** Where rows of these lengths start when they lie one after another, and where the last ends. */
export function sharedOffsets(lengths: ArrayLike<number>): Float64Array<SharedArrayBuffer> {
  const offsets = new Float64Array(new SharedArrayBuffer(8 * (lengths.length + 1)));
  for (let i = 0; i < lengths.length; i++) offsets[i + 1] = offsets[i]! + lengths[i]!;
  return offsets;
}

/** Tokens of each example. */
export function storedLengths(store: TokenStore): number[] {
  return Array.from({ length: store.offsets.length - 1 }, (_, i) => store.offsets[i + 1]! - store.offsets[i]!);
}

/** Whether the store has labels. */
export function hasLabels(store: TokenStore): boolean {
  return 'ids' in store ? store.labels !== undefined : store.labelled;
}

/** An example, or a run of its tokens: all from `start`, which is 0 by default, unless `length` is given. */
export interface StoredPiece {
  readonly example: number;
  readonly start?: number;
  readonly length?: number;
}

/** One example's ids or labels; see {@link storedRows}. */
export function storedRow(store: TokenStore, kind: 'ids' | 'labels', example: number): Int32Array {
  return storedRows(store, kind, [{ example }])[0]!;
}

/**
 * Examples' ids or labels: views of shared memory, or what the file holds. Throws SlmError `BATCH_OPTION` when the store
 * lacks one, and `TOKENS_CORRUPT` when the file is gone or shorter than it was.
 */
export function storedRows(store: TokenStore, kind: 'ids' | 'labels', pieces: readonly StoredPiece[]): Int32Array[] {
  const has = kind === 'ids' || hasLabels(store);
  const ranges = pieces.map(({ example, start = 0, length }) => {
    const [first, end] = [store.offsets[example], store.offsets[example + 1]];
    if (has && first !== undefined && end !== undefined) {
      const last = length === undefined ? end : first + start + length;
      if (start >= 0 && first + start <= last && last <= end) return [first + start, last] as const;
    }
    throw new SlmError(
      'BATCH_OPTION',
      `example ${example}: expected a stored row of ${kind} with tokens ${start} to ${start + (length ?? 0)}, got ` +
        `${store.offsets.length - 1} rows, of ${end === undefined ? 'none' : end - first!} tokens`,
    );
  });
  if ('ids' in store) return ranges.map(([start, end]) => store[kind]!.subarray(start, end));
  return readRows(store, kind, ranges);
}

function readRows(
  { path, width, labelled }: StoredTokens,
  kind: 'ids' | 'labels',
  ranges: readonly (readonly [number, number])[],
): Int32Array[] {
  let file: number | undefined;
  try {
    const opened = openSync(path, 'r');
    file = opened;
    return ranges.map(([start, end]) => {
      const row = new (width === 2 ? Uint16Array : Int32Array)(end - start);
      readFully(opened, row, start * width);
      const values = Int32Array.from(row);
      if (!labelled) return values;
      return values.map((value) => (kind === 'ids' || value & 1 ? value >>> 1 : IGNORED_LABEL));
    });
  } catch (cause) {
    throw new SlmError('TOKENS_CORRUPT', `${path}: expected its token ids, got ${(cause as Error).message}`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
