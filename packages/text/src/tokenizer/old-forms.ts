import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Component } from './normalizers.ts';

/**
 * The tokenizer.json that stands for the files of older tokenizers: `vocab.txt` (BERT WordPiece; `do_lower_case`,
 * `strip_accents` and `tokenize_chinese_chars` of the configuration count) or `vocab.json` with `merges.txt` (GPT-2
 * byte-level BPE). Undefined when the folder has neither. Throws an Error that says what is wrong in a file.
 */
export async function readOldForm(folder: string, config: Component): Promise<Component | undefined> {
  const words = await text(join(folder, 'vocab.txt'));
  if (words !== undefined) return wordPieceDescription(words, config);
  const vocab = await text(join(folder, 'vocab.json'));
  const merges = await text(join(folder, 'merges.txt'));
  if (vocab === undefined || merges === undefined) return undefined;
  return byteLevelDescription(vocab, merges, config);
}

function wordPieceDescription(words: string, config: Component): Component {
  const lines = words.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
  const named = (key: string, usual: string) => (typeof config[key] === 'string' ? (config[key] as string) : usual);
  const unknown = named('unk_token', '[UNK]');
  const start = named('cls_token', '[CLS]');
  const end = named('sep_token', '[SEP]');
  for (const token of [unknown, start, end]) {
    if (!Object.hasOwn(vocab, token)) throw new Error(`vocab.txt: expected the token ${token}`);
  }
  const specials = [named('pad_token', '[PAD]'), unknown, start, end, named('mask_token', '[MASK]')];
  return {
    added_tokens: specials.filter((token) => Object.hasOwn(vocab, token)).map((token) => special(token, vocab[token]!)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars !== false,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: [end, vocab[end]], cls: [start, vocab[start]] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

function byteLevelDescription(vocabText: string, mergesText: string, config: Component): Component {
  const vocab = JSON.parse(vocabText) as Readonly<Record<string, number>>;
  if (typeof vocab !== 'object' || vocab === null || !Object.values(vocab).every(Number.isInteger)) {
    throw new Error('vocab.json: expected an object of tokens and their ids');
  }
  const merges = mergesText
    .split(/\r?\n/)
    .filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')));
  const end = '<|endoftext|>';
  const prefix = config.add_prefix_space === true;
  return {
    added_tokens: Object.hasOwn(vocab, end) ? [special(end, vocab[end]!)] : [],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: true },
    post_processor: { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: false },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', unk_token: null, vocab, merges },
  };
}

function special(content: string, id: number) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

async function text(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
