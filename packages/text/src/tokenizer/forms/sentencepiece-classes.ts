import type { Component } from '../normalizers.ts';
import { templateProcessor, untypedProcessor } from '../template-processor.ts';
import { type AddedTokenRow, addedToken, sequence, type TokenizerForm } from './form.ts';
import type { SentencePiece, SentencePieceModel } from './sentencepiece-model.ts';
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

/** The form of a model for a class, by tokenizer_config.json. Throws an Error where the model does not fit it. */
export type MakeForm = (model: SentencePieceModel, config: Component) => TokenizerForm;

/** Classes of `transformers` that differ from what the model itself says. */
export const classes: Readonly<Record<string, MakeForm>> = {
  Llama: llamaForm,
  CodeLlama: llamaForm,
  Phi3: llamaForm,
  T5: t5Form,
  MT5: t5Form,
  XLMRoberta: xlmRobertaForm,
  Camembert: camembertForm,
  Albert: albertForm,
};

/**
 * `LlamaConverter`. With `legacy` (the default, as the converter has it) every text gets a space before it, as
 * SentencePiece does; without it only the first between special tokens, and none that begins with a space.
 */
function llamaForm(model: SentencePieceModel, config: Component): TokenizerForm {
  const spaced = config.add_prefix_space !== false;
  const legacy = config.legacy !== false;
  return {
    description: {
      added_tokens: ownTokens(model),
      normalizer: legacy ? sequence('normalizers', [...(spaced ? [prepend] : []), toMarks]) : null,
      pre_tokenizer: legacy
        ? null
        : { type: 'Metaspace', replacement: mark, prepend_scheme: spaced ? 'first' : 'never', split: false },
      post_processor: null,
      decoder: sequence('decoders', [
        fromMarks,
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(spaced ? [stripFirst] : []),
      ]),
      model: modelPart(model, { vocab: rows(model.pieces), byteFallback: true }),
    },
    defaults: { add_bos_token: true, add_eos_token: false, padding_side: 'left', ...namedTokens(model) },
  };
}

/** `T5Converter`: sentinels behind the pieces, the end token behind each text. */
function t5Form(model: SentencePieceModel, config: Component): TokenizerForm {
  const extra = config.extra_ids ?? 100;
  if (!Number.isInteger(extra) || (extra as number) < 0 || (extra as number) > 10_000) {
    throw new Error(`extra_ids: expected an integer from 0 to 10000, got ${JSON.stringify(extra)}`);
  }
  const sentinels = Array.from({ length: extra as number }, (_, i) => `<extra_id_${(extra as number) - 1 - i}>`);
  const vocab = [...rows(model.pieces), ...sentinels.map((token) => [token, 0] as const)];
  const tokens = [...ownTokens(model), ...sentinels.map((token, i) => addedToken(token, model.pieces.length + i))];
  const defaults = { ...namedTokens(model), eos_token: '</s>' };
  const processor = (idOf: (token: string) => number) => untypedProcessor('$A </s>', '$A </s> $B </s>', idOf);
  return spacedForm(model, { vocab, tokens, defaults, processor });
}

/** `XLMRobertaConverter`: fairseq's special tokens first, the mask last. */
function xlmRobertaForm(model: SentencePieceModel): TokenizerForm {
  const first = ['<s>', '<pad>', '</s>', '<unk>'];
  return fairseqForm(model, {
    first,
    pieces: model.pieces.slice(3),
    own: ownTokens(model).filter(({ id }) => id > 2),
    shift: 1,
  });
}

/** `CamembertConverter`: as XLM-RoBERTa, with the pieces of the model's own special tokens out of use. */
function camembertForm(model: SentencePieceModel): TokenizerForm {
  const first = ['<s>NOTUSED', '<pad>', '</s>NOTUSED', '<unk>', '<unk>NOTUSED'];
  return fairseqForm(model, {
    first,
    pieces: model.pieces.slice(1),
    own: ownTokens(model).filter(({ id }) => id > 0),
    shift: 4,
  });
}

function fairseqForm(
  model: SentencePieceModel,
  options: {
    readonly first: readonly string[];
    readonly pieces: readonly SentencePiece[];
    readonly own: readonly AddedTokenRow[];
    readonly shift: number;
  },
): TokenizerForm {
  const { first, pieces, own, shift } = options;
  const vocab = [
    ...first.map((token) => [token, token === '<unk>NOTUSED' ? -100 : 0] as const),
    ...rows(pieces),
    ['<mask>', 0] as const,
  ];
  const tokens = own.map((token) => ({ ...token, id: token.id + shift }));
  const defaults = {
    bos_token: '<s>',
    eos_token: '</s>',
    unk_token: '<unk>',
    sep_token: '</s>',
    pad_token: '<pad>',
    cls_token: '<s>',
    mask_token: '<mask>',
  };
  const processor = (idOf: (token: string) => number) =>
    untypedProcessor('<s> $A </s>', '<s> $A </s> </s> $B </s>', idOf);
  return spacedForm(model, { vocab, tokens, defaults, processor, unknownId: 3 });
}

/** ALBERT: quotation marks, accents and case as the configuration says, numbers without their commas. */
function albertForm(model: SentencePieceModel, config: Component): TokenizerForm {
  const quote = (text: string) => ({ type: 'Replace', pattern: { String: text }, content: '"' });
  const vocab = rows(model.pieces).map(
    ([piece, score]) => [piece, /\p{Nd},$/u.test(piece) ? score - 100 : score] as const,
  );
  const defaults = {
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    unk_token: '<unk>',
    sep_token: '[SEP]',
    pad_token: '<pad>',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  };
  const form = spacedForm(model, {
    vocab,
    tokens: ownTokens(model),
    defaults,
    processor: (idOf) => templateProcessor(['[CLS]'], ['[SEP]'], idOf, true),
  });
  return {
    ...form,
    description: {
      ...form.description,
      normalizer: sequence('normalizers', [
        quote('``'),
        quote("''"),
        ...(config.keep_accents === true ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
        ...(config.do_lower_case === false ? [] : [{ type: 'Lowercase' }]),
        ...charsmap(model),
      ]),
      pre_tokenizer: sequence('pretokenizers', [
        { type: 'WhitespaceSplit' },
        form.description.pre_tokenizer as Component,
      ]),
    },
  };
}

interface SpacedOptions {
  readonly vocab: readonly (readonly [string, number])[];
  readonly tokens: readonly AddedTokenRow[];
  readonly defaults: Component;
  /** The template, by the ids of its tokens. */
  readonly processor: (idOf: (token: string) => number) => object;
  readonly unknownId?: number;
}

/** `SpmConverter`: words by Metaspace. */
function spacedForm(model: SentencePieceModel, options: SpacedOptions): TokenizerForm {
  const { vocab, tokens, defaults, processor, unknownId = model.unknownId } = options;
  const idOf = (token: string) => {
    const id = vocab.findIndex(([piece]) => piece === token);
    if (id < 0) throw new Error(`pieces: expected the token ${token} of this tokenizer_class`);
    return id;
  };
  const metaspace = { type: 'Metaspace', replacement: mark, prepend_scheme: 'always', split: true };
  return {
    description: {
      added_tokens: tokens,
      normalizer: sequence('normalizers', [
        ...charsmap(model),
        { type: 'Strip', strip_left: false, strip_right: true },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: mark },
      ]),
      pre_tokenizer: metaspace,
      post_processor: processor(idOf),
      decoder: metaspace,
      model: modelPart(model, { vocab, byteFallback: false, unknownId }),
    },
    defaults,
  };
}
