import { SlmError } from '@slm-compress/onnx';
import type { WordCounts } from './count-words.ts';
import { mergePairs } from './merges.ts';
import { maxPieces } from './pair-table.ts';

export interface BytePairOptions {
  readonly vocabSize: number;
  readonly minFrequency: number;
  /** Tokens with ids 0, 1, … in this order. */
  readonly specialTokens: readonly string[];
  /** The most frequent characters kept; all by default. */
  readonly limitAlphabet?: number;
  /** Characters kept however rare they are. */
  readonly initialAlphabet?: readonly string[];
  /** Written before a piece that continues a word; none by default. */
  readonly continuingPrefix?: string;
  /** Pieces made by merging have fewer characters than this, without prefixes. */
  readonly maxTokenLength?: number;
  /** Told the number of tokens after each merge. */
  readonly onToken?: (tokens: number) => void;
}

export interface BytePairVocabulary {
  /** By id: special tokens, the alphabet by code point, its continuing forms by code point, merges in their order. */
  readonly tokens: readonly string[];
  /** Pairs of tokens, first to be merged first. */
  readonly merges: readonly (readonly [string, string])[];
}

/**
 * Learns pieces by merging pairs, as Hugging Face's `BpeTrainer` does (and its `WordPieceTrainer`, which is the same
 * with a prefix): same vocabulary and merges for the same settings, but where that trainer follows the order of a hash
 * table: the ids of continuing characters, and which of equally frequent characters a limit drops. Both go by code
 * point here.
 *
 * Throws SlmError `TOKENIZER_OPTION` when the special tokens and the alphabet do not fit into `vocabSize`.
 */
export function learnBytePairs({ words, counts }: WordCounts, options: BytePairOptions): BytePairVocabulary {
  const { vocabSize, continuingPrefix: prefix = '', minFrequency, maxTokenLength } = options;
  const tokens: string[] = [];
  const ids = new Map<string, number>();
  /** Characters of a piece, without prefixes. */
  const lengths: number[] = [];
  const idOf = (token: string, length: number) => {
    const known = ids.get(token);
    if (known !== undefined) return known;
    ids.set(token, tokens.length);
    lengths.push(length);
    return tokens.push(token) - 1;
  };
  for (const token of options.specialTokens) idOf(token, token.length);
  const kept = alphabetOf(words, counts, options);
  for (const character of kept) idOf(character, 1);
  const rows = wordRows(words, kept, (character) => ids.get(character)!);
  if (prefix !== '') {
    const inside = new Set<number>();
    for (const { row, continuing } of rows) for (let i = continuing; i < row.length; i++) inside.add(row[i]!);
    const byCodePoint = [...inside].sort((a, b) => tokens[a]!.codePointAt(0)! - tokens[b]!.codePointAt(0)!);
    const forms = new Map(byCodePoint.map((id) => [id, idOf(prefix + tokens[id]!, 1)]));
    for (const { row, continuing } of rows) for (let i = continuing; i < row.length; i++) row[i] = forms.get(row[i]!)!;
  }
  if (tokens.length > vocabSize) {
    throw new SlmError(
      'TOKENIZER_OPTION',
      `vocabSize: expected at least ${tokens.length} (special tokens and characters of the texts), got ${vocabSize} (limitAlphabet keeps only the frequent characters)`,
    );
  }
  const ranks = new Map<number, number>();
  let merged = 0;
  mergePairs(
    { rows: rows.map(({ row }) => row), counts },
    {
      minFrequency,
      full: () => tokens.length >= vocabSize,
      merge(a, b) {
        ranks.set(a * maxPieces + b, merged++);
        options.onToken?.(tokens.length);
        const second = tokens[b]!;
        const rest = prefix !== '' && second.startsWith(prefix) ? second.slice(prefix.length) : second;
        return idOf(tokens[a]! + rest, lengths[a]! + lengths[b]!);
      },
      mergedCounts: 'keep',
      ...(maxTokenLength === undefined ? {} : { allowed: (a, b) => lengths[a]! + lengths[b]! < maxTokenLength }),
    },
  );
  const merges = [...ranks].sort((x, y) => x[1] - y[1]);
  return {
    tokens,
    merges: merges.map(([key]) => [tokens[Math.floor(key / maxPieces)]!, tokens[key % maxPieces]!]),
  };
}

/** The kept characters by code point: the initial ones, then the most frequent, the smaller code point on a tie. */
function alphabetOf(words: readonly string[], counts: Float64Array, options: BytePairOptions): readonly string[] {
  const { limitAlphabet = Number.POSITIVE_INFINITY, initialAlphabet = [] } = options;
  const found = new Map<string, number>();
  words.forEach((word, i) => {
    for (const character of word) found.set(character, (found.get(character) ?? 0) + counts[i]!);
  });
  for (const character of initialAlphabet) found.set(character, Number.POSITIVE_INFINITY);
  const byCodePoint = (a: string, b: string) => a.codePointAt(0)! - b.codePointAt(0)!;
  return [...found]
    .sort((a, b) => (a[1] === b[1] ? byCodePoint(a[0], b[0]) : b[1] - a[1]))
    .slice(0, limitAlphabet)
    .map(([character]) => character)
    .sort(byCodePoint);
}

/** Words as ids of their kept characters; `continuing` is the first index that is not the start of the word. */
function wordRows(
  words: readonly string[],
  kept: readonly string[],
  idOf: (character: string) => number,
): readonly { readonly row: number[]; readonly continuing: number }[] {
  const ids = new Map(kept.map((character) => [character, idOf(character)]));
  return words.map((word) => {
    const row: number[] = [];
    let continuing = 0;
    let first = true;
    for (const character of word) {
      const id = ids.get(character);
      if (id !== undefined) {
        row.push(id);
        if (first) continuing = 1;
      }
      first = false;
    }
    return { row, continuing };
  });
}
