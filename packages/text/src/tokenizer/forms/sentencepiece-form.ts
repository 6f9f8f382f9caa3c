import type { Component } from '../normalizers.ts';
import { classOf } from './foreign-classes.ts';
import { sequence, type TokenizerForm } from './form.ts';
import { classes } from './sentencepiece-classes.ts';
import type { SentencePieceModel } from './sentencepiece-model.ts';
import {
  charsmap,
  fromMarks,
  mark,
  modelPart,
  namedTokens,
  ownTokens,
  prepend,
  rows,
  stripFirst,
  toMarks,
} from './sentencepiece-parts.ts';

/** Pieces of a pattern longer than this would not load; the pieces become added tokens then. */
const longestPattern = 9_000;

/**
 * The tokenizer.json that stands for a SentencePiece model: for the classes of the `transformers` library whose ids and
 * texts differ from the model's, as that library converts them; for any other as SentencePiece itself encodes, by the
 * settings of the model. Throws an Error for a class that numbers pieces in a way that isn't known here.
 */
export function sentencePieceForm(model: SentencePieceModel, config: Component): TokenizerForm {
  const name = classOf(config.tokenizer_class, '*.model');
  return Object.hasOwn(classes, name) ? classes[name]!(model, config) : plainForm(model);
}

/** As SentencePiece encodes: special tokens only where the configuration asks for them. */
function plainForm(model: SentencePieceModel): TokenizerForm {
  const { pieces, removeExtraWhitespaces, addDummyPrefix, escapeWhitespaces, byteFallback } = model;
  const symbols = pieces.filter(({ type }) => type === 'user-defined').map(({ piece }) => piece);
  const pattern = symbols
    .toSorted((a, b) => b.length - a.length)
    .map(literal)
    .join('|');
  const whole = symbols.length > 0 && pattern.length <= longestPattern;
  const replace = (source: string, content: string) => ({ type: 'Replace', pattern: { Regex: source }, content });
  const normal = pieces.filter(({ type }) => type === 'normal');
  return {
    description: {
      added_tokens: ownTokens(model, !whole),
      normalizer: sequence('normalizers', [
        ...charsmap(model),
        ...(removeExtraWhitespaces ? [replace(' {2,}', ' '), replace('\\A ', ''), replace(' \\z', '')] : []),
        ...(addDummyPrefix ? [escapeWhitespaces ? prepend : { ...prepend, prepend: ' ' }] : []),
        ...(escapeWhitespaces ? [toMarks] : []),
      ]),
      pre_tokenizer: sequence('pretokenizers', [
        ...(whole ? [{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }] : []),
        ...(model.kind === 'unigram' && wordsBeginAtMarks(model)
          ? [{ type: 'Metaspace', replacement: mark, prepend_scheme: 'never', split: true }]
          : []),
      ]),
      post_processor: null,
      decoder: sequence('decoders', [
        fromMarks,
        ...(byteFallback ? [{ type: 'ByteFallback' }] : []),
        { type: 'Fuse' },
        ...(addDummyPrefix ? [stripFirst] : []),
      ]),
      model: modelPart(model, {
        vocab: rows(pieces),
        byteFallback,
        ignoreMerges: whole,
        // merges by score, then by id
        ranked: normal.toSorted((a, b) => b.score - a.score).map(({ piece }) => piece),
      }),
    },
    defaults: namedTokens(model),
  };
}

/** Whether a text may be cut before each mark: none is inside a piece, and it is never part of an unknown run. */
function wordsBeginAtMarks({ pieces, escapeWhitespaces }: SentencePieceModel): boolean {
  const inTexts = pieces.filter(({ type }) => type === 'normal' || type === 'user-defined' || type === 'unused');
  return (
    escapeWhitespaces &&
    inTexts.some(({ piece }) => piece === mark) &&
    inTexts.every(({ piece }) => piece.lastIndexOf(mark) <= 0)
  );
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
