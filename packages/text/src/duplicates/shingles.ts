import xxhash from 'xxhash-wasm';
import { wordsOf as spacedWords } from '../words-of.ts';

/**
 * What shingles are made of: `words` in all scripts, or `by-script`, where scripts that are written without spaces between words
 * (Chinese, Japanese, Thai, Lao, Khmer, Burmese), in which such a "word" is a whole clause, give characters. Texts in
 * other scripts have the same shingles in both.
 */
export type ShingleKind = 'words' | 'by-script';

/** Makes the set of shingles of a text. */
export interface Shingler {
  /**
   * The distinct word 3-shingles as sorted 53-bit hashes; equal shingles have equal hashes in all texts, different ones
   * differ but for a chance of 2^-53 a pair. The lower 32 bits are a hash of their own ({@link lowBits}).
   */
  shingles(text: string): Float64Array;
}

/** Letters, digits and marks of scripts written without spaces between words. */
const unspaced = String.raw`[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}ー]`;
const runs = new RegExp(
  String.raw`(?<unspaced>[[\p{L}\p{N}\p{M}]&&${unspaced}]+)|[[\p{L}\p{N}\p{M}]--${unspaced}]+`,
  'gv',
);
const anyUnspaced = new RegExp(unspaced, 'v');

/** Words whose hashes are remembered. */
const remembered = 2 ** 17;

/**
 * Words are runs of letters, digits and marks, in lowercase; a text without any is one word, a text of fewer than three words
 * one shingle, the empty text has none. `by-script`, the words of a run in a script without spaces are its overlapping
 * sequences of three characters, so that a shingle spans five.
 */
export async function createShingler(kind: ShingleKind = 'by-script'): Promise<Shingler> {
  const { h32 } = await xxhash();
  /** Places of the two hashes of a word in `hashes`; place 0 is that of a missing word. */
  const places = new Map<string, number>();
  const hashes = new Int32Array(2 * (remembered + 1));
  const placeOf = (word: string): number => {
    const known = places.get(word);
    if (known !== undefined) return known;
    const place = 2 * (places.size + 1);
    places.set(word, place);
    hashes[place] = h32(word, 0);
    hashes[place + 1] = h32(word, 1);
    return place;
  };
  return {
    shingles(text) {
      const list = wordsOf(text.toLowerCase(), kind);
      const found = new Float64Array(list.length === 0 ? 0 : Math.max(1, list.length - 2));
      // [low, high] hashes of three words in turn; a missing word has 0.
      let [a0, a1, b0, b1, c0, c1] = [0, 0, 0, 0, 0, 0];
      const next = (word: string | undefined): void => {
        const place = word === undefined ? 0 : placeOf(word);
        [a0, a1, b0, b1] = [b0, b1, c0, c1];
        c0 = hashes[place]!;
        c1 = hashes[place + 1]!;
      };
      next(list[0]);
      next(list[1]);
      for (let i = 0; i < found.length; i++) {
        next(list[i + 2]);
        found[i] = (mix(a1, b1, c1) & 0x1fffff) * 2 ** 32 + mix(a0, b0, c0);
        if (places.size >= remembered) places.clear();
      }
      return distinct(found.sort());
    },
  };
}

function mix(a: number, b: number, c: number): number {
  let hash = a;
  hash = Math.imul(hash ^ (hash >>> 15), 0x21f0aaad) ^ b;
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97) ^ c;
  return (hash ^ (hash >>> 15)) >>> 0;
}

function wordsOf(text: string, kind: ShingleKind): readonly string[] {
  if (kind === 'words' || !anyUnspaced.test(text)) {
    const words = spacedWords(text);
    return words.length > 0 || text === '' ? words : [text];
  }
  const found: string[] = [];
  for (const match of text.matchAll(runs)) {
    if (match.groups!.unspaced === undefined) {
      found.push(match[0]);
      continue;
    }
    const characters = [...match[0]];
    for (let i = 0; i < Math.max(1, characters.length - 2); i++) found.push(characters.slice(i, i + 3).join(''));
  }
  return found.length === 0 ? [text] : found;
}

/** The distinct values of a sorted array. */
function distinct(sorted: Float64Array): Float64Array {
  let count = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i]!;
  }
  return sorted.subarray(0, count);
}

/** The lower 32 bits of a shingle's hash, unsigned. */
export function lowBits(shingle: number): number {
  return shingle - Math.floor(shingle / 2 ** 32) * 2 ** 32;
}

/** |a ∩ b| / |a ∪ b| of two sorted sets; 1 for two empty ones. */
export function jaccard(a: Float64Array, b: Float64Array): number {
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

/** {@link jaccard}, where it is at least `threshold`; sets whose sizes rule that out are not compared. */
export function similarityFrom(a: Float64Array, b: Float64Array, threshold: number): number | undefined {
  if (Math.min(a.length, b.length) < threshold * Math.max(a.length, b.length) - 1e-9) return undefined;
  const similarity = jaccard(a, b);
  return similarity < threshold ? undefined : similarity;
}
