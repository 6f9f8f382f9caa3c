import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer, type TextTokenizer } from '../tokenizer.ts';
import type { TokenWindow } from './encode-text.ts';
import type { Component } from './normalizers.ts';
import { createTemplate } from './post-processor.ts';
import type { Side, TruncationStrategy } from './truncation.ts';

interface GoldenWindow {
  readonly ids: readonly number[];
  readonly types: readonly number[];
  readonly special: string;
  readonly sequences: readonly number[];
  readonly offsets: readonly number[];
}

/** Made by Hugging Face's Rust library: bench/peers/tokenizer-api-goldens.py. */
const golden = JSON.parse(await readFile(new URL('../../goldens/encode-options.json', import.meta.url), 'utf8')) as {
  readonly description: Component;
  readonly processors: Readonly<Record<string, Component | null>>;
  readonly rows: readonly {
    readonly kind: string;
    readonly text: string;
    readonly pair: string | null;
    readonly add: boolean;
    readonly room: number | null;
    readonly strategy?: TruncationStrategy;
    readonly side?: Side;
    readonly stride?: number;
    readonly error?: string;
    readonly windows?: readonly GoldenWindow[];
  }[];
};
const error = expect.objectContaining({ code: 'TOKENIZER_OPTION' });
let temporary = '';
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'encode-'));
});
afterAll(() => rm(temporary, { recursive: true }));

async function load(changes: Component, config: object = { pad_token: '</s>' }): Promise<TextTokenizer> {
  await writeFile(join(temporary, 'tokenizer.json'), JSON.stringify({ ...golden.description, ...changes }));
  await writeFile(join(temporary, 'tokenizer_config.json'), JSON.stringify(config));
  return loadTokenizer(temporary);
}

const plain = (window: TokenWindow): GoldenWindow => ({
  ids: [...window.ids],
  types: [...window.typeIds],
  special: window.specialTokensMask.join(''),
  sequences: [...window.sequences],
  offsets: window.offsets.flat(),
});

describe.each(Object.keys(golden.processors))('encode and encodeWindows with the template %s', (kind) => {
  it('are as the Rust library', async () => {
    const tokenizer = await load({ post_processor: golden.processors[kind] });
    const rows = golden.rows.filter((row) => row.kind === kind);
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const options = {
        addSpecialTokens: row.add,
        ...(row.pair === null ? {} : { pair: row.pair }),
        ...(row.room === null ? {} : { maxLength: row.room }),
        ...(row.strategy === undefined ? {} : { truncation: row.strategy }),
        ...(row.side === undefined ? {} : { truncationSide: row.side }),
        ...(row.stride === undefined ? {} : { stride: row.stride }),
      };
      const name = JSON.stringify(row);
      if (row.windows === undefined) {
        expect(() => tokenizer.encodeWindows(row.text, options), name).toThrow(error);
        continue;
      }
      const { ids, typeIds, specialTokensMask } = tokenizer.encode(row.text, options);
      const first = row.windows[0]!;
      expect([...ids], name).toEqual(first.ids);
      expect([...typeIds], name).toEqual(first.types);
      expect(specialTokensMask.join(''), name).toBe(first.special);
      const whole = tokenizer.encode(row.text, { ...options, maxLength: 1000 }).ids.length;
      expect(tokenizer.encode(row.text, options).truncated).toBe(whole > ids.length);
      if (row.pair !== null && row.strategy === 'longest_first' && whole > ids.length) {
        expect(() => tokenizer.encodeWindows(row.text, options), name).toThrow(error);
      } else {
        // in the library only the first window is sure of its types and sequences; here all are
        const windows = tokenizer.encodeWindows(row.text, options).map(plain);
        const same = row.windows.map((window, i) =>
          i === 0 ? window : { ...window, types: windows[i]?.types, sequences: windows[i]?.sequences },
        );
        expect(windows, name).toEqual(same);
      }
    }
  });
});

it('takes what the files state about truncation and padding', async () => {
  const post_processor = golden.processors.bert;
  const stated = { max_length: 5, strategy: 'OnlyFirst', direction: 'Left', stride: 1 };
  const left = await load({ post_processor, truncation: stated, padding: { direction: 'Left' } });
  expect(left).toMatchObject({ truncationSide: 'left', paddingSide: 'left' });
  const ids = (tokenizer: TextTokenizer, options?: object) => [...tokenizer.encode('a b e f g', options).ids];
  expect(ids(left)).toEqual([0, 7, 8, 9, 1]);
  expect(ids(left, { maxLength: 4 })).toEqual([0, 8, 9, 1]);
  expect(ids(left, { truncationSide: 'right' })).toEqual([0, 3, 4, 7, 1]);
  expect(left.encodeWindows('a b e f g').map((window) => [...window.ids])).toEqual([
    [0, 7, 8, 9, 1],
    [0, 3, 4, 7, 1],
  ]);
  expect([...left.encode('a b e f', { pair: 'h' }).ids]).toEqual([0, 8, 1, 10, 1]);
  const sides = { pad_token: '</s>', truncation_side: 'right', padding_side: 'right' };
  const right = await load({ post_processor, truncation: stated, padding: { direction: 'Left' } }, sides);
  expect(right).toMatchObject({ truncationSide: 'right', paddingSide: 'right' });
  expect(ids(right)).toEqual([0, 3, 4, 7, 1]);
  expect(ids(await load({ post_processor }))).toEqual([0, 3, 4, 7, 8, 9, 1]);
});

it('refuses options that are not of their kind', async () => {
  const tokenizer = await load({ post_processor: golden.processors.bert });
  for (const options of [
    { maxLength: 1 },
    { maxLength: 2.5 },
    { maxLength: Number.NaN },
    { maxLength: 9, truncation: 'first' as never },
    { maxLength: 9, truncationSide: 'middle' as never },
    { maxLength: 3, truncation: 'only_second' as const },
    { maxLength: 5, pair: 'a', truncation: 'only_second' as const },
  ]) {
    expect(() => tokenizer.encode('a b e f', options), JSON.stringify(options)).toThrow(error);
  }
  for (const stride of [-1, 3, 0.5]) {
    expect(() => tokenizer.encodeWindows('a b e f', { maxLength: 5, stride })).toThrow(error);
  }
  expect(() => tokenizer.encodeWindows('a b e f', { maxLength: 2 })).toThrow(error);
});

it('refuses post-processors it cannot follow', () => {
  const a = { Sequence: { id: 'A', type_id: 0 } };
  for (const bad of [
    { type: 'Nothing' },
    { type: 'BertProcessing', cls: ['<s>'], sep: ['</s>', 1] },
    { type: 'TemplateProcessing', single: [], special_tokens: {} },
    { type: 'TemplateProcessing', single: [a, a], special_tokens: {} },
    { type: 'TemplateProcessing', single: [a, { SpecialToken: { id: 'x', type_id: 0 } }], special_tokens: {} },
    { type: 'Sequence', processors: [golden.processors.bert, golden.processors.t5] },
  ]) {
    expect(() => createTemplate(bad as never), JSON.stringify(bad)).toThrow(/post_processor: expected/);
  }
});
