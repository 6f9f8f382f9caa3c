import { SlmError } from '@slm-compress/onnx';
import { type SpecialRole, specialTokens, type TokenizerFiles } from '../tokenizer-files.ts';
import { byteCharacters, byteTokens, toByteCharacters } from './byte-characters.ts';
import { learnBytePairs } from './byte-pairs.ts';
import { type ChatPreset, chatTemplates, chatTokens } from './chat-templates.ts';
import { countWords } from './count-words.ts';
import { maxPieces } from './pair-table.ts';
import { type TemplateKind, trainedFiles } from './trained-files.ts';
import { learnUnigram } from './unigram.ts';
import type { TokenizerKind, UnicodeForm } from './words.ts';

/** How {@link trainTokenizer} learns a vocabulary. */
export interface TokenizerTrainingOptions {
  readonly kind: TokenizerKind;
  /** Tokens in all, special ones included, at most 2^20 - 1; fewer when the texts do not give as many. */
  readonly vocabSize: number;
  /** WordPiece and BPE: a pair rarer than this is not merged; 2 by default. */
  readonly minFrequency?: number;
  /** True by default for WordPiece, which then also strips accents. */
  readonly lowercase?: boolean;
  /** Unicode normal form of the texts; `NFKC` for Unigram, `none` for the others by default. */
  readonly unicode?: UnicodeForm;
  /** Every digit a word of its own; false by default. */
  readonly splitDigits?: boolean;
  /** Byte-level BPE: a space before the first word too; false by default. */
  readonly addPrefixSpace?: boolean;
  /**
   * Tokens by what they are for, ids in this order. By default those of BERT for WordPiece, `<pad>`, `<s>` and `</s>`
   * for byte-level BPE, and with `<unk>` for Metaspace BPE and Unigram. All but byte-level BPE need `unk`.
   */
  readonly roles?: Readonly<Partial<Record<SpecialRole, string>>>;
  /** Further special tokens, behind those of the roles. */
  readonly additionalTokens?: readonly string[];
  /** WordPiece and BPE: the most frequent characters kept; all by default. */
  readonly limitAlphabet?: number;
  /** Characters kept however rare they are; for byte-level BPE bytes written as byte-level characters, all 256 by default. */
  readonly initialAlphabet?: readonly string[];
  /** WordPiece: written before a piece that continues a word; `##` by default. */
  readonly continuingPrefix?: string;
  /** BPE and WordPiece: merged pieces have fewer characters than this. Unigram: at most as many; 16 by default. */
  readonly maxTokenLength?: number;
  /** Unigram and Metaspace BPE: tokens for the 256 bytes, which unknown characters become; false and true by default. */
  readonly byteFallback?: boolean;
  /** Unigram: candidates to start from, 1,000,000 by default; share kept by a pruning, 0.75; EM rounds between, 2. */
  readonly seedSize?: number;
  readonly shrinkingFactor?: number;
  readonly subIterations?: number;
  /** Special tokens put around a text; `cls-sep`, `none`, `bos` and `bos-eos` by default, in the order of kinds. */
  readonly template?: TemplateKind;
  /** Jinja text or the name of a preset, whose special tokens are then added. */
  readonly chatTemplate?: ChatPreset | (string & {});
  /** `model_max_length`, in tokens; 512 by default. */
  readonly maxLength?: number;
  /** Written as the tokenizer's own truncation and padding, which other libraries then apply; none by default. */
  readonly truncateTo?: number;
  readonly padTo?: number | 'longest';
  /** Threads that count words; the number of cores by default. The result is the same for any number. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TokenizerTrainingProgress) => void;
}

/** Texts counted so far, tokens made so far, or candidate pieces left. */
export interface TokenizerTrainingProgress {
  readonly phase: 'texts' | 'merges' | 'candidates';
  readonly done: number;
  /** 0 when it is not known. */
  readonly total: number;
}

const defaultRoles: Readonly<Record<TokenizerKind, Readonly<Partial<Record<SpecialRole, string>>>>> = {
  wordpiece: {
    pad: specialTokens[0],
    unk: specialTokens[1],
    cls: specialTokens[2],
    sep: specialTokens[3],
    mask: specialTokens[4],
  },
  bpe: { pad: '<pad>', bos: '<s>', eos: '</s>' },
  'metaspace-bpe': { pad: '<pad>', unk: '<unk>', bos: '<s>', eos: '</s>' },
  unigram: { pad: '<pad>', unk: '<unk>', bos: '<s>', eos: '</s>' },
};

const defaultTemplates: Readonly<Record<TokenizerKind, TemplateKind>> = {
  wordpiece: 'cls-sep',
  bpe: 'none',
  'metaspace-bpe': 'bos',
  unigram: 'bos-eos',
};

/**
 * Learns a WordPiece, byte-level BPE, Metaspace BPE (Llama-like) or Unigram (SentencePiece-like) vocabulary from texts and gives the files of a
 * Hugging Face tokenizer that the `tokenizers` and `transformers` libraries load. Words are counted in worker threads;
 * no texts are held. Same texts in any order, same bytes, whatever the number of threads.
 *
 * Throws SlmError `TOKENIZER_OPTION` for options that do not fit each other or a vocabulary too small for the
 * characters of the texts, `DATA_EMPTY` when the texts have no words, and the signal's reason.
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TokenizerTrainingOptions,
): Promise<TokenizerFiles> {
  const { kind, vocabSize, workers, signal, onProgress, minFrequency = 2 } = options;
  const settings = {
    rules: {
      kind,
      lowercase: options.lowercase ?? kind === 'wordpiece',
      unicode: options.unicode ?? (kind === 'unigram' ? 'NFKC' : 'none'),
      splitDigits: options.splitDigits ?? false,
      addPrefixSpace: options.addPrefixSpace ?? false,
    } as const,
    roles: options.roles ?? defaultRoles[kind],
    template: options.template ?? (options.roles === undefined ? defaultTemplates[kind] : 'none'),
    continuingPrefix: options.continuingPrefix ?? '##',
    byteFallback:
      kind === 'metaspace-bpe' ? options.byteFallback !== false : kind === 'unigram' && options.byteFallback === true,
  };
  const chat = presetOf(options.chatTemplate);
  const additional = [...(chat === undefined ? [] : chatTokens[chat]), ...(options.additionalTokens ?? [])];
  const special = [...new Set([...Object.values(settings.roles), ...additional])];
  checkOptions(options, settings.roles, settings.template, special.length);

  const counted = await countWords(texts, settings.rules, {
    ...(workers === undefined ? {} : { workers }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onTexts: (done: number) => onProgress({ phase: 'texts', done, total: 0 }) }),
  });
  if (counted.words.length === 0) {
    throw new SlmError('DATA_EMPTY', 'texts: expected words to learn a vocabulary from, got none');
  }
  const files = {
    ...settings,
    additional: additional.filter((token) => !Object.values(settings.roles).includes(token)),
    special,
    maxLength: options.maxLength ?? 512,
    ...(options.truncateTo === undefined ? {} : { truncateTo: options.truncateTo }),
    ...(options.padTo === undefined ? {} : { padTo: options.padTo }),
    ...(options.chatTemplate === undefined
      ? {}
      : { chatTemplate: chat === undefined ? options.chatTemplate : chatTemplates[chat] }),
  };
  const optional = {
    ...(options.maxTokenLength === undefined ? {} : { maxTokenLength: options.maxTokenLength }),
    ...(options.initialAlphabet === undefined ? {} : { initialAlphabet: options.initialAlphabet }),
  };
  if (kind === 'unigram') {
    const { seedSize, shrinkingFactor, subIterations } = options;
    const pieces = learnUnigram(counted, {
      vocabSize,
      reserved: special.length + (settings.byteFallback ? 256 : 0),
      ...optional,
      ...(seedSize === undefined ? {} : { seedSize }),
      ...(shrinkingFactor === undefined ? {} : { shrinkingFactor }),
      ...(subIterations === undefined ? {} : { subIterations }),
      onPieces: (done) => onProgress?.({ phase: 'candidates', done, total: 0 }),
    });
    return trainedFiles({ pieces }, files);
  }
  const byteLevel = kind === 'bpe';
  const words = byteLevel ? counted.words.map(toByteCharacters) : counted.words;
  const vocabulary = learnBytePairs(
    { words, counts: counted.counts },
    {
      vocabSize,
      minFrequency,
      specialTokens: [...special, ...(settings.byteFallback ? byteTokens : [])],
      ...(options.limitAlphabet === undefined ? {} : { limitAlphabet: options.limitAlphabet }),
      ...(byteLevel ? { initialAlphabet: byteCharacters } : {}),
      ...(kind === 'wordpiece' ? { continuingPrefix: settings.continuingPrefix } : {}),
      ...optional,
      onToken: (done) => onProgress?.({ phase: 'merges', done, total: vocabSize }),
    },
  );
  return trainedFiles(vocabulary, files);
}

function presetOf(template: string | undefined): ChatPreset | undefined {
  return template !== undefined && Object.hasOwn(chatTemplates, template) ? (template as ChatPreset) : undefined;
}

/** Whole numbers by option, with the least and greatest value. */
const bounds = {
  minFrequency: [0, 2 ** 53 - 1],
  limitAlphabet: [1, maxPieces],
  maxTokenLength: [1, 255],
  seedSize: [1, 2 ** 24],
  subIterations: [1, 100],
  maxLength: [1, 2 ** 31 - 1],
  truncateTo: [1, 2 ** 31 - 1],
  workers: [1, 256],
} as const;

const needed: Readonly<Record<TemplateKind, readonly SpecialRole[]>> = {
  'cls-sep': ['cls', 'sep'],
  'bos-eos': ['bos', 'eos'],
  bos: ['bos'],
  eos: ['eos'],
  none: [],
};

function checkOptions(
  options: TokenizerTrainingOptions,
  roles: Readonly<Partial<Record<SpecialRole, string>>>,
  template: TemplateKind,
  reserved: number,
): void {
  const { kind, vocabSize, shrinkingFactor = 0.75 } = options;
  const wrong = (what: string) => {
    throw new SlmError('TOKENIZER_OPTION', what);
  };
  if (!Number.isInteger(vocabSize) || vocabSize <= reserved || vocabSize >= maxPieces) {
    wrong(`vocabSize: expected an integer from ${reserved + 1} to ${maxPieces - 1}, got ${vocabSize}`);
  }
  for (const [name, [low, high]] of Object.entries(bounds)) {
    const value = options[name as keyof typeof bounds];
    if (value === undefined || (Number.isInteger(value) && value >= low && value <= high)) continue;
    wrong(`${name}: expected an integer from ${low} to ${high}, got ${value}`);
  }
  if (!(shrinkingFactor > 0 && shrinkingFactor < 1)) {
    wrong(`shrinkingFactor: expected a number between 0 and 1, got ${shrinkingFactor}`);
  }
  const { padTo } = options;
  if (padTo !== undefined && padTo !== 'longest' && !(Number.isInteger(padTo) && padTo > 0)) {
    wrong(`padTo: expected "longest" or an integer above 0, got ${padTo}`);
  }
  const missing = [
    ...(kind === 'bpe' ? [] : (['unk'] as const)),
    ...(padTo === undefined ? [] : (['pad'] as const)),
    ...needed[template],
  ].filter((role) => roles[role] === undefined);
  if (missing.length > 0) {
    wrong(
      `roles: expected ${missing.join(', ')} for kind ${kind}, template ${template}${padTo === undefined ? '' : ' and padding'}`,
    );
  }
  for (const character of options.initialAlphabet ?? []) {
    const known = kind !== 'bpe' || byteCharacters.includes(character);
    if (!known || [...character].length !== 1) {
      wrong(
        `initialAlphabet: expected single ${kind === 'bpe' ? 'byte-level ' : ''}characters, got ${JSON.stringify(character)}`,
      );
    }
  }
}
