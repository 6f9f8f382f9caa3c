import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';

/** Special tokens of BERT; the id of each is its index. */
export const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** The three files of a Hugging Face tokenizer, as text. */
export interface TokenizerFiles {
  readonly vocabSize: number;
  readonly files: Readonly<Record<'tokenizer.json' | 'tokenizer_config.json' | 'special_tokens_map.json', string>>;
}

/** A BERT WordPiece tokenizer with the given tokens, ids by position; the first five are the special tokens. */
export function wordPieceFiles(
  tokens: readonly string[],
  options: { readonly lowercase: boolean; readonly maxLength: number },
): TokenizerFiles {
  const { lowercase, maxLength } = options;
  const [pad, unk, cls, sep, mask] = specialTokens;
  const special = (token: string, type: number) => ({ SpecialToken: { id: token, type_id: type } });
  const sequence = (id: 'A' | 'B', type: number) => ({ Sequence: { id, type_id: type } });
  const added = specialTokens.map((content, id) => ({
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
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(cls, 0), sequence('A', 0), special(sep, 0)],
      pair: [special(cls, 0), sequence('A', 0), special(sep, 0), sequence('B', 1), special(sep, 1)],
      special_tokens: {
        [cls]: { id: cls, ids: [specialTokens.indexOf(cls)], tokens: [cls] },
        [sep]: { id: sep, ids: [specialTokens.indexOf(sep)], tokens: [sep] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: {},
    },
  };
  const map = { pad_token: pad, unk_token: unk, cls_token: cls, sep_token: sep, mask_token: mask };
  const config = {
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [String(id), token])),
    clean_up_tokenization_spaces: true,
    ...map,
    do_lower_case: lowercase,
    model_max_length: maxLength,
    strip_accents: null,
    tokenize_chinese_chars: true,
    tokenizer_class: 'BertTokenizer',
  };
  return {
    vocabSize: tokens.length,
    files: {
      'tokenizer.json': json(tokenizer).replace('"vocab": {}', () => `"vocab": ${vocabulary(tokens)}`),
      'tokenizer_config.json': json(config),
      'special_tokens_map.json': json(map),
    },
  };
}

/** Writes the files into a folder (made when missing), each to a temporary file that is then renamed. */
export async function writeTokenizer(folder: string, tokenizer: TokenizerFiles): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(tokenizer.files)) await writeFileAtomic(join(folder, name), text);
}

/** In the order of ids; an object would put tokens that are numbers first. */
function vocabulary(tokens: readonly string[]): string {
  return `{\n${tokens.map((token, id) => `      ${JSON.stringify(token)}: ${id}`).join(',\n')}\n    }`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
