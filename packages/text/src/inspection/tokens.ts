import { isSlmError } from '@slm-compress/onnx';
import { createPipeline } from '../tokenizer/pipeline.ts';
import type { TextTokenizer } from '../tokenizer.ts';
import { wellFormed } from '../well-formed.ts';
import { trainWordPiece } from '../wordpiece.ts';
import { wordsOf } from '../words-of.ts';
import { type LengthAccount, LengthCounter } from './lengths.ts';

/** What a tokenizer makes of the texts. */
export interface TokenAccount {
  /**
   * Whose tokens these are: `given`, or `estimate`, a WordPiece vocabulary learned from half of the sample and measured on
   * the other half.
   */
  readonly tokenizer: 'given' | 'estimate';
  readonly vocabSize: number;
  /** Texts measured. */
  readonly texts: number;
  /** Tokens of a text, special tokens included. */
  readonly lengths: LengthAccount;
  /** Share of the texts that a length cuts, and of all tokens that are lost by it. */
  readonly truncation: readonly {
    readonly maxLength: number;
    readonly textsCut: number;
    readonly tokensLost: number;
  }[];
  readonly vocabulary: {
    /** Share of the words, as they occur, that are one token. */
    readonly wordsCovered: number;
    /** Share of the different words that are one token. */
    readonly differentWordsCovered: number;
    readonly tokensPerWord: number;
    /** Share of the tokens that are the unknown token. */
    readonly unknownRate: number;
    /** The most frequent words with an unknown token. */
    readonly unknownWords: readonly string[];
  };
}

/** Ids of a text, without special tokens around them, from a vocabulary of a kind. */
interface Encoder {
  readonly kind: TokenAccount['tokenizer'];
  readonly vocabSize: number;
  readonly specialTokens: number;
  readonly unknownId: number | undefined;
  encode(text: string): { readonly ids: ArrayLike<number>; readonly count: number };
}

const differentWords = 200_000;
const learnedCharacters = 4_000_000;

/**
 * Measures a tokenizer on texts; without one, on every second text, a vocabulary learned from the others.
 * Undefined when there are no words to learn from. Throws SlmError `TOKENIZER_OPTION` for a vocabulary size out of range.
 */
export function measureTokens(
  texts: readonly string[],
  options: {
    readonly tokenizer?: TextTokenizer;
    /** Of the learned vocabulary. */
    readonly vocabSize: number;
    readonly maxLengths: readonly number[];
  },
): TokenAccount | undefined {
  const { tokenizer, vocabSize, maxLengths } = options;
  const encoder = tokenizer === undefined ? learnedEncoder(texts, vocabSize) : givenEncoder(tokenizer);
  if (encoder === undefined) return undefined;
  const measured = tokenizer === undefined && texts.length > 1 ? texts.filter((_, i) => i % 2 === 1) : texts;
  const lengths = new LengthCounter();
  const words = new Map<string, number>();
  let tokens = 0;
  let unknown = 0;
  for (const text of measured) {
    const { ids, count } = encoder.encode(text);
    lengths.add(count + encoder.specialTokens);
    tokens += count;
    unknown += occurrences(ids, encoder.unknownId);
    for (const word of wordsOf(text)) {
      const seen = words.get(word);
      if (seen !== undefined || words.size < differentWords) words.set(word, (seen ?? 0) + 1);
    }
  }
  return {
    tokenizer: encoder.kind,
    vocabSize: encoder.vocabSize,
    texts: measured.length,
    lengths: lengths.account(),
    truncation: maxLengths.map((maxLength) => {
      const { texts: textsCut, units } = lengths.beyond(maxLength);
      return { maxLength, textsCut, tokensLost: units };
    }),
    vocabulary: { ...coverage(words, encoder), unknownRate: unknown / Math.max(1, tokens) },
  };
}

function coverage(
  words: ReadonlyMap<string, number>,
  encoder: Encoder,
): Omit<TokenAccount['vocabulary'], 'unknownRate'> {
  const [covered, all, pieces] = [{ words: 0, different: 0 }, { words: 0 }, { count: 0 }];
  const unknown: { word: string; times: number }[] = [];
  for (const [word, times] of words) {
    // Behind a space, as most words are: byte-level vocabularies have words with the space before them.
    const { ids, count } = encoder.encode(` ${word}`);
    const isUnknown = occurrences(ids, encoder.unknownId) > 0;
    all.words += times;
    pieces.count += count * times;
    if (count === 1 && !isUnknown) {
      covered.words += times;
      covered.different++;
    }
    if (isUnknown) unknown.push({ word, times });
  }
  unknown.sort((a, b) => b.times - a.times);
  return {
    wordsCovered: covered.words / Math.max(1, all.words),
    differentWordsCovered: covered.different / Math.max(1, words.size),
    tokensPerWord: pieces.count / Math.max(1, all.words),
    unknownWords: unknown.slice(0, 10).map(({ word }) => word.slice(0, 40)),
  };
}

function givenEncoder(tokenizer: TextTokenizer): Encoder {
  const maxLength = 2 ** 24;
  const specialTokens = tokenizer.encode('', { maxLength }).ids.length;
  return {
    kind: 'given',
    vocabSize: tokenizer.vocabSize,
    specialTokens,
    unknownId: tokenizer.idOf('[UNK]') ?? tokenizer.idOf('<unk>'),
    encode(text) {
      const { ids } = tokenizer.encode(text, { maxLength });
      return { ids, count: ids.length - specialTokens };
    },
  };
}

function learnedEncoder(texts: readonly string[], vocabSize: number): Encoder | undefined {
  const learned: string[] = [];
  let characters = 0;
  for (let i = 0; i < texts.length && characters < learnedCharacters; i += 2) {
    learned.push(texts[i]!);
    characters += texts[i]!.length;
  }
  try {
    const made = trainWordPiece(learned, { vocabSize });
    const description = JSON.parse(made.files['tokenizer.json']);
    const pipeline = createPipeline(description);
    return {
      kind: 'estimate',
      vocabSize: made.vocabSize,
      specialTokens: 2,
      unknownId: description.model.vocab['[UNK]'],
      encode(text) {
        const ids = pipeline.ids(wellFormed(text), Number.POSITIVE_INFINITY);
        return { ids, count: ids.length };
      },
    };
  } catch (error) {
    if (isSlmError(error) && error.code === 'DATA_EMPTY') return undefined;
    throw error;
  }
}

function occurrences(ids: ArrayLike<number>, wanted: number | undefined): number {
  let count = 0;
  for (let i = 0; i < ids.length; i++) if (ids[i] === wanted) count++;
  return count;
}
