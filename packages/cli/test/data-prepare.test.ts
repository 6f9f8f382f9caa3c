import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slmCompress } from './command.ts';
import { tinyRecipe, tinyRows } from './tiny-recipe.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-prepare-'));
  const line = ({ id, text, label }: { id: string; text: string; label: string }) => `${id},"${text}",${label}\n`;
  const rows = tinyRows(120);
  const table = (name: string, some: typeof rows, more = '') =>
    writeFileSync(join(folder, name), `key,said,room\n${some.map(line).join('')}${more}`);
  table('train.csv', rows.slice(0, 100), 'bad line\n');
  // One of them occurs in train.csv.
  table('test.csv', rows.slice(99));
  writeFileSync(
    join(folder, 'data.yaml'),
    'data:\n  source: train.csv\n  columns: { text: said, label: room, id: key }\n  onBadRow: drop\n  test: test.csv\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const prepare = (...args: readonly string[]) => slmCompress(['data', 'prepare', ...args], { cwd: folder });
const named = ['--text', 'said', '--label', 'room', '--id', 'key', '--on-bad-row', 'drop'];

describe('data prepare', () => {
  test('accounts for every row as tables, once for the same data', async () => {
    const args = ['train.csv', ...named, '--test', 'test.csv', '--near', '.9', '--out', 'made'];
    const { stdout, code } = await prepare(...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^train {2}made\n\ntrain {2}101 rows read, 99 kept\n {2}train\.csv {2}100 rows of 1 files\n/,
    );
    expect(stdout).toContain(
      'in validation or test: 1 rows of similarity 0.9 or more, 1 of them equal; they hit 1 rows',
    );
    expect(stdout).toMatch(/\nbad-row +1 +0\.99 % +train\.csv:102: expected 3 fields, got 1/);
    expect(stdout).toMatch(/\ncontaminated +1 +0\.99 % +row-0099 ~ row-0099 1\.00: /);
    expect(stdout).toMatch(/\nlabel +train +validation +test\ngarden +\d+ +\d+ +\d+\n/);
    expect(stdout).toMatch(/\nall +85 +14 +21\n\ndigest [0-9a-f]{64}\n$/);
    const again = await prepare(...args);
    expect(again.stdout).toBe(stdout.replace('train  made', 'train  made  unchanged'));
  });

  test('a recipe, its flags and train make the same data', async () => {
    const byRecipe = await prepare('data.yaml', '--out', 'by-recipe', '--json');
    const byFlags = await prepare('train.csv', ...named, '--test', 'test.csv', '--out', 'by-flags', '--json');
    const result = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(result(byRecipe.stdout)).toEqual({ ...result(byFlags.stdout), folder: 'by-recipe' });
    expect(result(byRecipe.stdout)).toMatchObject({
      kind: 'result',
      status: 'done',
      task: 'classification',
      counts: { train: 85, validation: 14, test: 21, unlabelled: 0 },
    });
    const small = ['--layers', '1', '--hidden-size', '8', '--heads', '1', '--intermediate-size', '8', '--epochs', '1'];
    const trained = await slmCompress(
      ['train', 'data.yaml', '--out', 'model', '--vocab-size', '150', '--max-length', '16', ...small],
      { cwd: folder },
    );
    expect(trained.code, trained.stderr).toBe(0);
    const digest = (name: string) => JSON.parse(readFileSync(join(folder, name, 'dataset.json'), 'utf8')).digest;
    expect(digest('model.data')).toBe(digest('by-flags'));
    for (const data of ['data.yaml', 'by-flags']) {
      const { stdout, code } = await slmCompress(['eval', 'model', '--data', data], { cwd: folder });
      expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: 'model on 21 texts of test' });
    }
  });

  test.each([
    [1, 'error FILE_NOT_FOUND: ', ['none.csv', '--out', 'x']],
    [1, 'error DATA_COLUMN: ', ['train.csv', '--text', 'sayd', '--label', 'room', '--out', 'x']],
    [1, 'error DATA_ROW: ', ['train.csv', '--text', 'said', '--label', 'room', '--out', 'x']],
    [1, 'error OUT_EXISTS: .: expected a new folder', ['train.csv', '--out', '.']],
    [1, 'error OUT_IS_INPUT: ', ['by-flags/train.jsonl', '--out', 'by-flags']],
    [
      2,
      'expected nothing beside a recipe, which says what data there are, got --text',
      ['data.yaml', '--text', 'a', '--out', 'x'],
    ],
    [
      2,
      'split.test: expected no share for test',
      ['train.csv', '--test', 'test.csv', '--split', '70/15/15', '--out', 'x'],
    ],
    [2, 'Expected three shares', ['train.csv', '--split', '70/30', '--out', 'x']],
    [2, 'Expected a fold and the number of folds', ['train.csv', '--fold', '5', '--out', 'x']],
    [2, 'Expected a similarity above 0', ['train.csv', '--near', '2', '--out', 'x']],
    [2, 'got "htm-to-text" (did you mean "html-to-text"?)', ['train.csv', '--clean', 'htm-to-text', '--out', 'x']],
  ])('exit code %i, %s', async (expected, message, args) => {
    const { code, stderr } = await prepare(...args);
    expect(stderr).toContain(message);
    expect(code).toBe(expected);
  });

  test('--help shows examples', async () => {
    const { stdout } = await prepare('--help');
    expect(stdout).toContain('$ slm-compress data prepare mails.csv --text body --label folder --out data/mails');
  });

  test('a recipe for language models is prepared, and refused by run', async () => {
    const recipe = tinyRecipe.replace(
      'source: rows.jsonl',
      'source: train.csv\n  task: language-modelling\n  columns: { text: said }',
    );
    writeFileSync(join(folder, 'lm.yaml'), recipe.replace('data:', 'data:\n  onBadRow: drop'));
    const { stdout, code } = await prepare('lm.yaml', '--out', 'lm');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\n {7}train +validation +test\nall +60 +20 +20\n|\nlabel +train +validation +test\nall +60 +20 +20\n/,
    );
    const run = await slmCompress(['run', 'lm.yaml', '--dry-run'], { cwd: folder });
    expect(run.stderr).toContain('error DATA_TASK: data.task: expected classification, which all stages learn');
  });
});
