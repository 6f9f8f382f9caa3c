import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../tokenizer.ts';
import { type TokenizerFiles, writeTokenizer } from '../tokenizer-files.ts';
import { chatTemplates } from './chat-templates.ts';
import { type TokenizerTrainingOptions, trainTokenizer } from './train-tokenizer.ts';
import type { TokenizerKind } from './words.ts';

interface Golden {
  readonly kind: TokenizerKind;
  readonly corpus: string;
  readonly options: TokenizerTrainingOptions;
  readonly tokens?: readonly string[];
  readonly merges?: readonly string[];
  readonly pieces?: readonly (readonly [string, number])[];
  readonly ids?: readonly (readonly number[])[];
}

const golden = JSON.parse(readFileSync(new URL('../../goldens/trained-tokenizers.json', import.meta.url), 'utf8')) as {
  readonly corpora: Readonly<Record<string, readonly string[]>>;
  readonly probes: readonly string[];
  readonly cases: readonly Golden[];
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const parsed = (made: TokenizerFiles) => JSON.parse(made.files['tokenizer.json']);
function tokensOf(made: TokenizerFiles): readonly string[] {
  const { vocab } = parsed(made).model;
  return Array.isArray(vocab) ? vocab.map(([token]) => token) : Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]);
}

describe('the vocabulary that the tokenizers library learns', () => {
  it.each(golden.cases.map((one) => [one.kind, one.corpus, JSON.stringify(one.options), one] as const))(
    '%s %s %s',
    async (kind, corpus, _, { options, tokens, merges, pieces, ids }) => {
      const made = await trainTokenizer(golden.corpora[corpus]!, {
        ...options,
        kind,
        template: kind === 'wordpiece' ? 'cls-sep' : 'bos-eos',
      });
      if (tokens !== undefined) expect(tokensOf(made)).toEqual(tokens);
      if (merges !== undefined) {
        expect(parsed(made).model.merges.map((pair: string[]) => pair.join(' '))).toEqual(merges);
      }
      if (pieces !== undefined) {
        const expected = new Map(pieces);
        const { vocab } = parsed(made).model as { readonly vocab: [string, number][] };
        expect(new Set(vocab.map(([piece]) => piece))).toEqual(new Set(expected.keys()));
        // Characters that were pruned get the lowest score and steps of 1e-4, there in the order of a hash table.
        for (const [piece, score] of vocab) expect(Math.abs(score - expected.get(piece)!)).toBeLessThan(0.012);
      }
      if (ids === undefined) return;
      await writeTokenizer(folder, made);
      const tokenizer = await loadTokenizer(folder);
      const encoded = golden.probes.map((text) => [...tokenizer.encode(text, { maxLength: 512 }).ids]);
      if (tokens !== undefined) expect(encoded).toEqual(ids);
      else {
        const byOurs = encoded.map((row) => row.map((id) => tokensOf(made)[id]));
        expect(byOurs).toEqual(ids.map((row) => row.map((id) => pieces![id]![0])));
      }
    },
  );
});

describe('trainTokenizer', () => {
  const { prose, languages } = golden.corpora as {
    readonly prose: readonly string[];
    readonly languages: readonly string[];
  };

  it.each(['wordpiece', 'bpe', 'metaspace-bpe', 'unigram'] as const)(
    '%s: same bytes for any order of texts and number of threads, also when texts come over time',
    async (kind) => {
      const options = { kind, vocabSize: 400, limitAlphabet: 90, maxTokenLength: 8 } as const;
      // Long enough that worker threads count.
      const texts = [...prose, ...languages];
      const many = function* (list: readonly string[]) {
        const size = list.reduce((sum, text) => sum + text.length, 0);
        for (let copies = Math.ceil(4.3e6 / size); copies > 0; copies--) yield* list;
      };
      const inline = await trainTokenizer(texts, options);
      const reversed = async function* () {
        for (const text of [...texts].reverse()) yield await text;
      };
      expect(await trainTokenizer(reversed(), options)).toEqual(inline);
      if (kind !== 'bpe') return;
      const one = await trainTokenizer(many(texts), { ...options, workers: 1 });
      expect(await trainTokenizer(many([...texts].reverse()), { ...options, workers: 3 })).toEqual(one);
      expect(tokensOf(one)).toHaveLength(400);
    },
  );

  it('writes special tokens, a template, truncation, padding and a chat template', async () => {
    const made = await trainTokenizer(prose, {
      kind: 'bpe',
      vocabSize: 300,
      template: 'bos',
      truncateTo: 16,
      padTo: 8,
      maxLength: 128,
      chatTemplate: 'chatml',
      additionalTokens: ['<tool>', '</s>'],
    });
    expect(tokensOf(made).slice(0, 7)).toEqual(['<pad>', '<s>', '</s>', '<|im_start|>', '<|im_end|>', '<tool>', '!']);
    expect(parsed(made)).toMatchObject({
      truncation: { max_length: 16 },
      padding: { strategy: { Fixed: 8 }, pad_id: 0, pad_token: '<pad>' },
      post_processor: { single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }] },
    });
    const config = JSON.parse(made.files['tokenizer_config.json']);
    expect(config).toMatchObject({
      model_max_length: 128,
      bos_token: '<s>',
      tokenizer_class: 'PreTrainedTokenizerFast',
    });
    expect(config.additional_special_tokens).toEqual(['<|im_start|>', '<|im_end|>', '<tool>']);
    const { Template } = await import('@huggingface/jinja');
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Yes?' },
    ];
    const render = (template: string, prompt: boolean) =>
      new Template(template).render({ messages, eos_token: '</s>', add_generation_prompt: prompt });
    expect(render(config.chat_template, true)).toBe(
      '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>assistant\n',
    );
    expect(render(chatTemplates['user-agent'], false)).toBe('User: Hi\nAgent: Yes?</s>\n');
  });

  it('has a token for each byte with byte fallback', async () => {
    const made = await trainTokenizer(prose, { kind: 'unigram', vocabSize: 400, byteFallback: true });
    expect(made.vocabSize).toBe(400);
    expect(parsed(made).model.byte_fallback).toBe(true);
    expect([4, 0xc3 + 4, 259].map((id) => tokensOf(made)[id])).toEqual(['<0x00>', '<0xC3>', '<0xFF>']);
  });

  it.each([
    ['a long text without a space', ['x'.repeat(3e5)]],
    ['NUL, control characters and lone surrogates', ['a\0b \0\0 c\u0001', '\ud800 x\udfff', 'a\0b']],
    ['one character', ['a']],
  ])('learns from %s', async (_, texts) => {
    for (const kind of ['wordpiece', 'bpe', 'metaspace-bpe', 'unigram'] as const) {
      const made = await trainTokenizer(texts, { kind, vocabSize: 300, minFrequency: 1 });
      expect(new Set(tokensOf(made)).size).toBe(made.vocabSize);
      expect(made.vocabSize).toBeLessThanOrEqual(300);
    }
  });

  it.each([
    ['texts: expected words', 'DATA_EMPTY', { kind: 'bpe', vocabSize: 300 }, ['', '']],
    ['texts: expected words', 'DATA_EMPTY', { kind: 'wordpiece', vocabSize: 300 }, [' \n']],
    ['vocabSize: expected at least 259', 'TOKENIZER_OPTION', { kind: 'bpe', vocabSize: 258 }, ['a']],
    ['vocabSize: expected at least 9', 'TOKENIZER_OPTION', { kind: 'wordpiece', vocabSize: 7 }, ['ab c']],
    ['vocabSize: expected at least 8', 'TOKENIZER_OPTION', { kind: 'unigram', vocabSize: 7 }, ['ab c']],
    ['vocabSize: expected an integer from 5', 'TOKENIZER_OPTION', { kind: 'unigram', vocabSize: 4 }, ['a']],
    ['maxLength: expected an integer', 'TOKENIZER_OPTION', { kind: 'bpe', vocabSize: 300, maxLength: 0 }, ['a']],
    ['vocabSize: expected at least 262', 'TOKENIZER_OPTION', { kind: 'metaspace-bpe', vocabSize: 261 }, ['a']],
    ['roles: expected unk', 'TOKENIZER_OPTION', { kind: 'metaspace-bpe', vocabSize: 300, roles: {} }, ['a']],
    ['shrinkingFactor: expected', 'TOKENIZER_OPTION', { kind: 'unigram', vocabSize: 300, shrinkingFactor: 1 }, ['a']],
    ['padTo: expected', 'TOKENIZER_OPTION', { kind: 'bpe', vocabSize: 300, padTo: 0 }, ['a']],
    ['roles: expected unk', 'TOKENIZER_OPTION', { kind: 'unigram', vocabSize: 300, roles: {} }, ['a']],
    ['roles: expected cls, sep', 'TOKENIZER_OPTION', { kind: 'bpe', vocabSize: 300, template: 'cls-sep' }, ['a']],
    ['initialAlphabet: expected', 'TOKENIZER_OPTION', { kind: 'bpe', vocabSize: 300, initialAlphabet: [' '] }, ['a']],
  ] as const)('refuses: %s (%s)', async (message, code, options, texts) => {
    await expect(trainTokenizer(texts, options)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('stops when it is told to, and passes on what the texts throw', async () => {
    const forever = function* () {
      for (;;) yield 'x y '.repeat(2 ** 18);
    };
    let passes = 0;
    const controller = new AbortController();
    const onProgress = () => {
      if (++passes === 8) controller.abort(new Error('stop'));
    };
    await expect(
      trainTokenizer(forever(), { kind: 'bpe', vocabSize: 300, signal: controller.signal, onProgress }),
    ).rejects.toThrow('stop');
    const broken = function* () {
      yield 'a';
      throw new Error('broken');
    };
    await expect(trainTokenizer(broken(), { kind: 'bpe', vocabSize: 300 })).rejects.toThrow('broken');
  });
});
