import { type BpeOptions, bpeModel, cutsBefore } from './bpe.ts';
import type { Component } from './normalizers.ts';
import { unigramModel } from './unigram.ts';
import { wordLevelModel, wordPieceModel } from './word-piece.ts';
import type { WordModel } from './word-tokens.ts';

/** A model with what it allows of cutting before it. */
export interface Model {
  readonly tokens: WordModel;
  /** A character before which words may be cut, behind another character. */
  readonly cutsBefore?: string;
}

/** SentencePiece's mark for a space. */
const mark = '\u2581';

/** The model a tokenizer.json describes. Throws for a kind that isn't known and for a malformed one. */
export function createModel(model: Component): Model {
  switch (model.type ?? kindOf(model)) {
    case 'BPE': {
      if (model.dropout) throw new Error('model BPE with dropout, whose ids are drawn by chance');
      const options: BpeOptions = {
        vocab: readVocabulary(model.vocab),
        merges: readMerges(model.merges),
        unknown: typeof model.unk_token === 'string' ? model.unk_token : undefined,
        fuseUnknown: model.fuse_unk === true,
        byteFallback: model.byte_fallback === true,
        ignoreMerges: model.ignore_merges === true,
        prefix: String(model.continuing_subword_prefix ?? ''),
        suffix: String(model.end_of_word_suffix ?? ''),
      };
      return { tokens: bpeModel(options), ...(cutsBefore(mark, options) ? { cutsBefore: mark } : {}) };
    }
    case 'WordPiece': {
      const { max_input_chars_per_word: longest, continuing_subword_prefix: prefix } = model;
      return {
        tokens: wordPieceModel({
          vocab: readVocabulary(model.vocab),
          unknown: String(model.unk_token ?? '[UNK]'),
          prefix: String(prefix ?? '##'),
          longestWord: typeof longest === 'number' ? longest : 100,
        }),
      };
    }
    case 'WordLevel':
      return { tokens: wordLevelModel(readVocabulary(model.vocab), String(model.unk_token ?? '<unk>')) };
    case 'Unigram':
      return {
        tokens: unigramModel({
          pieces: readPieces(model.vocab),
          unknownId: typeof model.unk_id === 'number' ? model.unk_id : undefined,
          byteFallback: model.byte_fallback === true,
        }),
      };
    default:
      throw new Error(`model ${JSON.stringify(model.type)}, which isn't known here`);
  }
}

/** Older files do not name the kind. */
function kindOf(model: Component): string {
  if (Array.isArray(model.vocab)) return 'Unigram';
  return model.merges ? 'BPE' : 'WordPiece';
}

function readVocabulary(vocab: unknown): ReadonlyMap<string, number> {
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) {
    throw new Error('vocab: expected an object of tokens and their ids');
  }
  const rows = Object.entries(vocab as Readonly<Record<string, unknown>>);
  for (const [token, id] of rows) {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= 2 ** 31) {
      throw new Error(`vocab: expected ids from 0 to 2^31, got ${id} for ${JSON.stringify(token)}`);
    }
  }
  return new Map(rows as [string, number][]);
}

function readMerges(merges: unknown): readonly (readonly [string, string])[] {
  if (!Array.isArray(merges)) throw new Error('merges: expected a list of pairs of tokens');
  return merges.map((merge: unknown) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === 'string')) {
      throw new Error(`merges: expected pairs of tokens, got ${JSON.stringify(merge)}`);
    }
    return pair as unknown as readonly [string, string];
  });
}

function readPieces(vocab: unknown): readonly (readonly [string, number])[] {
  const good = (row: unknown) => Array.isArray(row) && typeof row[0] === 'string' && typeof row[1] === 'number';
  if (!Array.isArray(vocab) || !vocab.every(good)) throw new Error('vocab: expected rows of [piece, score]');
  return vocab as readonly (readonly [string, number])[];
}
