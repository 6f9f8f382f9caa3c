import { setImmediate } from 'node:timers/promises';
import { SlmError } from '@slm-compress/onnx';
import xxhash from 'xxhash-wasm';
import { createDisjointSets } from './duplicates/disjoint-sets.ts';
import { createHashTable } from './duplicates/hash-table.ts';
import { createBanding } from './duplicates/min-hash.ts';
import { createNumberList } from './duplicates/number-list.ts';
import { createRecordStore } from './duplicates/record-store.ts';
import { createRunSorter } from './duplicates/run-sorter.ts';
import { createShingler, type ShingleKind, similarityFrom } from './duplicates/shingles.ts';

/** Two texts, `a < b`, and the Jaccard similarity of their shingles. */
export interface NearDuplicatePair {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

/** Groups of texts that are equal or nearly equal. */
export interface NearDuplicates {
  /** For each text the smallest index of its group: itself when it is unique. */
  readonly representative: Int32Array;
  /** Pairs at or above the threshold, sorted; which of them, `compare` says. */
  readonly pairs: readonly NearDuplicatePair[];
  /** Pairs that shared a band and were compared exactly. */
  readonly candidates: number;
  /** Texts with the same shingles as an earlier one, grouped with it without a comparison; 0 when all pairs are compared. */
  readonly equal: number;
}

export interface NearDuplicatesOptions {
  /** Jaccard similarity from which two texts are near-duplicates, in (0, 1]; 0.8 by default. */
  readonly threshold?: number;
  /** `by-script` by default. */
  readonly shingles?: ShingleKind;
  /**
   * `groups` (the default): only pairs that may join two groups are compared; `pairs` has at most one pair a text, and the time
   * grows with the number of texts, whatever they are. `pairs`: all candidates are compared and all pairs reported, of which
   * there are n² / 2 for n equal texts.
   */
  readonly compare?: 'groups' | 'pairs';
  /** Memory for shingles and band keys; what is more goes to temporary files. 256 MiB by default, at least 1 MiB. */
  readonly memoryBytes?: number;
  /** Folder for temporary files; that of the system by default. */
  readonly folder?: string;
  readonly signal?: AbortSignal;
  /** Called in `finish` with the number of band keys looked at, of `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Collects texts, then groups them. */
export interface NearDuplicateIndex {
  /** Texts are numbered 0, 1, 2 … in the order of adding. */
  add(text: string): void;
  /** Groups the texts and removes all temporary files; to be called once. */
  finish(): Promise<NearDuplicates>;
  /** Removes all temporary files; for when `finish` is not reached. */
  close(): void;
}

/** In a bucket of `groups`, each text is compared with as many before it. */
const window = 256;

/**
 * Finds near-duplicates by MinHash with banding over word 3-shingles in one pass over the texts. Each candidate pair is compared exactly, so a pair that is reported is a pair; a pair at the threshold is
 * no candidate with a probability of at most 1e-6. Groups are the transitive closure.
 *
 * Bounded: `memoryBytes` for shingles and band keys, 40 to 80 bytes a text besides, and texts are not held. With
 * `compare: 'groups'` time is bounded too: texts of equal shingles are grouped at once; in a band shared by more than 257
 * different ones, a text is compared with the 256 before it in the order of the next band's keys, so that those which share
 * that as well are compared as long as they are no more than 257; those beyond may stay apart when all bands that two
 * texts share are that full and no chain of similar texts joins them.
 *
 * Throws SlmError `DATA_OPTION` when the threshold is not in (0, 1] or `memoryBytes` below 1 MiB; `add` and `finish` throw
 * `TEMPORARY_FILE` and the signal's reason. Temporary files are removed when either throws.
 */
export async function createNearDuplicates(options: NearDuplicatesOptions = {}): Promise<NearDuplicateIndex> {
  const { threshold = 0.8, shingles, compare = 'groups', memoryBytes = 2 ** 28, folder, signal, onProgress } = options;
  if (!(threshold > 0 && threshold <= 1)) {
    throw new SlmError('DATA_OPTION', `nearDuplicates.threshold: expected a number in (0, 1], got ${threshold}`);
  }
  if (!(memoryBytes >= 2 ** 20)) {
    throw new SlmError('DATA_OPTION', `nearDuplicates.memoryBytes: expected at least ${2 ** 20}, got ${memoryBytes}`);
  }
  const { h64Raw } = await xxhash();
  const shingler = await createShingler(shingles);
  const banding = createBanding(threshold);
  const keyNumbers = Math.ceil(banding.bands / 2);
  const sets = createHashTable();
  const records = createRecordStore((3 * memoryBytes) / 4, folder);
  const sorter = createRunSorter(memoryBytes / 4, folder);
  /** The record of each text, -1 for empty ones, and the first text of each record. */
  const recordOf = createNumberList();
  const firsts = createNumberList();

  const close = (): void => {
    records.close();
    sorter.close();
  };
  const setOf = (record: number): Float64Array => records.get(record).subarray(keyNumbers);
  const keysOf = (record: number): Uint32Array => {
    const { buffer, byteOffset } = records.get(record);
    return new Uint32Array(buffer, byteOffset, banding.bands);
  };

  const add = (text: string): void => {
    signal?.throwIfAborted();
    const set = shingler.shingles(text);
    if (set.length === 0) {
      recordOf.push(-1);
      return;
    }
    if (compare === 'groups') {
      const bytes = new Uint8Array(set.buffer, set.byteOffset, set.byteLength);
      const known = sets.numberOf(h64Raw(bytes, 0n), h64Raw(bytes, 1n));
      if (known < firsts.length) {
        recordOf.push(known);
        return;
      }
    }
    const number = firsts.length;
    firsts.push(recordOf.length);
    recordOf.push(number);
    const record = new Float64Array(keyNumbers + set.length);
    const keys = new Uint32Array(record.buffer, 0, banding.bands);
    keys.set(banding.keys(set));
    record.set(set, keyNumbers);
    records.add(record);
    for (const key of keys) sorter.push(key, number);
  };

  const group = async (): Promise<NearDuplicates> => {
    const groups = createDisjointSets(records.length);
    const compared = createPairMemo(records.length);
    const pairs: NearDuplicatePair[] = [];
    let candidates = 0;
    const comparePair = (a: number, b: number): void => {
      candidates++;
      const similarity = similarityFrom(setOf(a), setOf(b), threshold);
      if (similarity === undefined) return;
      pairs.push({ a: firsts.at(a), b: firsts.at(b), similarity });
      groups.unite(a, b);
    };
    const processAll = (bucket: readonly number[], key: number): void => {
      for (let j = 1; j < bucket.length; j++) {
        const keys = keysOf(bucket[j]!);
        for (let i = 0; i < j; i++) {
          const others = keysOf(bucket[i]!);
          // In the first band that they share.
          if (keys.find((one, band) => one === others[band]) === key) comparePair(bucket[i]!, bucket[j]!);
        }
      }
    };
    const processGroups = (bucket: number[], key: number): void => {
      if (bucket.length > window + 1) sortByNextBand(bucket, key, keysOf);
      for (let j = 1; j < bucket.length; j++) {
        for (let i = j - 1; i >= Math.max(0, j - window); i--) {
          const [a, b] = [Math.min(bucket[i]!, bucket[j]!), Math.max(bucket[i]!, bucket[j]!)];
          if (groups.find(a) !== groups.find(b) && !compared.has(a, b)) comparePair(a, b);
        }
      }
    };
    const processBucket = compare === 'pairs' ? processAll : processGroups;

    let bucket: number[] = [];
    let bucketKey = 0;
    let work = 0;
    let done = 0;
    const total = sorter.length;
    for (const { key, value } of sorter.sorted()) {
      done++;
      if (key !== bucketKey || bucket.length === 0) {
        if (bucket.length > 1) processBucket(bucket, bucketKey);
        work += 1 + bucket.length * Math.min(window, bucket.length);
        bucket = [];
        bucketKey = key;
        if (work > 2 ** 16) {
          work = 0;
          onProgress?.(done, total);
          await setImmediate();
          signal?.throwIfAborted();
        }
      }
      // Two bands of a text have the same key once in 2^32 times.
      if (bucket.at(-1) !== value) bucket.push(value);
    }
    if (bucket.length > 1) processBucket(bucket, bucketKey);
    onProgress?.(total, total);

    pairs.sort((x, y) => x.a - y.a || x.b - y.b);
    const names = groups.names();
    const representative = recordOf.toArray();
    let empty = 0;
    representative.forEach((record, text) => {
      if (record < 0) empty++;
      representative[text] = record < 0 ? text : firsts.at(names[record]!);
    });
    return { representative, pairs, candidates, equal: representative.length - empty - records.length };
  };

  return {
    add(text) {
      try {
        add(text);
      } catch (error) {
        close();
        throw error;
      }
    },
    async finish() {
      try {
        signal?.throwIfAborted();
        return await group();
      } finally {
        close();
      }
    },
    close,
  };
}

/** {@link createNearDuplicates} over texts in memory, reporting every pair. */
export async function findNearDuplicates(
  texts: readonly string[],
  options: Omit<NearDuplicatesOptions, 'compare'> = {},
): Promise<NearDuplicates> {
  const index = await createNearDuplicates({ ...options, compare: 'pairs' });
  for (const text of texts) index.add(text);
  return await index.finish();
}

/** Sorts the members of the bucket of `key` by their keys in the band after it, so that those which share it are neighbours. */
function sortByNextBand(bucket: number[], key: number, keysOf: (record: number) => Uint32Array): void {
  const next = new Map<number, number>();
  for (const record of bucket) {
    const keys = keysOf(record);
    next.set(record, keys[(keys.indexOf(key) + 1) % keys.length]!);
  }
  bucket.sort((a, b) => next.get(a)! - next.get(b)! || a - b);
}

/** Remembers most of the pairs that it was last asked for, in 2 MiB. */
function createPairMemo(count: number): { has(a: number, b: number): boolean } {
  const slots = new Float64Array(2 ** 18).fill(-1);
  return {
    /** Whether it is remembered that it was asked for the pair before. */
    has(a, b) {
      const pair = a * count + b;
      const slot = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)) >>> 14;
      if (slots[slot] === pair) return true;
      slots[slot] = pair;
      return false;
    },
  };
}
