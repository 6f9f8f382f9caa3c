import { SlmError } from '@slm-compress/onnx';
import { bertWords } from './bert-words.ts';
import type { TokenizerFiles } from './tokenizer-files.ts';
import { specialTokens, wordPieceFiles } from './tokenizer-files.ts';
import { mergePairs } from './tokenizer-training/merges.ts';

/** How {@link trainWordPiece} learns a vocabulary. */
export interface WordPieceOptions {
  /** Tokens in all, special ones included; fewer when the texts have no more pairs to merge. */
  readonly vocabSize: number;
  /** Lowercase and strip accents; true by default. */
  readonly lowercase?: boolean;
  /** A pair rarer than this is not merged; 2 by default. */
  readonly minFrequency?: number;
  /**
   * The most frequent characters kept as single tokens; others become `[UNK]`. by default a sixteenth of
   * `vocabSize`, at most 1,000: enough for alphabets; raise it for Chinese, Japanese or Korean.
   */
  readonly limitAlphabet?: number;
  /** `model_max_length` of the written tokenizer; 512 by default. */
  readonly maxLength?: number;
}

/** Longer words are `[UNK]` (`max_input_chars_per_word` of BERT) and teach nothing. */
const maxWordCharacters = 100;

/**
 * Learns a WordPiece vocabulary the way Hugging Face's `WordPieceTrainer` does: byte-pair merges by frequency over
 * words (https://github.com/huggingface/tokenizers, `models/bpe/trainer.rs`), pieces that continue a word written with
 * `##`. Ties go to the pair with the smaller ids. Ids: special tokens, the alphabet by code point, its `##` forms by
 * code point, then merges in their order. Same texts in any order, same vocabulary.
 *
 * Throws SlmError `TOKENIZER_OPTION` for a vocabulary too small for the special tokens and one character, and
 * `DATA_EMPTY` when the texts have no words.
 */
export function trainWordPiece(texts: Iterable<string>, options: WordPieceOptions): TokenizerFiles {
  const { vocabSize, lowercase = true, minFrequency = 2, maxLength = 512 } = options;
  if (!Number.isInteger(vocabSize) || vocabSize <= specialTokens.length || vocabSize > 2 ** 20) {
    throw new SlmError(
      'TOKENIZER_OPTION',
      `vocabSize: expected an integer from ${specialTokens.length + 1} to ${2 ** 20}, got ${vocabSize}`,
    );
  }
  const limit = options.limitAlphabet ?? Math.min(1000, Math.max(1, Math.floor(vocabSize / 16)));
  const counts = countWords(texts, lowercase);
  if (counts.size === 0) throw new SlmError('DATA_EMPTY', 'texts: expected words to learn a vocabulary from, got none');

  const tokens: string[] = [...specialTokens];
  const ids = new Map<string, number>(tokens.map((token, id) => [token, id]));
  const idOf = (token: string): number => {
    const known = ids.get(token);
    if (known !== undefined) return known;
    ids.set(token, tokens.length);
    tokens.push(token);
    return tokens.length - 1;
  };
  const words = [...counts].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const { first, continuing } = alphabetOf(words, limit);
  for (const character of first) idOf(character);
  for (const character of continuing) idOf(`##${character}`);
  if (tokens.length > vocabSize) tokens.length = vocabSize;

  const kept = new Set(first);
  const pieces = words.map(([word]) => {
    const row: number[] = [];
    for (const character of word) {
      if (kept.has(character)) row.push(ids.get(row.length > 0 ? `##${character}` : character) ?? -1);
    }
    return row;
  });
  mergePairs(
    { rows: pieces, counts: words.map(([, count]) => count) },
    {
      minFrequency,
      full: () => tokens.length >= vocabSize,
      merge: (a, b) => idOf(tokens[a]! + tokens[b]!.slice(2)),
      mergedCounts: 'forget',
    },
  );
  return wordPieceFiles(tokens, { lowercase, maxLength });
}

function countWords(texts: Iterable<string>, lowercase: boolean): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of bertWords(text, lowercase)) {
      if (word.length <= maxWordCharacters) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

/** The most frequent characters by code point; `continuing` are those that occur inside words. */
function alphabetOf(
  words: readonly (readonly [string, number])[],
  limit: number,
): { readonly first: readonly string[]; readonly continuing: readonly string[] } {
  const counts = new Map<string, number>();
  for (const [word, count] of words) {
    for (const character of word) counts.set(character, (counts.get(character) ?? 0) + count);
  }
  const byCodePoint = (a: string, b: string) => a.codePointAt(0)! - b.codePointAt(0)!;
  const first = [...counts]
    .sort((a, b) => b[1] - a[1] || byCodePoint(a[0], b[0]))
    .slice(0, limit)
    .map(([character]) => character)
    .sort(byCodePoint);
  const kept = new Set(first);
  const inside = new Set<string>();
  for (const [word] of words) {
    let seen = false;
    for (const character of word) {
      if (!kept.has(character)) continue;
      if (seen) inside.add(character);
      seen = true;
    }
  }
  return { first, continuing: [...inside].sort(byCodePoint) };
}
