import type { Component } from '../normalizers.ts';
import { type AddedTokenRow, addedToken } from './form.ts';
import { mergesOf } from './merges-of.ts';
import type { SentencePiece, SentencePieceModel } from './sentencepiece-model.ts';

/** SentencePiece's mark for a space. */
export const mark = '\u2581';
export const toMarks = { type: 'Replace', pattern: { String: ' ' }, content: mark };
export const fromMarks = { type: 'Replace', pattern: { String: mark }, content: ' ' };
export const prepend = { type: 'Prepend', prepend: mark };
/** Takes the space before a text away again. */
export const stripFirst = { type: 'Strip', content: ' ', start: 1, stop: 0 };

/** What a form takes of a model; the other things are the model's. */
export interface ModelOptions {
  /** Pieces with scores, by id. */
  readonly vocab: readonly (readonly [string, number])[];
  readonly byteFallback: boolean;
  readonly unknownId?: number;
  readonly ignoreMerges?: boolean;
  /** Pieces in the order of their merges; all by id by default. */
  readonly ranked?: readonly string[];
}

/** The `model` of a tokenizer.json. */
export function modelPart(model: SentencePieceModel, options: ModelOptions): Component {
  const { vocab, byteFallback, unknownId = model.unknownId, ignoreMerges = false } = options;
  if (model.kind === 'unigram') return { type: 'Unigram', unk_id: unknownId, vocab, byte_fallback: byteFallback };
  const { ranked = vocab.map(([piece]) => piece) } = options;
  return {
    type: 'BPE',
    dropout: null,
    unk_token: vocab[unknownId]![0],
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: true,
    byte_fallback: byteFallback,
    ignore_merges: ignoreMerges,
    vocab: Object.fromEntries(vocab.map(([piece], id) => [piece, id])),
    merges: model.kind === 'bpe' ? mergesOf(ranked) : [],
  };
}

/** Pieces with their scores. */
export const rows = (pieces: readonly SentencePiece[]) => pieces.map(({ piece, score }) => [piece, score] as const);

/** Controls and the unknown token, which are special, and, if wanted, symbols that are never cut. */
export function ownTokens({ pieces }: SentencePieceModel, symbols = true): readonly AddedTokenRow[] {
  return pieces.flatMap(({ piece, type }, id) => {
    if (type === 'control' || type === 'unknown') return [addedToken(piece, id)];
    return type === 'user-defined' && symbols ? [addedToken(piece, id, false)] : [];
  });
}

/** The special tokens by their roles. */
export function namedTokens({ pieces, unknownId, beginId, endId, padId }: SentencePieceModel): Component {
  const named = { bos_token: beginId, eos_token: endId, unk_token: unknownId, pad_token: padId };
  return Object.fromEntries(
    Object.entries(named).flatMap(([name, id]) => (id === undefined ? [] : [[name, pieces[id]!.piece]])),
  );
}

/** The normalizer that the model brings, if any. */
export function charsmap({ charsmap }: SentencePieceModel): readonly Component[] {
  return charsmap.length === 0 ? [] : [{ type: 'Precompiled', precompiled_charsmap: charsmap.toString('base64') }];
}
