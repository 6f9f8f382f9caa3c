import { readFile } from 'node:fs/promises';
import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { tokenDecoder } from './decoder.ts';
import type { Component } from './normalizers.ts';
import { vocabularyOf } from './vocabulary.ts';

/** Made by Hugging Face's Rust library: bench/peers/tokenizer-api-goldens.py. */
const golden = JSON.parse(await readFile(new URL('../../goldens/decoders.json', import.meta.url), 'utf8')) as {
  readonly description: Component & { readonly model: Component };
  readonly sequences: readonly (readonly number[])[];
  readonly rows: readonly {
    readonly decoder: Component | null;
    readonly texts: readonly (string | null)[];
    readonly whole: readonly (string | null)[];
  }[];
};
const { tokens, special } = vocabularyOf(golden.description);
const tokensOf = (ids: readonly number[], skip: boolean) =>
  ids.map((id) => tokens.get(id)).filter((token) => token !== undefined && !(skip && special.has(token))) as string[];
const nameOf = (decoder: Component | null) => JSON.stringify(decoder)?.replaceAll('"', '').slice(0, 150);

describe('tokenDecoder', () => {
  it.each(golden.rows.map((row) => [nameOf(row.decoder), row] as const))(
    'decodes as the Rust library: %s',
    (_, row) => {
      const start = tokenDecoder(row.decoder);
      const text = (ids: readonly number[], skip: boolean) => {
        const decoder = start();
        const made = tokensOf(ids, skip).map((token) => decoder.push(token));
        return made.join('') + decoder.flush();
      };
      golden.sequences.forEach((ids, i) => {
        // null: the library fails there
        if (row.texts[i] !== null) expect(text(ids, true), JSON.stringify(ids)).toBe(row.texts[i]);
        if (typeof row.whole[i] === 'string') expect(text(ids, false), JSON.stringify(ids)).toBe(row.whole[i]);
      });
    },
  );

  it.each(golden.rows.map((row) => [nameOf(row.decoder), row] as const))('says only what is final: %s', (_, row) => {
    const start = tokenDecoder(row.decoder);
    const rng = createRng(5);
    const all = [...tokens.values()];
    for (let round = 0; round < 60; round++) {
      const decoder = start();
      let said = '';
      const seen: string[] = [];
      for (let i = 0; i < 12; i++) {
        const token = all[rng.integer(all.length)]!;
        seen.push(token);
        said += decoder.push(token);
        expect(said).not.toMatch(/[\ud800-\udbff]$/);
        // whatever could follow starts with what was said: here the sequence ends, or goes on with another token
        for (const next of [undefined, all[rng.integer(all.length)]!]) {
          const other = start();
          let text = '';
          for (const one of next === undefined ? seen : [...seen, next]) text += other.push(one);
          expect((text + other.flush()).startsWith(said), JSON.stringify([seen, next])).toBe(true);
        }
      }
    }
  });

  it('speaks as soon as it can', () => {
    const pushes = (decoder: Component, pieces: readonly string[]) => {
      const one = tokenDecoder(decoder)();
      return [...pieces.map((piece) => one.push(piece)), one.flush()];
    };
    expect(pushes({ type: 'ByteLevel' }, ['Hi', 'Ġ', 'Ã', '©', 'ð', 'Ł'])).toEqual([
      'Hi',
      ' ',
      '',
      'é',
      '',
      '',
      '\ufffd',
    ]);
    const llama = {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    };
    expect(pushes(llama, ['▁Hi', '▁', '<0xC3>', '<0xA9>', 'a', '<0xC3>', 'b', '<0xE2>'])).toEqual([
      'Hi',
      ' ',
      '',
      '',
      'éa',
      '',
      '\ufffdb',
      '',
      '\ufffd',
    ]);
    expect(pushes({ type: 'WordPiece', prefix: '##', cleanup: true }, ['play', '##ing', '.'])).toEqual([
      'play',
      'ing',
      '.',
      '',
    ]);
  });

  it('refuses what it does not know', () => {
    for (const bad of [
      { type: 'Nothing' },
      { type: 'Replace', pattern: { Regex: '(?>a)' }, content: '' },
      { type: 'Strip', content: '', start: 1e9, stop: 1e9 },
    ]) {
      expect(() => tokenDecoder(bad), JSON.stringify(bad)).toThrow(/(decoder|pattern): expected/);
    }
  });
});
