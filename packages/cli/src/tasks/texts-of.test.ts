import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RowColumns } from '@slm-compress/text';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { textsOf } from './texts-of.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'texts-of-'));
  const write = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content);
  write('notes.csv', 'Said,Room,Answer\none,garden,eins\n"two, too",hall,zwei\n');
  const chat = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'yes?' },
  ];
  write('chats.jsonl.gz', gzipSync(`${JSON.stringify({ talk: chat, body: 'a chat' })}\n`));
  write('more.txt', 'three\nfour\n');
  write('notes.yaml', 'data:\n  source: notes.csv\n  columns: { text: Said, label: Room }\n');
  write('pairs.yaml', 'data:\n  source: notes.csv\n  columns: { text: Said, pair: Answer, label: Room }\n');
  write('chats.yaml', 'data:\n  source: chats.jsonl.gz\n  columns: { messages: talk }\n');
  write('both.yaml', 'data:\n  source: notes.csv\n  unlabelled: more.txt\n  columns: { label: Room }\n');
  write('mails.yaml', 'data:\n  source: npm:spam-assassin\n');
  mkdirSync(join(folder, 'parts'));
  write('parts/train.jsonl', '{"text":"learned"}\n');
  write('parts/test.jsonl', '{"text":"kept back"}\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function all(path: string, columns?: RowColumns): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const text of textsOf(path, columns)) texts.push(text);
  return texts;
}
const read = (name: string, columns?: RowColumns) => all(join(folder, name), columns);

it('reads files with columns by name, chats one text a message, and the training part of a folder', async () => {
  expect(await read('notes.csv', { text: 'Said' })).toEqual(['one', 'two, too']);
  expect(await read('chats.jsonl.gz', { messages: 'talk' })).toEqual(['hi', 'yes?']);
  expect(await read('*.txt')).toEqual(['three', 'four']);
  expect(await read('parts')).toEqual(['learned']);
});

it('reads what a recipe names, unlabelled texts and both of a pair too, from other columns when told', async () => {
  expect(await read('notes.yaml')).toEqual(['one', 'two, too']);
  expect(await read('pairs.yaml')).toEqual(['one', 'eins', 'two, too', 'zwei']);
  expect(await read('chats.yaml')).toEqual(['hi', 'yes?']);
  expect(await read('chats.yaml', { text: 'body' })).toEqual(['a chat']);
  expect(await read('both.yaml', { text: 'Room' })).toEqual(['garden', 'hall', 'three', 'four']);
});

it('refuses npm packages, missing columns and missing recipes', async () => {
  await expect(read('mails.yaml')).rejects.toMatchObject({ code: 'DATA_SOURCE' });
  await expect(all('npm:spam-assassin')).rejects.toMatchObject({ code: 'DATA_SOURCE' });
  await expect(read('notes.csv', { text: 'None' })).rejects.toMatchObject({ code: 'DATA_COLUMN' });
  await expect(read('none.yaml')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
