import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareData } from '../prepare.ts';

let baseDir = '';
beforeAll(async () => {
  baseDir = await mkdtemp(join(tmpdir(), 'by-script-'));
});
afterAll(() => rm(baseDir, { recursive: true }));

/** The first of the characters that texts are drawn from, and how many there are. */
const scripts = { Han: [0x4e00, 3000], Hiragana: [0x3042, 80], Thai: [0x0e01, 46] } as const;
const originals = 200;

/** Texts of clauses of 12 to 25 characters, half of them with a copy that has one character of about 120 more. */
function planted([first, count]: readonly [number, number], seed: number) {
  const rng = createRng(seed);
  const character = () => String.fromCodePoint(first + rng.integer(count));
  const clause = () => Array.from({ length: 12 + rng.integer(14) }, character).join('');
  const texts = Array.from({ length: originals }, () => Array.from({ length: 6 }, clause).join('、'));
  const copies = texts.slice(0, originals / 2).map((text) => {
    const at = Math.floor(text.length / 2);
    return text.slice(0, at) + character() + text.slice(at);
  });
  return [...texts, ...copies].map((text, i) => ({
    id: `${i < originals ? 'original' : 'copy'}/${i % originals}`,
    text,
    label: `${(i % originals) % 2}`,
  }));
}

describe.each(Object.entries(scripts))('near-duplicates in %s', (name, script) => {
  it('are found, and nothing else is', async () => {
    const rows = planted(script, 7);
    await writeFile(join(baseDir, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const { account } = await prepareData({ baseDir, inputs: [{ path: `${name}.jsonl` }], seed: 1 });
    // Each copy goes with its original: recall and precision are 1.
    expect(account.dropped).toMatchObject({ 'exact-duplicate': 0, 'near-duplicate': originals / 2 });
    expect(account.duplicates.groups).toBe(originals / 2);
    expect(account.kept).toBe(originals);
  });

  it('are taken out of train where they are in a test given', async () => {
    const rows = planted(script, 8);
    const write = (file: string, part: string) =>
      writeFile(
        join(baseDir, file),
        rows
          .filter(({ id }) => id.startsWith(part))
          .map((row) => `${JSON.stringify(row)}\n`)
          .join(''),
      );
    await Promise.all([write(`${name}-train.jsonl`, 'original'), write(`${name}-test.jsonl`, 'copy')]);
    const options = {
      baseDir,
      inputs: [{ path: `${name}-train.jsonl` }],
      test: [{ path: `${name}-test.jsonl` }],
      seed: 1,
    };
    const { test, train, account } = await prepareData(options);
    // Nothing that is tested is altered or dropped.
    expect(test.map(({ text }) => text)).toEqual(
      rows.filter(({ id }) => id.startsWith('copy')).map(({ text }) => text),
    );
    expect(account.dropped.contaminated).toBe(originals / 2);
    expect(train.every(({ id }) => Number(id.split('/')[1]) >= originals / 2)).toBe(true);
  });
});

it('with shingles of words a clause without spaces is one word, and no copy is found', async () => {
  const rows = planted(scripts.Han, 7);
  await writeFile(join(baseDir, 'words.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const duplicates = { shingles: 'words' } as const;
  const { account } = await prepareData({ baseDir, inputs: [{ path: 'words.jsonl' }], seed: 1, duplicates });
  expect(account.dropped['near-duplicate']).toBeLessThan(5);
});
