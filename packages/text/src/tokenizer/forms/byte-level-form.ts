import type { Component } from '../normalizers.ts';
import type { TokenizerForm } from './form.ts';

const gpt2 = { unk_token: '<|endoftext|>', bos_token: '<|endoftext|>', eos_token: '<|endoftext|>' };
const roberta = {
  bos_token: '<s>',
  eos_token: '</s>',
  sep_token: '</s>',
  cls_token: '<s>',
  unk_token: '<unk>',
  pad_token: '<pad>',
  mask_token: '<mask>',
};
const robertaClasses = /^(?:Roberta|Bart|Longformer|LED|Mvp)Tokenizer(?:Fast)?$/;

/**
 * The tokenizer.json that stands for a `vocab.json` with its `merges.txt`: GPT-2's byte-level BPE, with RoBERTa's
 * template for the classes that have it. Throws an Error that says what is wrong in a file.
 */
export function byteLevelForm(vocabText: string, mergesText: string, config: Component): TokenizerForm {
  const vocab = readVocab(vocabText);
  const merges = mergesText.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '' || (i === 0 && line.startsWith('#version'))) return [];
    const pair = line.trim().split(' ');
    if (pair.length !== 2)
      throw new Error(`merges.txt, line ${i + 1}: expected two tokens, got ${JSON.stringify(line)}`);
    return [pair];
  });
  const spaced = config.add_prefix_space === true;
  const isRoberta = robertaClasses.test(String(config.tokenizer_class));
  const defaults: Component = isRoberta ? roberta : gpt2;
  const robertaPart = (role: 'sep_token' | 'cls_token') => {
    const value = config[role] ?? roberta[role];
    const token = typeof value === 'string' ? value : String((value as Component).content);
    const id = Object.hasOwn(vocab, token) ? vocab[token] : undefined;
    if (id === undefined) throw new Error(`vocab.json: expected the token ${token}`);
    return [token, id];
  };
  return {
    description: {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: spaced, trim_offsets: true, use_regex: true },
      post_processor: isRoberta
        ? {
            type: 'RobertaProcessing',
            sep: robertaPart('sep_token'),
            cls: robertaPart('cls_token'),
            trim_offsets: config.trim_offsets !== false,
            add_prefix_space: spaced,
          }
        : null,
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: '',
        end_of_word_suffix: '',
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges,
      },
    },
    defaults,
  };
}

function readVocab(text: string): Readonly<Record<string, number>> {
  let vocab: unknown;
  try {
    vocab = JSON.parse(text);
  } catch {}
  if (
    typeof vocab !== 'object' ||
    vocab === null ||
    !Object.values(vocab).every((id) => Number.isInteger(id) && id >= 0)
  ) {
    throw new Error('vocab.json: expected an object of tokens and their ids');
  }
  return vocab as Readonly<Record<string, number>>;
}
