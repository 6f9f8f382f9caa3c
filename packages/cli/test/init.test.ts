import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parseRecipe } from '@slm-compress/compress';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Asker } from '../src/init/ask.ts';
import { type InitOptions, init } from '../src/init/init.ts';
import { type Finished, slmCompress } from './command.ts';
import { tinyRows } from './tiny-recipe.ts';

const rows = tinyRows(90);
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'init-'));
  const write = (name: string, text: string | Uint8Array) => writeFileSync(join(folder, name), text);
  const tables: Readonly<
    Record<string, readonly [header: string, line: (text: string, label: string, i: number) => string]>
  > = {
    'plain.csv': ['What they said,Room', (text, label) => `${text},${label}`],
    'stars.csv': ['text,price', (text, _, i) => `${text},${(i * 7919) % 1000}.5`],
    'tags.csv': [
      'text,tags',
      (text, label, i) => `${text},${[label, i % 2 && 'big', i % 3 && 'old'].filter(Boolean).join('|')}`,
    ],
    'one.csv': ['text,label', (text) => `${text},same`],
    'rare.csv': ['text,label', (text, _, i) => `${text},${i < 2 ? 'rare' : i < 40 ? 'a' : 'b'}`],
    'unsure.csv': ['text,floor,side', (text, _, i) => `${text},${'uvw'[i % 3]},${'lr'[i % 2]}`],
    'ids.csv': ['id,text,label', (text, label, i) => `${i % 30},${text},${label}`],
    'numbers.csv': ['a,b', (_, __, i) => `${i},${i * 31}`],
    'none.csv': ['text,nr', (text, _, i) => `${text},${i}`],
    'nameless.csv': [`${rows[0]!.text},${rows[0]!.label}`, (text, label) => `${text},${label}`],
    'rows.tsv': ['body\tkind', (text, label) => `<p>${text}</p>\t${label}`],
  };
  for (const [name, [header, line]] of Object.entries(tables)) {
    write(name, `${[header, ...rows.map(({ text, label }, i) => line(text, label, i))].join('\n')}\n`);
  }
  const json = rows.map(({ text, label }) => JSON.stringify({ note: text, intent: label }));
  write('rows.jsonl.gz', gzipSync(json.join('\n')));
  const names = ['garden', 'kitchen'];
  const columns = [
    { name: 'text', data: rows.map(({ text }) => text), type: 'STRING' as const },
    { name: 'label', data: rows.map(({ label }) => names.indexOf(label)), type: 'INT32' as const },
  ];
  const features = { label: { names, _type: 'ClassLabel' } };
  const note = [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }];
  write('rows.parquet', new Uint8Array(parquetWriteBuffer({ columnData: columns, kvMetadata: note })));
  for (const { id, text, label } of rows) {
    mkdirSync(join(folder, 'rooms', label), { recursive: true });
    write(join('rooms', label, `${id}.txt`), text);
  }
  mkdirSync(join(folder, 'parts'));
  const part = (from: number, to: number) =>
    rows
      .slice(from, to)
      .map(({ text, label }) => JSON.stringify({ text, label }))
      .join('\n');
  write('parts/train.jsonl', part(0, 60));
  write('parts/test.jsonl', part(60, 90));
});
afterAll(() => rmSync(folder, { recursive: true }));

const cli = (...args: readonly string[]) => slmCompress(args, { cwd: folder });
const written = (name: string) => parseRecipe(readFileSync(join(folder, name), 'utf8'), name);
const fine = ({ stderr, code }: Finished) => expect({ stderr, code }).toEqual({ stderr: '', code: 0 });

describe('init', () => {
  const make = (data: string, answers: Partial<InitOptions> = {}) =>
    init({
      data: data === '-' ? data : join(folder, data),
      out: join(folder, 'made.yaml'),
      seed: 1,
      force: false,
      size: 'tiny',
      ...answers,
    });

  test('writes a commented recipe, says what the data is, and does not replace it unasked', async () => {
    const made = await cli('init', '--data', 'plain.csv', '--size', 'tiny', '--seed', '7');
    fine(made);
    expect(made.stdout).toMatch(/^plain\.csv {2}90 rows\ntext: What they said, label: Room\n/);
    expect(made.stdout).toContain('written: recipe.yaml\nnext: slm-compress run recipe.yaml && slm-compress serve\n');
    const recipe = written('recipe.yaml');
    expect(recipe).toMatchObject({
      name: 'plain',
      seed: 7,
      data: { source: 'plain.csv', columns: { text: 'What they said', label: 'Room' } },
      report: { reference: 'teacher', final: 'int8' },
    });
    expect(recipe.stages.map(({ kind }) => kind)).toEqual(['train', 'distill', 'prune', 'quantize']);
    expect(readFileSync(join(folder, 'recipe.yaml'), 'utf8')).toContain('# A run that misses a gate');
    const again = await cli('init', '--data', 'plain.csv');
    expect(again.code).toBe(1);
    expect(again.stderr).toBe('error OUT_EXISTS: recipe.yaml: expected no file, got one (--force replaces it)\n');
    fine(await cli('init', '--data', 'plain.csv', '--size', 'tiny', '--force', '--yes'));
    expect(written('recipe.yaml').seed).toBe(42);
  });

  test.each([
    ['rows.tsv', { text: 'body', label: 'kind' }],
    ['rows.jsonl.gz', { text: 'note', label: 'intent' }],
    ['rows.parquet', { text: 'text', label: 'label' }],
    ['rooms', { text: 'text', label: 'label' }],
    ['parts', { text: 'text', label: 'label' }],
  ])('%s: a recipe whose plan is known', async (data, columns) => {
    const out = `${data}.yaml`;
    const made = await make(data, { out: join(folder, out) });
    expect(made).toMatchObject({ inspection: { rows: 90 }, recipe: { data: { columns } } });
    const planned = await cli('run', out, '--dry-run');
    fine(planned);
    expect(planned.stdout).toContain('7 of 7 stages to run');
  });

  test('cleaning that the data asks for and splits that it has are in the recipe', async () => {
    expect(written('rows.tsv.yaml').data.cleaning[0]).toEqual({ step: 'html-to-text' });
    expect(written('parts.yaml').data).toMatchObject({
      inputs: [{ path: 'parts', split: 'train' }],
      test: [{ path: 'parts', split: 'test' }],
      split: { validation: 0.15 },
    });
  });

  test.each<readonly [string, string, Partial<InitOptions>, string, string]>([
    [
      'no label column',
      'none.csv',
      {},
      'DATA_COLUMN',
      'expected a label column, few values that repeat, got text (text), nr (id)',
    ],
    ['no text column', 'numbers.csv', {}, 'DATA_COLUMN', 'expected a column of texts, got a (id), b (id)'],
    [
      'a column that is not there',
      'plain.csv',
      { label: 'Rum' },
      'DATA_COLUMN',
      '--label: expected a column, got "Rum" (there are What they said, Room)',
    ],
    [
      'two label columns',
      'unsure.csv',
      {},
      'DATA_COLUMN',
      'expected one label column, got floor, side (--label names it, --yes takes the first)',
    ],
    ['one column twice', 'plain.csv', { text: 'Room' }, 'DATA_COLUMN', 'expected a label column'],
    [
      'one column twice, named',
      'plain.csv',
      { text: 'Room', label: 'Room' },
      'DATA_COLUMN',
      'expected text and label in two columns, got "Room" for both',
    ],
    [
      'a table without a line of names',
      'nameless.csv',
      {},
      'DATA_COLUMN',
      'expected names of columns in the first line, got what looks like a row',
    ],
    [
      'ids that repeat',
      'ids.csv',
      {},
      'DATA_COLUMN',
      'expected an id of its own for every row in "id", got 30 in 90 rows',
    ],
    [
      'a quantity',
      'stars.csv',
      {},
      'DATA_LABEL',
      'expected few labels in "price", got 90 different numbers, a quantity, in 90 rows',
    ],
    [
      'several labels a row',
      'tags.csv',
      {},
      'DATA_LABEL',
      'different lists, several labels a row, in 90 rows (keep one label a row',
    ],
    [
      'free text as label',
      'plain.csv',
      { text: 'Room', label: 'What they said' },
      'DATA_LABEL',
      'got 90 different texts, in 90 rows',
    ],
    ['one class', 'one.csv', {}, 'DATA_ONE_CLASS', 'expected at least two labels, got only "same" in 90 rows'],
    [
      'too few rows',
      'rare.csv',
      {},
      'DATA_CLASS_SIZE',
      'expected at least 5 rows a label, got fewer for 1 of 3: "rare" 2 (3 more rows are needed',
    ],
    ['standard input', '-', {}, 'DATA_SOURCE', '--data: expected a file or folder that the recipe can name'],
    ['a missing file', 'gone.csv', {}, 'FILE_NOT_FOUND', 'gone.csv'],
  ])('%s: a clear error and no recipe', async (_, data, answers, code, message) => {
    await expect(make(data, answers)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(existsSync(join(folder, 'made.yaml'))).toBe(false);
  });

  test('a folder that cannot be written: a clear error', async () => {
    await expect(make('plain.csv', { out: join(folder, 'plain.csv', 'recipe.yaml') })).rejects.toMatchObject({
      code: 'OUT_UNWRITABLE',
    });
  });

  test('without anyone to ask, yes takes the first of several label columns', async () => {
    const made = await make('unsure.csv', { yes: true, force: true });
    expect(made!.recipe.data.columns).toEqual({ text: 'text', label: 'floor' });
  });

  test('a person is asked for what no flag says, and may decline', async () => {
    const asked: string[] = [];
    const asker = (answers: readonly string[], write: boolean): Asker => ({
      choice: async (question, choices) => {
        asked.push(question);
        return choices.find((choice) => answers.includes(choice)) ?? choices[0]!;
      },
      yes: async () => write,
      close: () => undefined,
    });
    const options = { data: join(folder, 'unsure.csv'), out: join(folder, 'asked.yaml'), seed: 1, force: false };
    expect(await init({ ...options, asker: asker([], false) })).toBeUndefined();
    expect(existsSync(options.out)).toBe(false);
    const made = await init({ ...options, asker: asker(['side', 'medium'], true) });
    expect(made!.recipe.data.columns?.label).toBe('side');
    expect(asked.slice(2)).toEqual(['Which column holds the label?', 'How large may the model be?']);
  });
});
