import { repeatedSubstrings } from './substrings.ts';

/**
 * Every way to cut the words into candidate pieces: at each position of the text the pieces that start there, shorter
 * ones first. Piece 0 is the unknown character; every other is a substring of the text.
 */
export interface Lattice {
  /** Pieces that start at position `p` are entries `starts[p] … starts[p + 1]`. */
  readonly starts: Int32Array;
  readonly lengths: Uint8Array;
  readonly pieces: Int32Array;
  /** First and one-past-last position of each word: `bounds[w]`, `bounds[w + 1] - 1`. */
  readonly bounds: Int32Array;
}

/** Candidate pieces by id: where each occurs first in the text, its characters, and its weight. */
export interface Candidates {
  readonly at: Int32Array;
  readonly sizes: Uint8Array;
  readonly weights: Float64Array;
}

/** The characters of words as numbers in code-point order, 0 behind each word. */
export interface FlatWords {
  readonly text: Int32Array;
  /** By number; number 0 ends a word. */
  readonly characters: readonly string[];
  readonly bounds: Int32Array;
}

export function flattenWords(words: readonly string[]): FlatWords {
  const found = new Set<string>();
  let total = 0;
  for (const word of words) {
    for (const character of word) {
      found.add(character);
      total++;
    }
    total++;
  }
  const characters = ['', ...[...found].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)];
  const numbers = new Map(characters.map((character, number) => [character, number]));
  const text = new Int32Array(total);
  const bounds = new Int32Array(words.length + 1);
  let end = 0;
  words.forEach((word, i) => {
    bounds[i] = end;
    for (const character of word) text[end++] = numbers.get(character)!;
    end++;
  });
  bounds[words.length] = end;
  return { text, characters, bounds };
}

/**
 * The seed pieces of a unigram model and the lattice over them: every character (weighted by its occurrences in the
 * texts), then repeated substrings by occurrences in distinct words times characters, at most `seedSize` in all.
 * On a tie the piece that sorts last comes first, as in Hugging Face's `UnigramTrainer`.
 */
export function seedLattice(
  { text, characters, bounds }: FlatWords,
  counts: Float64Array,
  options: { readonly seedSize: number; readonly maxPieceLength: number },
): { readonly lattice: Lattice; readonly candidates: Candidates } {
  const frequency = new Float64Array(characters.length);
  const firstAt = new Int32Array(characters.length);
  for (let word = 0; word + 1 < bounds.length; word++) {
    for (let at = bounds[word]!; at < bounds[word + 1]! - 1; at++) {
      frequency[text[at]!] = frequency[text[at]!]! + counts[word]!;
      firstAt[text[at]!] = at;
    }
  }
  const byFrequency = characters.map((_, number) => number).slice(1);
  byFrequency.sort((a, b) => frequency[b]! - frequency[a]! || b - a);
  const pieceOf = new Int32Array(characters.length);
  byFrequency.forEach((number, i) => {
    pieceOf[number] = i + 1;
  });
  const { lengths, from, to, positions } = repeatedSubstrings(text, options.maxPieceLength);
  const limit = 2 ** Math.ceil(Math.log2(lengths.length + 1));
  const ranked = Float64Array.from(lengths, (length, i) => (to[i]! - from[i]!) * length * limit + i)
    .sort()
    .reverse()
    .subarray(0, Math.max(1, options.seedSize - byFrequency.length));
  const size = 1 + byFrequency.length + ranked.length;
  const candidates = {
    at: new Int32Array(size),
    sizes: new Uint8Array(size).fill(1),
    weights: new Float64Array(size),
  };
  byFrequency.forEach((number, i) => {
    candidates.at[i + 1] = firstAt[number]!;
    candidates.weights[i + 1] = frequency[number]!;
  });
  const kept = new Int32Array(lengths.length);
  const starts = new Int32Array(text.length + 1);
  for (let at = 0; at < text.length; at++) if (text[at] !== 0) starts[at + 1] = 1;
  ranked.forEach((key, rank) => {
    const entry = key % limit;
    const piece = 1 + byFrequency.length + rank;
    kept[entry] = piece;
    candidates.at[piece] = positions[from[entry]!]!;
    candidates.sizes[piece] = lengths[entry]!;
    candidates.weights[piece] = Math.floor(key / limit);
    for (let i = from[entry]!; i < to[entry]!; i++) starts[positions[i]! + 1]!++;
  });
  for (let at = 0; at < text.length; at++) starts[at + 1] = starts[at + 1]! + starts[at]!;
  const edges = starts[text.length]!;
  const lattice = { starts, lengths: new Uint8Array(edges), pieces: new Int32Array(edges), bounds };
  const next = starts.slice();
  for (let at = 0; at < text.length; at++) {
    if (text[at] === 0) continue;
    lattice.lengths[next[at]!] = 1;
    lattice.pieces[next[at]!++] = pieceOf[text[at]!]!;
  }
  kept.forEach((piece, entry) => {
    if (piece === 0) return;
    for (let i = from[entry]!; i < to[entry]!; i++) {
      const edge = next[positions[i]!]!++;
      lattice.lengths[edge] = lengths[entry]!;
      lattice.pieces[edge] = piece;
    }
  });
  return { lattice, candidates };
}

/** The lattice with pieces renumbered; a piece whose new number is -1 is gone. Shares the memory of `lattice`. */
export function renumber(lattice: Lattice, numbers: Int32Array): Lattice {
  const { starts, lengths, pieces, bounds } = lattice;
  let end = 0;
  let edge = 0;
  for (let at = 0; at + 1 < starts.length; at++) {
    const last = starts[at + 1]!;
    for (starts[at] = end; edge < last; edge++) {
      const piece = numbers[pieces[edge]!]!;
      if (piece === -1) continue;
      pieces[end] = piece;
      lengths[end++] = lengths[edge]!;
    }
  }
  starts[starts.length - 1] = end;
  return { starts, lengths: lengths.subarray(0, end), pieces: pieces.subarray(0, end), bounds };
}
