import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadTokenizer, type TextTokenizer } from '../tokenizer.ts';
import { writeTokenizer } from '../tokenizer-files.ts';
import { trainTokenizer } from '../tokenizer-training/train-tokenizer.ts';
import { IGNORED_LABEL } from './ignored-label.ts';
import { openTokenFile, writeTokenFile } from './token-file.ts';
import { tokenRows } from './token-rows.ts';
import { storedRow } from './token-store.ts';

let folder: string;
let tokenizer: TextTokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-rows-'));
  const corpus = JSON.parse(await readFile(new URL('../../goldens/corpus.json', import.meta.url), 'utf8')) as string[];
  await writeTokenizer(folder, await trainTokenizer(corpus, { kind: 'bpe', vocabSize: 400, chatTemplate: 'chatml' }));
  tokenizer = await loadTokenizer(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const stored = async (rows: Parameters<typeof tokenRows>[0], chats: boolean) => {
  const path = join(folder, 'rows.tokens');
  const options = { vocabularySize: tokenizer.vocabSize, labelled: chats, tokenizer: tokenizer.digest };
  await writeTokenFile(path, tokenRows(rows, tokenizer, { chats }), options);
  return await openTokenFile(path);
};

it('of a chat the replies are learned, and their bytes count', async () => {
  const messages = [
    { role: 'user', content: 'Where is it?' },
    { role: 'assistant', content: 'In the café.' },
  ];
  const store = await stored([{ text: '', messages }], true);
  expect(store.bytes).toBe(13);
  const ids = storedRow(store, 'ids', 0);
  expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(
    tokenizer.applyChatTemplate(messages.map((m) => ({ ...m }))),
  );
  const learned = storedRow(store, 'labels', 0).filter((label) => label !== IGNORED_LABEL);
  expect(tokenizer.decode(learned, { skipSpecialTokens: false })).toBe('In the café.<|im_end|>');
});

it('of a text all is learned, however long', async () => {
  const text = 'A long café. '.repeat(500);
  const store = await stored([{ text }, { text: 'short' }], false);
  expect(store.bytes).toBe(Buffer.byteLength(text) + 5);
  expect(store.labelled).toBe(false);
  expect(tokenizer.decode(storedRow(store, 'ids', 0))).toBe(text);
});

it('a row without messages is no chat', async () => {
  await expect(stored([{ text: 'no chat' }], true)).rejects.toMatchObject({ code: 'DATA_ROW' });
});
