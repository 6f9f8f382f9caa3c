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
  const wordHashes: number[] = [];
  const pairIds = new Map<number, number>();
  const shingleIds = new Map<number, number>();
  const hashes: number[] = [];
  const idOf = (word: string | undefined): number => {
    if (word === undefined) return 0;
    let id = wordIds.get(word);
    if (id === undefined) {
      id = wordIds.size + 1;
      wordIds.set(word, id);
      wordHashes[id] = h32(word, 0);
    }
    return id;
  };
  const sets = texts.map((text) => {
    const words = (text.toLowerCase().match(wordPattern) ?? (text === '' ? [] : [text])).map(idOf);
    const found = new Set<number>();
    const last = words.length === 0 ? 0 : Math.max(1, words.length - shingleWords + 1);
    for (let i = 0; i < last; i++) {
      const [a, b, c] = [words[i]!, words[i + 1] ?? 0, words[i + 2] ?? 0];
      const shingle = intern(shingleIds, intern(pairIds, a * span + b) * span + c);
      if (shingle === hashes.length) {
        let hash = wordHashes[a]!;
        hash = Math.imul(hash ^ (hash >>> 15), 0x21f0aaad) ^ (wordHashes[b] ?? 0);
        hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97) ^ (wordHashes[c] ?? 0);
        hashes.push((hash ^ (hash >>> 15)) >>> 0);
      }
      found.add(shingle);
    }
    return Int32Array.from(found).sort();
  });
  return { sets, hashes: Uint32Array.from(hashes) };
}

const wordPattern = /[\p{L}\p{N}\p{M}]+/gu;
/** Two ids below 2^26 make a key that is exact in a double. */
const span = 2 ** 26;

function intern(ids: Map<number, number>, key: number): number {
  const known = ids.get(key);
  if (known !== undefined) return known;
  ids.set(key, ids.size);
  return ids.size - 1;
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

const multipliers = new Uint32Array(hashCount);
const offsets = new Uint32Array(hashCount);
const random = createRng('minhash');
for (let i = 0; i < hashCount; i++) {
  multipliers[i] = (random.integer(2 ** 32) | 1) >>> 0;
  offsets[i] = random.integer(2 ** 32) >>> 0;
}

function signature(set: Int32Array, hashes: Uint32Array): Uint32Array {
  const minima = new Uint32Array(hashCount).fill(0xffffffff);
  for (const shingle of set) {
    const hash = hashes[shingle]!;
    for (let i = 0; i < hashCount; i++) {
      let value = Math.imul(hash ^ offsets[i]!, multipliers[i]!);
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
      value = (value ^ (value >>> 15)) >>> 0;
      if (value < minima[i]!) minima[i] = value;
    }
  }
  return minima;
}
