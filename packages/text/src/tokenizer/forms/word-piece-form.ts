import type { Component } from '../normalizers.ts';
import { templateProcessor } from '../template-processor.ts';
import { classOf } from './foreign-classes.ts';
import { contentOf, type TokenizerForm } from './form.ts';

const bert: Component = {
  unk_token: '[UNK]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  cls_token: '[CLS]',
  mask_token: '[MASK]',
};
const inNormalized = (content: string, lstrip = false) => ({ content, lstrip, normalized: true });
const mpnet: Component = {
  bos_token: inNormalized('<s>'),
  eos_token: inNormalized('</s>'),
  unk_token: inNormalized('[UNK]'),
  sep_token: inNormalized('</s>'),
  pad_token: inNormalized('<pad>'),
  cls_token: inNormalized('<s>'),
  mask_token: inNormalized('<mask>', true),
};

/**
 * The tokenizer.json that stands for a `vocab.txt`, a token a line: BERT's WordPiece, or MPNet's by `tokenizer_class`;
 * `do_lower_case`, `strip_accents` and `tokenize_chinese_chars` of the configuration count. Throws an Error where a token
 * of its template is missing.
 */
export function wordPieceForm(words: string, config: Component): TokenizerForm {
  const isMpnet = classOf(config.tokenizer_class, 'vocab.txt') === 'MPNet';
  const defaults: Component = { ...(isMpnet ? mpnet : bert), do_lower_case: true };
  const lines = words.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
  const named = (role: 'unk_token' | 'cls_token' | 'sep_token') => {
    const token = contentOf(config[role] ?? defaults[role]);
    if (!Object.hasOwn(vocab, token)) throw new Error(`vocab.txt: expected the token ${token}`);
    return token;
  };
  const unknown = named('unk_token');
  const [cls, sep] = [named('cls_token'), named('sep_token')];
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
      post_processor: isMpnet
        ? {
            type: 'RobertaProcessing',
            sep: [sep, vocab[sep]],
            cls: [cls, vocab[cls]],
            trim_offsets: true,
            add_prefix_space: false,
          }
        : templateProcessor([cls], [sep], (token) => vocab[token]!, true),
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
