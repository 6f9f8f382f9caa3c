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
 * Words are runs of letters, digits and marks, in lowercase. `hashes[s]` is the 32-bit xxHash of shingle `s`.
 */
export async function shingleSets(
  texts: readonly string[],
): Promise<{ readonly sets: readonly Int32Array[]; readonly hashes: Uint32Array }> {
  const { h32 } = await xxhash();
  const ids = new Map<string, number>();
  const hashes: number[] = [];
  const sets = texts.map((text) => {
    const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? (text === '' ? [] : [text]);
    const found = new Set<number>();
    const last = Math.max(1, words.length - shingleWords + 1);
    for (let i = 0; i < last && words.length > 0; i++) {
      const shingle = words.slice(i, i + shingleWords).join(' ');
      let id = ids.get(shingle);
      if (id === undefined) {
        id = ids.size;
        ids.set(shingle, id);
        hashes.push(h32(shingle, 0));
      }
      found.add(id);
    }
    return Int32Array.from(found).sort();
  });
  return { sets, hashes: Uint32Array.from(hashes) };
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
