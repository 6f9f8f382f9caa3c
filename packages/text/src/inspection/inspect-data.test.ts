import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitsOf } from '../sources/data-files.ts';
import { loadTokenizer } from '../tokenizer.ts';
import { writeTokenizer } from '../tokenizer-files.ts';
import { trainWordPiece } from '../wordpiece.ts';
import type { DataInspection } from './data-inspection.ts';
import { inspectData } from './inspect-data.ts';
import { LengthCounter } from './lengths.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inspect-data-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, rows: readonly unknown[]) => {
  const path = join(folder, name);
  const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
};
const words =
  'the weather in our small garden was rather cold this morning and nobody wanted to water the roses or cut the old apple tree because everyone thought that it would soon rain again as it had rained on most days of that spring'.split(
    ' ',
  );
const sentence = (seed: number, length = 12) => {
  const rng = createRng(`sentence ${seed}`);
  return Array.from({ length }, () => words[rng.integer(words.length)]!).join(' ');
};
const advised = ({ advice }: DataInspection, code: string) =>
  advice.filter((item) => item.code === code).map(({ message }) => message);

describe('inspectData', () => {
  it('counts rows, classes, lengths, duplicates, contradictions and what cleaning would change', async () => {
    const good = Array.from({ length: 60 }, (_, i) => ({ text: sentence(i), label: i < 55 ? 'calm' : 'wild' }));
    const long = sentence(900, 40);
    const path = file('rows.jsonl', [
      ...good,
      { text: sentence(0).toUpperCase().replace(' ', '  '), label: 'calm' },
      { text: sentence(1), label: 'wild' },
      { text: long, label: 'calm' },
      { text: `${long} again`, label: 'wild' },
      { text: '<p>Some <b>bold</b> words &amp; more words for the garden</p>', label: 'calm' },
      { text: 'it was a cafÃ© in the garden with roses', label: 'calm' },
      { text: 'a hid\u200bden character in the morning', label: 'calm' },
      { text: '--', label: 'calm' },
      'not json',
      { label: 'no text' },
      { text: 'a row without a label in the spring' },
    ]);
    const found = await inspectData({ inputs: [{ path }] });
    expect(found).toMatchObject({
      format: 'slm-data-inspection-1',
      rows: 69,
      wrongRows: 2,
      unlabelled: 1,
      emptyRows: { rows: 1, examples: [{ where: `${path}:68`, text: '--', label: 'calm' }] },
      sample: { rows: 66, seed: 0 },
      classes: {
        labels: [
          { label: 'calm', rows: 61 },
          { label: 'wild', rows: 7 },
        ],
        majorityBaseline: 61 / 68,
        imbalanceRatio: 61 / 7,
      },
    });
    expect(found.inputs[0]!.examples[0]).toContain(`${path}:69: expected one JSON object a line`);
    expect(found.duplicates.equal).toEqual({
      groups: 2,
      rows: 2,
      complete: true,
      examples: [
        { text: expect.any(String), rows: 2, first: `${path}:1` },
        { text: expect.any(String), rows: 2, first: `${path}:2` },
      ],
    });
    expect(found.duplicates.near).toMatchObject({ groups: 1, rows: 1, compared: 66 });
    expect(found.suspiciousLabels.equal).toEqual([
      {
        rows: [
          { where: `${path}:2`, text: expect.any(String), label: 'calm' },
          { where: `${path}:62`, text: sentence(1), label: 'wild' },
        ],
        labels: { calm: 1, wild: 1 },
      },
    ]);
    expect(found.suspiciousLabels.near.map(({ labels }) => labels)).toEqual([{ calm: 1, wild: 1 }]);
    const changed = Object.fromEntries(found.cleaning.map(({ step, rows, dropped }) => [step.step, rows + dropped]));
    expect(changed).toMatchObject({ 'html-to-text': 1, mojibake: 1, invisible: 1, 'drop-empty': 0 });
    expect(found.cleaning[1]!.examples[0]).toMatchObject({
      where: `${path}:66`,
      after: 'it was a café in the garden with roses',
    });
    expect(found.outliers.longest[0]).toMatchObject({ where: `${path}:64`, characters: long.length + 6 });
    expect(found.languages[0]).toMatchObject({ language: 'en' });
    expect(found.leaks).toBeUndefined();
    expect(advised(found, 'wrong-rows')[0]).toContain('2 rows of 71 cannot be read');
    expect(advised(found, 'small-classes')).toEqual([
      '1 label with fewer than 10 rows ("wild" 7): collect more or merge them',
    ]);
    expect(advised(found, 'two-labels')[0]).toContain('1 text has two labels or more');
    expect(advised(found, 'cleaning')).toEqual([
      '1.5 % of rows hold HTML: add the step html-to-text',
      '1.5 % of rows hold wrongly decoded characters (mojibake): add the step mojibake',
      '1.5 % of rows hold control or zero-width characters: the standard steps mend it',
    ]);
  });

  it('finds rows of the test split in train, with one split a folder name', async () => {
    mkdirSync(join(folder, 'splits'));
    file(
      'splits/train.jsonl',
      Array.from({ length: 30 }, (_, i) => ({ text: sentence(i), label: 'a' })),
    );
    const test = [
      { text: `${sentence(3)}!`, label: 'a' },
      ...Array.from({ length: 9 }, (_, i) => ({ text: sentence(100 + i), label: 'b' })),
    ];
    file('splits/test.jsonl', test);
    const path = join(folder, 'splits');
    expect((await splitsOf(path)).toSorted()).toEqual(['test', 'train']);
    const inputs = ['train', 'test'].map((split) => ({ path, split, part: split }));
    const found = await inspectData({ inputs });
    expect(found.leaks).toEqual([
      {
        from: 'test',
        into: 'train',
        rows: 1,
        examples: [
          {
            a: `${path}/test.jsonl:1`,
            b: { where: `${path}/train.jsonl:4`, text: sentence(3), label: 'a' },
            similarity: 1,
          },
        ],
      },
    ]);
    expect(advised(found, 'leak')[0]).toContain('take them out of train');
  });

  it('counts tokens of a tokenizer, what a length cuts, and words it does not know', async () => {
    const texts = Array.from({ length: 40 }, (_, i) => sentence(i, 20));
    await writeTokenizer(join(folder, 'tokenizer'), trainWordPiece(texts, { vocabSize: 400 }));
    const tokenizer = await loadTokenizer(join(folder, 'tokenizer'));
    const path = file('tokens.jsonl', [...texts.map((text) => ({ text })), { text: 'garden 花園 garden' }]);
    const { tokens, advice } = await inspectData({ inputs: [{ path }], tokenizer });
    expect(tokens).toMatchObject({ tokenizer: 'given', vocabSize: tokenizer.vocabSize, texts: 41 });
    const lengths = texts.map((text) => tokenizer.encode(text, { maxLength: 1000 }).ids.length);
    const total = lengths.reduce((sum, length) => sum + length, 0) + 6;
    const at16 = tokens!.truncation.find(({ maxLength }) => maxLength === 16)!;
    expect(at16.textsCut).toBe(40 / 41);
    expect(at16.tokensLost).toBeCloseTo(lengths.reduce((sum, length) => sum + length - 16, 0) / total, 12);
    expect(tokens!.vocabulary).toMatchObject({ unknownWords: ['花園'], wordsCovered: 802 / 803 });
    expect(tokens!.vocabulary.unknownRate).toBeCloseTo(2 / (total - 2 * 41), 12);
    expect(advice.map(({ code }) => code)).toContain('no-labels');
  });

  it('samples what is costly, the same rows for the same seed, and counts all rows', async () => {
    const path = file(
      'many.jsonl',
      Array.from({ length: 300 }, (_, i) => ({ text: sentence(i, 5 + (i % 23)), label: 'ab'[i % 2] })),
    );
    const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => inspectData({ inputs: [{ path }], sample: 50, seed })));
    expect(a).toEqual(b);
    expect(a).toMatchObject({ rows: 300, sample: { rows: 50 }, duplicates: { near: { compared: 300 } } });
    expect(a!.tokens!.lengths).not.toEqual(c!.tokens!.lengths);
    await expect(inspectData({ inputs: [{ path }], signal: AbortSignal.abort(new Error('halt')) })).rejects.toThrow(
      'halt',
    );
  });

  it('takes texts without words, and refuses a file of wrong rows only', async () => {
    const found = await inspectData({ inputs: [{ path: file('blank.jsonl', [{ text: '' }, { text: '...' }]) }] });
    expect(found).toMatchObject({ rows: 2, emptyRows: { rows: 2 }, sample: { rows: 0 }, languages: [] });
    expect(found.tokens).toBeUndefined();
    await expect(inspectData({ inputs: [{ path: file('bad.jsonl', ['x']) }] })).rejects.toMatchObject({
      code: 'DATA_ROW',
    });
  });
});

describe('LengthCounter', () => {
  it('gives nearest-rank percentiles, doubling bins and what lies beyond a limit', () => {
    const counter = new LengthCounter();
    for (const length of [0, 1, 2, 3, 4, 7, 8, 20, 20, 35]) counter.add(length);
    expect(counter.account()).toEqual({
      mean: 10,
      min: 0,
      max: 35,
      percentiles: { p5: 0, p25: 2, p50: 4, p75: 20, p95: 35, p99: 35 },
      histogram: [
        { from: 0, below: 1, rows: 1 },
        { from: 1, below: 2, rows: 1 },
        { from: 2, below: 4, rows: 2 },
        { from: 4, below: 8, rows: 2 },
        { from: 8, below: 16, rows: 1 },
        { from: 16, below: 32, rows: 2 },
        { from: 32, below: 64, rows: 1 },
      ],
    });
    expect(counter.beyond(20)).toEqual({ texts: 0.1, units: 0.15 });
  });
});
