import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { templateProcessor } from './tokenizer/template-processor.ts';

/** Special tokens of BERT; the id of each is its index. */
export const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** The three files of a Hugging Face tokenizer, as text. */
export interface TokenizerFiles {
  readonly vocabSize: number;
  readonly files: Readonly<Record<'tokenizer.json' | 'tokenizer_config.json' | 'special_tokens_map.json', string>>;
}

/** What a special token is for; `additional` ones have no role of their own. */
export type SpecialRole = 'pad' | 'unk' | 'cls' | 'sep' | 'mask' | 'bos' | 'eos';

/** The parts of a `tokenizer.json`, in its own terms. */
export interface TokenizerParts {
  readonly normalizer: object | null;
  readonly preTokenizer: object | null;
  readonly postProcessor: object | null;
  readonly decoder: object | null;
  readonly truncation?: object | null;
  readonly padding?: object | null;
  /** `vocab` by id; its numbers are the ids, or the scores of a `Unigram` model. */
  readonly model: ModelPart;
  /** Tokens never split, with their ids; all special. */
  readonly special: readonly { readonly id: number; readonly content: string }[];
  readonly roles: Readonly<Partial<Record<SpecialRole, string>>>;
  readonly additional?: readonly string[];
  /** Further entries of `tokenizer_config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** The `model` of a `tokenizer.json`; `vocab` in the order of ids. */
export interface ModelPart {
  readonly type: 'WordPiece' | 'BPE' | 'Unigram';
  readonly vocab: readonly (readonly [token: string, number: number])[];
  readonly merges?: readonly (readonly [string, string])[];
  readonly [option: string]: unknown;
}

/** The files of a tokenizer from its parts. */
export function tokenizerFiles(parts: TokenizerParts): TokenizerFiles {
  const added = parts.special.map(({ id, content }) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const tokenizer = {
    version: '1.0',
    truncation: parts.truncation ?? null,
    padding: parts.padding ?? null,
    added_tokens: added,
    normalizer: parts.normalizer,
    pre_tokenizer: parts.preTokenizer,
    post_processor: parts.postProcessor,
    decoder: parts.decoder,
    model: parts.model,
  };
  const map = {
    ...Object.fromEntries(Object.entries(parts.roles).map(([role, content]) => [`${role}_token`, content])),
    ...(parts.additional === undefined || parts.additional.length === 0
      ? {}
      : { additional_special_tokens: parts.additional }),
  };
  const config = {
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [String(id), token])),
    clean_up_tokenization_spaces: parts.model.type === 'WordPiece',
    ...map,
    ...parts.config,
  };
  return {
    vocabSize: parts.model.vocab.length,
    files: {
      'tokenizer.json': tokenizerJson(tokenizer),
      'tokenizer_config.json': json(config),
      'special_tokens_map.json': json(map),
    },
  };
}

/** A BERT WordPiece tokenizer with the given tokens, ids by position; the first five are the special tokens. */
export function wordPieceFiles(
  tokens: readonly string[],
  options: { readonly lowercase: boolean; readonly maxLength: number },
): TokenizerFiles {
  const { lowercase, maxLength } = options;
  const [pad, unk, cls, sep, mask] = specialTokens;
  return tokenizerFiles({
    normalizer: bertNormalizer(lowercase),
    preTokenizer: { type: 'BertPreTokenizer' },
    postProcessor: templateProcessor([cls], [sep], (token) => specialTokens.indexOf(token as never), true),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: tokens.map((token, id) => [token, id]),
    },
    special: specialTokens.map((content, id) => ({ id, content })),
    roles: { pad, unk, cls, sep, mask },
    config: bertConfig({ lowercase, maxLength }),
  });
}

/** The normalizer of BERT as `tokenizer.json` describes it. */
export function bertNormalizer(lowercase: boolean): object {
  return { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase };
}

/** What the BERT tokenizer of the `transformers` library is told. */
export function bertConfig(options: { readonly lowercase: boolean; readonly maxLength: number }): object & {
  readonly [option: string]: unknown;
} {
  return {
    do_lower_case: options.lowercase,
    model_max_length: options.maxLength,
    strip_accents: null,
    tokenize_chinese_chars: true,
    tokenizer_class: 'BertTokenizer',
  };
}

/** Writes the files into a folder (made when missing), each to a temporary file that is then renamed. */
export async function writeTokenizer(folder: string, tokenizer: TokenizerFiles): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(tokenizer.files)) await writeFileAtomic(join(folder, name), text);
}

/** A `tokenizer.json` with one line a token and a merge. */
export function tokenizerJson(tokenizer: { readonly model: ModelPart }): string {
  const { vocab, merges, ...model } = tokenizer.model;
  const lines = (open: string, rows: readonly string[], close: string) =>
    rows.length === 0 ? open + close : `${open}\n${rows.map((row) => `      ${row}`).join(',\n')}\n    ${close}`;
  // An object would put tokens that are numbers first.
  const tokens =
    model.type === 'Unigram'
      ? lines(
          '[',
          vocab.map((entry) => JSON.stringify(entry)),
          ']',
        )
      : lines(
          '{',
          vocab.map(([token, id]) => `${JSON.stringify(token)}: ${id}`),
          '}',
        );
  const empty = { ...model, vocab: 0, ...(merges === undefined ? {} : { merges: 0 }) };
  return json({ ...tokenizer, model: empty })
    .replace(/^ {4}"vocab": 0/m, () => `    "vocab": ${tokens}`)
    .replace(
      /^ {4}"merges": 0/m,
      () =>
        `    "merges": ${lines(
          '[',
          (merges ?? []).map((pair) => JSON.stringify(pair)),
          ']',
        )}`,
    );
}

/** JSON with two spaces of indentation and a line break at its end. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
