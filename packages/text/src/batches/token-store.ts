import { SlmError } from '@slm-compress/onnx';

/**
 * Token ids of many examples in shared memory: any number of threads read one copy. 4 bytes a token (8 with labels) and
 * 8 an example.
 */
export interface TokenStore {
  /** All examples' ids, one after another. */
  readonly ids: Int32Array<SharedArrayBuffer>;
  /** Where example i starts; one more entry says where the last ends. */
  readonly offsets: Float64Array<SharedArrayBuffer>;
  /** A label for every id, or absent. */
  readonly labels?: Int32Array<SharedArrayBuffer>;
}

/** Copies rows of ids, and of labels, into shared memory. Throws SlmError `BATCH_OPTION` when their lengths differ. */
export function shareTokens(ids: readonly Int32Array[], labels?: readonly Int32Array[]): TokenStore {
  if (labels && (labels.length !== ids.length || labels.some((row, i) => row.length !== ids[i]!.length))) {
    throw new SlmError('BATCH_OPTION', 'labels: expected one for every id of every row');
  }
  const offsets = new Float64Array(new SharedArrayBuffer(8 * (ids.length + 1)));
  ids.forEach((row, i) => {
    offsets[i + 1] = offsets[i]! + row.length;
  });
  const flatten = (rows: readonly Int32Array[]) => {
    const flat = new Int32Array(new SharedArrayBuffer(4 * offsets[ids.length]!));
    rows.forEach((row, i) => {
      flat.set(row, offsets[i]!);
    });
    return flat;
  };
  return { ids: flatten(ids), offsets, ...(labels ? { labels: flatten(labels) } : {}) };
}

/** Tokens of each example. */
export function storedLengths(store: TokenStore): number[] {
  return Array.from({ length: store.offsets.length - 1 }, (_, i) => store.offsets[i + 1]! - store.offsets[i]!);
}

/** A view of one example's ids or labels. Throws SlmError `BATCH_OPTION` when the store lacks it. */
export function storedRow(store: TokenStore, kind: 'ids' | 'labels', example: number): Int32Array {
  const [start, end] = [store.offsets[example], store.offsets[example + 1]];
  const flat = store[kind];
  if (start === undefined || end === undefined || flat === undefined) {
    throw new SlmError(
      'BATCH_OPTION',
      `example ${example}: expected a stored row of ${kind}, got ${store.offsets.length - 1} rows`,
    );
  }
  return flat.subarray(start, end);
}
