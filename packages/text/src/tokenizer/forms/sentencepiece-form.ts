import type { Component } from '../normalizers.ts';
import { templateProcessor, untypedProcessor } from '../template-processor.ts';
import { addedToken, sequence, type TokenizerForm } from './form.ts';
import { mergesOf } from './merges-of.ts';
import type { SentencePiece, SentencePieceModel } from './sentencepiece-model.ts';

const mark = '\u2581';
const toMarks = { type: 'Replace', pattern: { String: ' ' }, content: mark };
const fromMarks = { type: 'Replace', pattern: { String: mark }, content: ' ' };
const stripFirst = { type: 'Strip', content: ' ', start: 1, stop: 0 };
const prepend = { type: 'Prepend', prepend: mark };
/** Pieces of a pattern longer than this would not load; the pieces become added tokens then. */
const longestPattern = 9_000;

/**
 * The tokenizer.json that stands for a SentencePiece model: for the classes of the `transformers` library whose ids and
 * texts differ from the model's, as that library converts them; for any other as SentencePiece itself encodes, by the
 * settings of the model. Throws an Error for a class that numbers pieces in a way that isn't known here.
 */
export function sentencePieceForm(model: SentencePieceModel, config: Component): TokenizerForm {
  const name = String(config.tokenizer_class ?? '').replace(/Fast$/, '');
  if (renumbering.has(name)) {
    throw new Error(
      `tokenizer_class: expected a class whose ids are known here, got ${name} (save it with its tokenizer.json)`,
    );
  }
  const make = classes[name];
  return make ? make(model, config) : plainForm(model);
}

type MakeForm = (model: SentencePieceModel, config: Component) => TokenizerForm;

/** Classes whose ids are not the positions of the pieces, or whose texts are prepared in ways of their own. */
const renumbering: ReadonlySet<string> = new Set(
  'BarthezTokenizer BigBirdTokenizer DebertaV2Tokenizer FNetTokenizer M2M100Tokenizer MBart50Tokenizer MBartTokenizer MarianTokenizer NllbTokenizer PLBartTokenizer PegasusTokenizer ReformerTokenizer RemBertTokenizer SeamlessM4TTokenizer Speech2TextTokenizer UdopTokenizer XGLMTokenizer XLNetTokenizer'.split(
    ' ',
  ),
);

const classes: Readonly<Record<string, MakeForm>> = {
  LlamaTokenizer: llamaForm,
  CodeLlamaTokenizer: llamaForm,
  Phi3Tokenizer: llamaForm,
  T5Tokenizer: t5Form,
  MT5Tokenizer: t5Form,
  XLMRobertaTokenizer: xlmRobertaForm,
  CamembertTokenizer: camembertForm,
  AlbertTokenizer: albertForm,
};

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
        parts: normal,
      }),
    },
    defaults: namedTokens(model),
  };
}

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
    readonly own: readonly ReturnType<typeof addedToken>[];
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
  readonly tokens: readonly ReturnType<typeof addedToken>[];
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

function modelPart(
  model: SentencePieceModel,
  options: {
    readonly vocab: readonly (readonly [string, number])[];
    readonly byteFallback: boolean;
    readonly unknownId?: number;
    readonly ignoreMerges?: boolean;
    readonly ranked?: readonly string[];
    readonly parts?: readonly SentencePiece[];
  },
): Component {
  const { vocab, byteFallback, unknownId = model.unknownId, ignoreMerges = false } = options;
  if (model.kind === 'unigram') return { type: 'Unigram', unk_id: unknownId, vocab, byte_fallback: byteFallback };
  const { ranked = vocab.map(([piece]) => piece) } = options;
  const parts = new Set(options.parts?.map(({ piece }) => piece) ?? ranked);
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
    merges: model.kind === 'bpe' ? mergesOf(parts, ranked) : [],
  };
}

const rows = (pieces: readonly SentencePiece[]) => pieces.map(({ piece, score }) => [piece, score] as const);

/** Controls and the unknown token, which are special, and, if wanted, symbols that are never cut. */
function ownTokens({ pieces }: SentencePieceModel, symbols = true) {
  return pieces.flatMap(({ piece, type }, id) => {
    if (type === 'control' || type === 'unknown') return [addedToken(piece, id)];
    return type === 'user-defined' && symbols ? [addedToken(piece, id, false)] : [];
  });
}

/** The special tokens by their roles. */
function namedTokens({ pieces, unknownId, beginId, endId, padId }: SentencePieceModel): Component {
  const named = { bos_token: beginId, eos_token: endId, unk_token: unknownId, pad_token: padId };
  return Object.fromEntries(
    Object.entries(named).flatMap(([name, id]) => (id === undefined ? [] : [[name, pieces[id]!.piece]])),
  );
}

function charsmap({ charsmap }: SentencePieceModel): readonly Component[] {
  return charsmap.length === 0 ? [] : [{ type: 'Precompiled', precompiled_charsmap: charsmap.toString('base64') }];
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
