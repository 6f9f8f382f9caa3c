import type { Component } from '../normalizers.ts';
import { templateProcessor } from '../template-processor.ts';
import type { TokenizerForm } from './form.ts';

const defaults = {
  unk_token: '[UNK]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  cls_token: '[CLS]',
  mask_token: '[MASK]',
  do_lower_case: true,
};

/**
 * The tokenizer.json that stands for a `vocab.txt`, a token a line: BERT's WordPiece; `do_lower_case`, `strip_accents`
 * and `tokenize_chinese_chars` of the configuration count. Throws an Error where a token of its template is missing.
 */
export function wordPieceForm(words: string, config: Component): TokenizerForm {
  const lines = words.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
  const named = (role: 'unk_token' | 'cls_token' | 'sep_token') => {
    const value = config[role] ?? defaults[role];
    const token = typeof value === 'string' ? value : String((value as Component).content);
    if (!Object.hasOwn(vocab, token)) throw new Error(`vocab.txt: expected the token ${token}`);
    return token;
  };
  const unknown = named('unk_token');
  return {
    description: {
      added_tokens: [],
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: config.tokenize_chinese_chars !== false,
        strip_accents: config.strip_accents ?? null,
        lowercase: config.do_lower_case !== false,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: templateProcessor([named('cls_token')], [named('sep_token')], (token) => vocab[token]!, true),
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: unknown,
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab,
      },
    },
    defaults,
  };
}
