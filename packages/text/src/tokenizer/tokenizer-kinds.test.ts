import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer, type TextTokenizer } from '../tokenizer.ts';

/** Made by Hugging Face's Rust library: bench/peers/tokenizer-kind-goldens.py. */
const golden = JSON.parse(await readFile(new URL('../../goldens/tokenizer-kinds.json', import.meta.url), 'utf8')) as {
  readonly texts: readonly string[];
  readonly models: Readonly<Record<string, object>>;
  readonly kinds: readonly {
    readonly kind: string;
    readonly model: string;
    readonly description: object;
    /** Of each text the ids with special tokens, and from and to of each token without. */
    readonly texts: readonly (readonly [ids: readonly number[], offsets: readonly number[]])[];
  }[];
};

it('has every kind and the scripts that are hard', () => {
  expect(golden.kinds.map(({ kind }) => kind)).toHaveLength(19);
  const all = golden.texts.join('');
  for (const script of [/\p{sc=Han}/u, /\p{sc=Hira}/u, /\p{sc=Thai}/u, /\p{sc=Arab}/u, /\p{Extended_Pictographic}/u]) {
    expect(all).toMatch(script);
  }
});

describe.each(golden.kinds)('a tokenizer of the kind $kind', ({ model, description, texts }) => {
  let folder = '';
  let tokenizer: TextTokenizer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kind-'));
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...description, model: golden.models[model] }));
    tokenizer = await loadTokenizer(folder);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives the ids that the Rust library gives', () => {
    const ids = golden.texts.map((text) => [...tokenizer.encode(text, { maxLength: 10_000 }).ids]);
    expect(ids).toEqual(texts.map(([expected]) => expected));
  });

  it('gives the places that the Rust library gives', () => {
    expect(golden.texts.map((text) => tokenizer.align(text).offsets.flat())).toEqual(
      texts.map(([, offsets]) => offsets),
    );
  });
});
