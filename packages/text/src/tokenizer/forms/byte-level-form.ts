import type { Component } from '../normalizers.ts';
import { untypedProcessor } from '../template-processor.ts';
import { classOf } from './foreign-classes.ts';
import { contentOf, type TokenizerForm } from './form.ts';

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
const deberta = {
  bos_token: '[CLS]',
  eos_token: '[SEP]',
  sep_token: '[SEP]',
  cls_token: '[CLS]',
  unk_token: '[UNK]',
  pad_token: '[PAD]',
  mask_token: '[MASK]',
};
const clip = { ...gpt2, bos_token: '<|startoftext|>', pad_token: '<|endoftext|>' };
const qwen2 = { unk_token: '<|endoftext|>', eos_token: '<|endoftext|>', pad_token: '<|endoftext|>' };

/** Patterns of the words of CLIP and of Qwen 2. */
const clipWords = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;
const qwen2Words = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Classes with RoBERTa's special tokens and template. */
const likeRoberta = /^(?:Roberta|Bart|Longformer|LED|Mvp|LayoutLMv3)$/;

/** What a class has of its own. */
interface ClassParts {
  readonly defaults: Component;
  readonly normalizer?: Component;
  readonly preTokenizer?: Component;
  readonly postProcessor?: object;
  readonly decoder?: Component;
  readonly model?: Component;
}

/**
 * The tokenizer.json that stands for a `vocab.json` with its `merges.txt`: GPT-2's byte-level BPE, or that of RoBERTa and
 * its kin, DeBERTa, CLIP or Qwen 2 by `tokenizer_class`. Throws an Error that says what is wrong in a file.
 */
export function byteLevelForm(vocabText: string, mergesText: string, config: Component): TokenizerForm {
  const name = classOf(config.tokenizer_class, 'vocab.json');
  const vocab = readVocab(vocabText);
  const merges = mergesText.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '' || (i === 0 && line.startsWith('#version'))) return [];
    const pair = line.trim().split(' ');
    if (pair.length !== 2) {
      throw new Error(`merges.txt, line ${i + 1}: expected two tokens, got ${JSON.stringify(line)}`);
    }
    return [pair];
  });
  const spaced = config.add_prefix_space === true;
  const parts = partsOf(name, config, vocab);
  return {
    description: {
      added_tokens: [],
      normalizer: parts.normalizer ?? null,
      pre_tokenizer: parts.preTokenizer ?? byteLevel(spaced, true),
      post_processor: parts.postProcessor ?? null,
      decoder: parts.decoder ?? byteLevel(true, true),
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: '',
        end_of_word_suffix: '',
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        ...parts.model,
        vocab,
        merges,
      },
    },
    defaults: parts.defaults,
  };
}

const byteLevel = (spaced: boolean, useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: spaced,
  trim_offsets: true,
  use_regex: useRegex,
});

function partsOf(name: string, config: Component, vocab: Readonly<Record<string, number>>): ClassParts {
  const spaced = config.add_prefix_space === true;
  const named = (role: string, defaults: Readonly<Record<string, string>>): [token: string, id: number] => {
    const token = contentOf(config[role] ?? defaults[role]);
    const id = Object.hasOwn(vocab, token) ? vocab[token] : undefined;
    if (id === undefined) throw new Error(`vocab.json: expected the token ${token}`);
    return [token, id];
  };
  const around = (sep: [string, number], cls: [string, number], trim: boolean) => ({
    type: 'RobertaProcessing',
    sep,
    cls,
    trim_offsets: trim,
    add_prefix_space: spaced,
  });
  const split = (source: string, behavior: string, invert: boolean) => ({
    type: 'Split',
    pattern: { Regex: source },
    behavior,
    invert,
  });
  if (likeRoberta.test(name)) {
    const processor = around(named('sep_token', roberta), named('cls_token', roberta), config.trim_offsets !== false);
    return { defaults: roberta, postProcessor: processor };
  }
  switch (name) {
    case 'Deberta': {
      const [[cls], [sep]] = [named('cls_token', deberta), named('sep_token', deberta)];
      const idOf = (token: string) => vocab[token]!;
      const pair = `${cls} $A ${sep} ${sep} $B ${sep}`;
      return { defaults: deberta, postProcessor: untypedProcessor(`${cls} $A ${sep}`, pair, idOf) };
    }
    case 'CLIP':
      return {
        defaults: clip,
        normalizer: {
          type: 'Sequence',
          normalizers: [
            { type: 'NFC' },
            { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
            { type: 'Lowercase' },
          ],
        },
        preTokenizer: {
          type: 'Sequence',
          pretokenizers: [split(clipWords, 'Removed', true), byteLevel(false, true)],
        },
        postProcessor: around(named('eos_token', clip), named('bos_token', clip), false),
        // what `transformers` does behind the library's decoder
        decoder: {
          type: 'Sequence',
          decoders: [
            byteLevel(true, true),
            { type: 'Replace', pattern: { String: '</w>' }, content: ' ' },
            { type: 'Strip', content: ' ', start: 0, stop: 1 },
          ],
        },
        model: { unk_token: named('unk_token', clip)[0], end_of_word_suffix: '</w>' },
      };
    case 'Qwen2':
      return {
        defaults: qwen2,
        normalizer: { type: 'NFC' },
        preTokenizer: {
          type: 'Sequence',
          pretokenizers: [split(qwen2Words, 'Isolated', false), byteLevel(spaced, false)],
        },
      };
    default:
      return { defaults: gpt2 };
  }
}

function readVocab(text: string): Readonly<Record<string, number>> {
  let vocab: unknown;
  try {
    vocab = JSON.parse(text);
  } catch {}
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0;
  if (typeof vocab !== 'object' || vocab === null || !Object.values(vocab).every(isId)) {
    throw new Error('vocab.json: expected an object of tokens and their ids');
  }
  return vocab as Readonly<Record<string, number>>;
}
