import { SlmError } from '@slm-compress/onnx';
import { jaccard } from '../near-duplicates.ts';

/** A training row that a test text occurs in. */
export interface Contamination {
  readonly id: string;
  /** The id of the test row it equals, or of the most similar one. */
  readonly testId: string;
  /** Jaccard similarity of their sets of word 3-shingles; 1 for texts equal up to case, white space and punctuation. */
  readonly similarity: number;
}

/** A test set, ready to be looked for in training rows. */
export interface Decontaminator {
  /** The most similar test text at or above the threshold, if there is one. */
  find(row: { readonly id: string; readonly text: string }): Contamination | undefined;
}

/**
 * Finds the training rows that equal test rows or nearly do, so that they can be removed from the training set; test rows
 * are never altered. The test set is held as sorted hashes of its word 3-shingles (32 bits; texts of fewer than three
 * words are one shingle), training rows are looked at one by one, so memory grows with the test set only, about 10 bytes
 * a character.
 *
 * Exact for the threshold, up to collisions of hashes: a pair with Jaccard similarity t shares one of the rarest
 * ⌊(1 - t) n⌋ + 1 of the n shingles of the training text (prefix filtering; Chaudhuri, Ganti and Kaushik, 2006), rarity being
 * that in the test set, and every test text that has one of them is compared.
 *
 * Throws SlmError `DATA_OPTION` when the threshold is not in (0, 1] or the test set has more than 2^21 texts.
 */
export function createDecontaminator(
  test: Iterable<{ readonly id: string; readonly text: string }>,
  options: { readonly threshold?: number } = {},
): Decontaminator {
  const { threshold = 0.8 } = options;
  if (!(threshold > 0 && threshold <= 1)) {
    throw new SlmError('DATA_OPTION', `decontamination.threshold: expected a number in (0, 1], got ${threshold}`);
  }
  const ids: string[] = [];
  const sets: Int32Array[] = [];
  for (const { id, text } of test) {
    ids.push(id);
    sets.push(shingleHashes(text));
  }
  if (sets.length > 2 ** 21) {
    throw new SlmError('DATA_OPTION', `decontamination: expected at most ${2 ** 21} test texts, got ${sets.length}`);
  }
  const index = invert(sets);
  return {
    find({ id, text }) {
      const own = shingleHashes(text);
      const places = Array.from(own, (hash) => index.find(hash)).sort((a, b) => a.count - b.count);
      const prefix = Math.floor((1 - threshold) * own.length + 1e-9) + 1;
      const seen = new Set<number>();
      let best: Contamination | undefined;
      for (const { start, count } of places.slice(0, prefix)) {
        for (let i = start; i < start + count; i++) {
          const other = index.texts[i]!;
          if (seen.has(other)) continue;
          seen.add(other);
          const set = sets[other]!;
          const [less, more] = own.length < set.length ? [own.length, set.length] : [set.length, own.length];
          if (less < threshold * more - 1e-9) continue;
          const similarity = jaccard(own, set);
          if (similarity >= threshold && similarity > (best?.similarity ?? 0)) {
            best = { id, testId: ids[other]!, similarity };
          }
        }
      }
      return best;
    },
  };
}

/** The distinct word 3-shingles of a text as sorted hashes (FNV-1a over the words, each followed by a mark). */
function shingleHashes(text: string): Int32Array {
  const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? (text === '' ? [] : [text]);
  const hashes = new Int32Array(words.length === 0 ? 0 : Math.max(1, words.length - 2));
  for (let i = 0; i < hashes.length; i++) {
    let hash = 0x811c9dc5 | 0;
    for (let w = i; w < Math.min(i + 3, words.length); w++) {
      const word = words[w]!;
      for (let c = 0; c < word.length; c++) hash = Math.imul(hash ^ word.charCodeAt(c), 0x01000193);
      hash = Math.imul(hash ^ 0x20, 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
    hashes[i] = hash ^ (hash >>> 15);
  }
  hashes.sort();
  let count = 0;
  for (let i = 0; i < hashes.length; i++) if (i === 0 || hashes[i] !== hashes[i - 1]) hashes[count++] = hashes[i]!;
  return hashes.slice(0, count);
}

/** Texts by shingle: `texts[start .. start + count - 1]` have the shingle looked for. */
interface InvertedIndex {
  readonly texts: Int32Array;
  find(hash: number): { readonly start: number; readonly count: number };
}

function invert(sets: readonly Int32Array[]): InvertedIndex {
  const pairs = new Float64Array(sets.reduce((sum, set) => sum + set.length, 0));
  let at = 0;
  // A hash and the number of a text in one double, exact below 2^53.
  for (const [text, set] of sets.entries()) for (const hash of set) pairs[at++] = (hash >>> 0) * 2 ** 21 + text;
  pairs.sort();
  const hashes = Uint32Array.from(pairs, (pair) => Math.floor(pair / 2 ** 21));
  const texts = Int32Array.from(pairs, (pair) => pair % 2 ** 21);
  // The first hash of each upper half, so that little is left to search.
  const starts = new Int32Array(65_537).fill(hashes.length);
  for (let i = hashes.length - 1; i >= 0; i--) starts[hashes[i]! >>> 16] = i;
  for (let i = 65_535; i >= 0; i--) starts[i] = Math.min(starts[i]!, starts[i + 1]!);
  return {
    texts,
    find(signed) {
      const hash = signed >>> 0;
      let start = starts[hash >>> 16]!;
      const end = starts[(hash >>> 16) + 1]!;
      while (start < end && hashes[start]! < hash) start++;
      let stop = start;
      while (stop < end && hashes[stop] === hash) stop++;
      return { start, count: stop - start };
    },
  };
}
