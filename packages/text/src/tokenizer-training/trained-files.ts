import { templateProcessor } from '../tokenizer/template-processor.ts';
import {
  bertConfig,
  bertNormalizer,
  type SpecialRole,
  type TokenizerFiles,
  type TokenizerParts,
  tokenizerFiles,
} from '../tokenizer-files.ts';
import { byteTokens } from './byte-characters.ts';
import type { BytePairVocabulary } from './byte-pairs.ts';
import type { ScoredPiece } from './unigram.ts';
import { metaspace, type WordRules } from './words.ts';

/** Which special tokens stand around a text. */
export type TemplateKind = 'cls-sep' | 'bos-eos' | 'bos' | 'eos' | 'none';

export interface TrainedFilesOptions {
  readonly rules: WordRules;
  readonly roles: Readonly<Partial<Record<SpecialRole, string>>>;
  readonly additional: readonly string[];
  /** Tokens with ids 0, 1, …. */
  readonly special: readonly string[];
  readonly template: TemplateKind;
  readonly continuingPrefix: string;
  readonly byteFallback: boolean;
  readonly maxLength: number;
  readonly truncateTo?: number;
  readonly padTo?: number | 'longest';
  readonly chatTemplate?: string;
}

/** The files of a tokenizer whose vocabulary was learned over words by these rules. */
export function trainedFiles(
  vocabulary: BytePairVocabulary | { readonly pieces: readonly ScoredPiece[] },
  options: TrainedFilesOptions,
): TokenizerFiles {
  const { rules, roles, special, additional, maxLength, chatTemplate } = options;
  const plainBert =
    rules.kind === 'wordpiece' && rules.unicode === 'none' && !rules.splitDigits && options.continuingPrefix === '##';
  const common = {
    model_max_length: maxLength,
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  };
  return tokenizerFiles({
    ...surroundings(options),
    truncation:
      options.truncateTo === undefined
        ? null
        : { direction: 'Right', max_length: options.truncateTo, strategy: 'LongestFirst', stride: 0 },
    padding:
      options.padTo === undefined
        ? null
        : {
            strategy: options.padTo === 'longest' ? 'BatchLongest' : { Fixed: options.padTo },
            direction: 'Right',
            pad_to_multiple_of: null,
            pad_id: special.indexOf(roles.pad!),
            pad_type_id: 0,
            pad_token: roles.pad,
          },
    model: modelPart(vocabulary, options),
    special: special.map((content, id) => ({ id, content })),
    roles,
    additional,
    config: plainBert
      ? {
          ...bertConfig({ lowercase: rules.lowercase, maxLength }),
          ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
        }
      : common,
  });
}

function modelPart(
  vocabulary: BytePairVocabulary | { readonly pieces: readonly ScoredPiece[] },
  { roles, special, continuingPrefix, byteFallback, rules }: TrainedFilesOptions,
): TokenizerParts['model'] {
  if ('pieces' in vocabulary) {
    const bytes = byteFallback ? byteTokens : [];
    return {
      type: 'Unigram',
      unk_id: special.indexOf(roles.unk!),
      vocab: [...[...special, ...bytes].map((token) => [token, 0] as const), ...vocabulary.pieces],
      byte_fallback: byteFallback,
    };
  }
  const characters = rules.kind === 'metaspace-bpe';
  const vocab = vocabulary.tokens.map((token, id) => [token, id] as const);
  return rules.kind === 'wordpiece'
    ? {
        type: 'WordPiece',
        unk_token: roles.unk,
        continuing_subword_prefix: continuingPrefix,
        max_input_chars_per_word: 100,
        vocab,
      }
    : {
        type: 'BPE',
        dropout: null,
        unk_token: characters ? roles.unk : null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: characters,
        byte_fallback: byteFallback,
        ignore_merges: false,
        vocab,
        merges: vocabulary.merges,
      };
}

/** What stands before and behind the model. */
function surroundings(
  options: TrainedFilesOptions,
): Pick<TokenizerParts, 'normalizer' | 'preTokenizer' | 'postProcessor' | 'decoder'> {
  const { rules, roles, special, template, continuingPrefix, byteFallback } = options;
  const { kind, lowercase, unicode, addPrefixSpace } = rules;
  const digits = rules.splitDigits ? [{ type: 'Digits', individual_digits: true }] : [];
  const form = unicode === 'none' ? [] : [{ type: unicode }];
  const lower = lowercase ? [{ type: 'Lowercase' }] : [];
  const around: readonly [readonly string[], readonly string[]] = {
    'cls-sep': [[roles.cls!], [roles.sep!]] as const,
    'bos-eos': [[roles.bos!], [roles.eos!]] as const,
    bos: [[roles.bos!], []] as const,
    eos: [[], [roles.eos!]] as const,
    none: [[], []] as const,
  }[template];
  const postProcessor =
    template === 'none'
      ? null
      : templateProcessor(...around, (token) => special.indexOf(token), template === 'cls-sep');
  switch (kind) {
    case 'wordpiece':
      return {
        normalizer: sequence('normalizers', [...form, bertNormalizer(lowercase)]),
        preTokenizer: sequence('pretokenizers', [{ type: 'BertPreTokenizer' }, ...digits]),
        postProcessor,
        decoder: { type: 'WordPiece', prefix: continuingPrefix, cleanup: true },
      };
    case 'bpe': {
      const byteLevel = { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true };
      return {
        normalizer: sequence('normalizers', [...form, ...lower]),
        preTokenizer: sequence('pretokenizers', [...digits, byteLevel]),
        postProcessor,
        decoder: byteLevel,
      };
    }
    case 'metaspace-bpe':
    case 'unigram': {
      const scheme = kind === 'unigram' ? 'always' : 'first';
      const spaces = { type: 'Metaspace', replacement: metaspace, prepend_scheme: scheme, split: true };
      const oneSpace = { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' };
      return {
        normalizer: sequence('normalizers', [...form, ...lower, ...(kind === 'unigram' ? [oneSpace] : [])]),
        preTokenizer: sequence('pretokenizers', [spaces, ...digits]),
        postProcessor,
        decoder: sequence('decoders', [...(byteFallback ? [{ type: 'ByteFallback' }] : []), spaces]),
      };
    }
  }
}

/** Nothing, the one part, or a `Sequence` of them. */
function sequence(name: 'normalizers' | 'pretokenizers' | 'decoders', parts: readonly object[]): object | null {
  if (parts.length < 2) return parts[0] ?? null;
  return { type: 'Sequence', [name]: parts };
}
