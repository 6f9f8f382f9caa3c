import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { createRng } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bertWords } from './bert-words.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';
import { writeTokenizer } from './tokenizer-files.ts';
import { trainWordPiece } from './wordpiece.ts';

const goldens = new URL('../goldens/', import.meta.url);
const folder = fileURLToPath(new URL('tokenizer', goldens));
/** Made by Hugging Face's Rust library: bench/peers/text-goldens.py. */
const encodings = JSON.parse(await readFile(new URL('encodings.json', goldens), 'utf8')) as readonly {
  readonly text: string;
  readonly ids: readonly number[];
  readonly cut: readonly number[];
}[];
const corpus = JSON.parse(await readFile(new URL('corpus.json', goldens), 'utf8')) as readonly string[];
let tokenizer: Tokenizer;
let inner: HuggingFaceTokenizer;
let temporary = '';
beforeAll(async () => {
  tokenizer = await loadTokenizer(folder);
  const file = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8')) as object;
  inner = new HuggingFaceTokenizer(await file('tokenizer.json'), await file('tokenizer_config.json'));
  temporary = await mkdtemp(join(tmpdir(), 'tokenizer-'));
});
afterAll(() => rm(temporary, { recursive: true }));

const encode = (text: string, maxLength = 1_000_000) => tokenizer.encode(text, { maxLength });

describe('loadTokenizer', () => {
  it('encodes and truncates as the Rust tokenizers do', () => {
    expect(encodings.length).toBeGreaterThan(300);
    for (const { text, ids, cut } of encodings) {
      expect([...encode(text).ids], JSON.stringify(text)).toEqual(ids);
      expect([...encode(text, 16).ids], JSON.stringify(text)).toEqual(cut);
      expect(encode(text, 16).truncated).toBe(ids.length > 16);
    }
  });

  it('describes itself', () => {
    expect(tokenizer).toMatchObject({ vocabSize: 500, padId: 0, maxLength: 512 });
    expect(tokenizer.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives the start of the whole encoding for long texts, whatever the white space', () => {
    const rng = createRng(6);
    const pieces = [
      'hello',
      ' ',
      '\n',
      '\t',
      '.',
      '[',
      '[SEP]',
      '中',
      'é',
      'e\u0301',
      'x'.repeat(120),
      '\u200b',
      '😀',
      '\u00a0',
      '-',
    ];
    for (let round = 0; round < 300; round++) {
      let text = '';
      for (let i = 50 + rng.integer(600); i > 0; i--) text += pieces[rng.integer(pieces.length)];
      const whole: readonly number[] = inner.encode(text).ids;
      for (const maxLength of [2, 3, 8, 33]) {
        const { ids, truncated } = encode(text, maxLength);
        expect(truncated).toBe(whole.length > maxLength);
        expect([...ids]).toEqual(truncated ? [...whole.slice(0, maxLength - 1), 3] : whole);
      }
    }
  });

  it('takes empty strings, lone surrogates, and 1 MB without a place to cut', () => {
    expect([...encode('').ids]).toEqual([2, 3]);
    expect([...encode('a\ud800b').ids]).toEqual([...encode('ab').ids]);
    for (const text of [
      'a'.repeat(1e6),
      ' '.repeat(1e6),
      '\u0301'.repeat(1e6),
      '['.repeat(1e6),
      'no way '.repeat(150_000),
    ]) {
      expect(encode(text, 64).ids.length).toBeLessThanOrEqual(64);
    }
  });

  it('loads what it wrote, cased too', async () => {
    await writeTokenizer(temporary, trainWordPiece(corpus, { vocabSize: 300, lowercase: false, maxLength: 77 }));
    const loaded = await loadTokenizer(temporary);
    expect(loaded).toMatchObject({ vocabSize: 300, maxLength: 77 });
    expect([...loaded.encode('Hello', { maxLength: 32 }).ids]).not.toEqual([
      ...loaded.encode('hello', { maxLength: 32 }).ids,
    ]);
  });

  it('refuses a missing or damaged tokenizer and a length without room', async () => {
    await expect(loadTokenizer(join(temporary, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    const good = await readFile(join(folder, 'tokenizer.json'), 'utf8');
    for (const bad of [
      good.slice(0, 500),
      'null',
      '[]',
      '{}',
      '{"model":{"vocab":{}}}',
      good.replace('BertNormalizer', 'Nothing'),
      good.replaceAll('[PAD]', '[P]'),
    ]) {
      await writeFile(join(temporary, 'tokenizer.json'), bad);
      await expect(loadTokenizer(temporary), bad.slice(0, 30)).rejects.toMatchObject({ code: 'TOKENIZER_CORRUPT' });
    }
    await writeFile(join(temporary, 'tokenizer.json'), good);
    await writeFile(join(temporary, 'tokenizer_config.json'), '[');
    await expect(loadTokenizer(temporary)).rejects.toMatchObject({ code: 'TOKENIZER_CORRUPT' });
    expect(() => encode('a', 1)).toThrow(expect.objectContaining({ code: 'TOKENIZER_OPTION' }));
  });
});

it('bertWords splits as the Hugging Face normalizer and pre-tokenizer do', () => {
  for (const { text } of encodings) {
    const clean = text.replace(/\[(CLS|SEP|PAD|UNK|MASK)\]/g, '');
    const theirs = inner.pre_tokenizer!.pre_tokenize_text(inner.normalizer!.normalize(clean), {});
    expect(bertWords(clean, true), JSON.stringify(clean)).toEqual(theirs);
  }
});
