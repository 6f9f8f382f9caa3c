import { createRng, SlmError } from '@slm-compress/onnx';
import xxhash from 'xxhash-wasm';

/** Groups of texts that are equal or nearly equal. */
export interface NearDuplicates {
  /** For each text the smallest index of its group: itself when it is unique. */
  readonly representative: Int32Array;
  /** Pairs at or above the threshold, `a < b`, sorted. */
  readonly pairs: readonly { readonly a: number; readonly b: number; readonly similarity: number }[];
  /** Pairs that shared a band and were compared exactly. */
  readonly candidates: number;
}

const hashCount = 128;
const shingleWords = 3;

/**
 * Finds near-duplicates by MinHash with banding (Broder 1997; Leskovec, Rajaraman and Ullman, *Mining of Massive
 * Datasets*, 3.4): 128 hashes of word 3-shingles, bands as wide as still leave a pair at the threshold unseen with a
 * probability of at most 1e-6. Every candidate pair is then compared exactly, so a pair that is reported is a pair.
 * Texts with fewer than three words are one shingle. Groups are the transitive closure (union-find).
 *
 * Throws SlmError `DATA_OPTION` when the threshold is not in (0, 1].
 */
export async function findNearDuplicates(
  texts: readonly string[],
  options: { readonly threshold?: number; readonly onProgress?: (done: number, total: number) => void } = {},
): Promise<NearDuplicates> {
  const { threshold = 0.8, onProgress } = options;
  if (!(threshold > 0 && threshold <= 1)) {
    throw new SlmError('DATA_OPTION', `nearDuplicates.threshold: expected a number in (0, 1], got ${threshold}`);
  }
  const { sets, hashes } = await shingleSets(texts);
  const width = bandWidth(threshold);
  const bands = Math.floor(hashCount / width);
  const signatures = sets.map((set) => signature(set, hashes));
  const parents = Int32Array.from(texts, (_, i) => i);
  const find = (i: number): number => {
    let root = i;
    while (parents[root] !== root) root = parents[root]!;
    for (let at = i; at !== root; ) {
      const next = parents[at]!;
      parents[at] = root;
      at = next;
    }
    return root;
  };
  const seen = new Set<number>();
  const pairs: { a: number; b: number; similarity: number }[] = [];
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<string, number[]>();
    for (let i = 0; i < texts.length; i++) {
      if (sets[i]!.length === 0) continue;
      const key = signatures[i]!.subarray(band * width, (band + 1) * width).join(',');
      const bucket = buckets.get(key);
      if (bucket) bucket.push(i);
      else buckets.set(key, [i]);
    }
    for (const bucket of buckets.values()) {
      for (let j = 1; j < bucket.length; j++) {
        for (let i = 0; i < j; i++) {
          const a = bucket[i]!;
          const b = bucket[j]!;
          const key = a * texts.length + b;
          if (seen.has(key)) continue;
          seen.add(key);
          const similarity = jaccard(sets[a]!, sets[b]!);
          if (similarity < threshold) continue;
          pairs.push({ a, b, similarity });
          const [low, high] = [find(a), find(b)].sort((x, y) => x - y) as [number, number];
          parents[high] = low;
        }
      }
    }
    onProgress?.(band + 1, bands);
  }
  pairs.sort((x, y) => x.a - y.a || x.b - y.b);
  return { representative: Int32Array.from(texts, (_, i) => find(i)), pairs, candidates: seen.size };
}

/**
 * The distinct word 3-shingles of each text as sorted integers, equal shingles having equal integers in all texts.
 * Words are runs of letters, digits and marks, in lowercase. `hashes[s]` is a 32-bit hash of shingle `s`, mixed from
 * the xxHashes of its words.
 */
export async function shingleSets(
  texts: readonly string[],
): Promise<{ readonly sets: readonly Int32Array[]; readonly hashes: Uint32Array }> {
  const { h32 } = await xxhash();
  const wordIds = new Map<string, number>();
  const wordHashes: number[] = [0];
  const idOf = (word: string): number => {
    let id = wordIds.get(word);
    if (id === undefined) {
      id = wordHashes.length;
      wordIds.set(word, id);
      wordHashes.push(h32(word, 0));
    }
    return id;
  };
  const table = createShingleTable(texts.reduce((sum, text) => sum + text.length, 0) / 8);
  const sets = texts.map((text) => {
    const words = text.toLowerCase().match(wordPattern) ?? (text === '' ? [] : [text]);
    const shingles = new Int32Array(words.length === 0 ? 0 : Math.max(1, words.length - shingleWords + 1));
    let a = 0;
    let b = words.length > 0 ? idOf(words[0]!) : 0;
    let c = words.length > 1 ? idOf(words[1]!) : 0;
    for (let i = 0; i < shingles.length; i++) {
      a = b;
      b = c;
      c = i + 2 < words.length ? idOf(words[i + 2]!) : 0;
      let hash = wordHashes[a]!;
      hash = Math.imul(hash ^ (hash >>> 15), 0x21f0aaad) ^ wordHashes[b]!;
      hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97) ^ wordHashes[c]!;
      shingles[i] = table.idOf((hash ^ (hash >>> 15)) >>> 0, a, b, c);
    }
    return distinct(shingles.sort());
  });
  return { sets, hashes: table.hashes() };
}

const wordPattern = /[\p{L}\p{N}\p{M}]+/gu;

/** Numbers shingles. */
interface ShingleTable {
  /** The number of the shingle of words `a`, `b`, `c`: 0, 1, 2 … in the order they are first asked for. */
  idOf(hash: number, a: number, b: number, c: number): number;
  hashes(): Uint32Array;
}

/**
 * A hash table with linear probing in typed arrays, at most half full. (A Map would need strings or numbers beyond 31 bits
 * as keys, each of them an allocation.)
 */
function createShingleTable(expected: number): ShingleTable {
  let capacity = 1024;
  while (capacity < expected) capacity *= 2;
  let slots = new Int32Array(2 * capacity).fill(-1);
  let words = new Int32Array(3 * capacity);
  let hashes = new Uint32Array(capacity);
  let count = 0;
  const grow = (): void => {
    capacity *= 2;
    const [oldWords, oldHashes] = [words, hashes];
    slots = new Int32Array(2 * capacity).fill(-1);
    words = new Int32Array(3 * capacity);
    words.set(oldWords);
    hashes = new Uint32Array(capacity);
    hashes.set(oldHashes);
    for (let id = 0; id < count; id++) {
      let slot = hashes[id]! & (slots.length - 1);
      while (slots[slot]! >= 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = id;
    }
  };
  return {
    idOf(hash, a, b, c) {
      const mask = slots.length - 1;
      let slot = hash & mask;
      for (let id = slots[slot]!; id >= 0; id = slots[slot]!) {
        if (words[3 * id] === a && words[3 * id + 1] === b && words[3 * id + 2] === c) return id;
        slot = (slot + 1) & mask;
      }
      slots[slot] = count;
      words[3 * count] = a;
      words[3 * count + 1] = b;
      words[3 * count + 2] = c;
      hashes[count] = hash;
      if (++count === capacity) grow();
      return count - 1;
    },
    hashes: () => hashes.slice(0, count),
  };
}

/** The distinct values of a sorted array. */
function distinct(sorted: Int32Array): Int32Array {
  let count = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i]!;
  }
  return sorted.slice(0, count);
}

/** |a ∩ b| / |a ∪ b| of two sorted sets; 1 for two empty ones. */
export function jaccard(a: Int32Array, b: Int32Array): number {
  let common = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i]!;
    const y = b[j]!;
    if (x === y) common++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  const union = a.length + b.length - common;
  return union === 0 ? 1 : common / union;
}

/** Rows per band: the widest that keep the chance of missing a pair at the threshold below 1e-6. */
function bandWidth(threshold: number): number {
  let width = 1;
  for (let rows = 2; rows <= hashCount; rows++) {
    if ((1 - threshold ** rows) ** Math.floor(hashCount / rows) > 1e-6) break;
    width = rows;
  }
  return width;
}

const signBit = 1 << 31;
const multipliers = new Uint32Array(hashCount);
const offsets = new Uint32Array(hashCount);
const random = createRng('minhash');
for (let i = 0; i < hashCount; i++) {
  multipliers[i] = (random.integer(2 ** 32) | 1) >>> 0;
  offsets[i] = random.integer(2 ** 32) >>> 0;
}

/** The minimum of each hash function over the shingles of a set. */
function signature(set: Int32Array, hashes: Uint32Array): Uint32Array {
  const minima = new Uint32Array(hashCount);
  const own = new Int32Array(set.length);
  for (let s = 0; s < set.length; s++) own[s] = hashes[set[s]!]!;
  for (let i = 0; i < hashCount; i++) {
    const offset = offsets[i]! | 0;
    const multiplier = multipliers[i]! | 0;
    // Flipping the sign bit makes the signed order that of unsigned values, and integers stay in registers.
    let minimum = 0x7fffffff;
    for (let s = 0; s < own.length; s++) {
      let value = Math.imul(own[s]! ^ offset, multiplier);
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
      value = value ^ (value >>> 15) ^ signBit;
      if (value < minimum) minimum = value;
    }
    minima[i] = minimum ^ signBit;
  }
  return minima;
}
