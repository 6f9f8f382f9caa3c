import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../tokenizer.ts';
import { writeTokenizer } from '../tokenizer-files.ts';
import { readTokenizerFiles } from './read-tokenizer-files.ts';

const goldens = new URL('../../goldens/forms/', import.meta.url);
const golden = async (name: string) => JSON.parse(await readFile(new URL(name, goldens), 'utf8'));
const { texts, folders } = (await golden('folders.json')) as {
  readonly texts: readonly string[];
  readonly folders: readonly {
    readonly name: string;
    readonly files: Readonly<Record<string, string>>;
    readonly written: Readonly<Record<string, object>>;
  }[];
};
/** SHA-256 of files that `tokenizers` and `transformers` load with the ids of their source: bench/peers/tokenizer-written.py. */
const digests = (await golden('written.json')) as Readonly<Record<string, string>>;
const own = folders.filter(({ files }) => Object.values(files).every((file) => file.startsWith('golden:')));
let temporary = '';
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'written-'));
});
afterAll(() => rm(temporary, { recursive: true }));

describe.each(own)('the files of a folder: $name', ({ name, files, written }) => {
  it('are those that other libraries load alike, and load here', async () => {
    const source = await mkdtemp(join(temporary, 'source-'));
    for (const [file, from] of Object.entries(files)) {
      await copyFile(fileURLToPath(new URL(from.slice('golden:'.length), goldens)), join(source, file));
    }
    for (const [file, content] of Object.entries(written)) await writeFile(join(source, file), JSON.stringify(content));
    const made = await readTokenizerFiles(source);
    const bytes = made.files['tokenizer.json'] + made.files['tokenizer_config.json'];
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(digests[name.replaceAll(/[^\w-]+/g, '-')]);
    const target = await mkdtemp(join(temporary, 'target-'));
    await writeTokenizer(target, made);
    const [before, after] = await Promise.all([loadTokenizer(source), loadTokenizer(target)]);
    expect(after.vocabSize).toBe(made.vocabSize);
    expect(after).toMatchObject({
      padId: before.padId,
      truncationSide: before.truncationSide,
      paddingSide: before.paddingSide,
    });
    for (const text of texts) {
      expect(after.encode(text), JSON.stringify(text)).toEqual(before.encode(text));
      expect(after.align(text), JSON.stringify(text)).toEqual(before.align(text));
    }
    // files of a tokenizer.json are the same again
    expect((await readTokenizerFiles(target)).files['tokenizer.json']).toBe(made.files['tokenizer.json']);
  });
});

it('keeps chat templates, lengths and sides', async () => {
  const config = { model_max_length: 9, truncation_side: 'left', padding_side: 'left', add_bos_token: true };
  await copyFile(fileURLToPath(new URL('llama.model', goldens)), join(temporary, 'tokenizer.model'));
  await writeFile(join(temporary, 'tokenizer_config.json'), JSON.stringify({ ...config, chat_template: 'd' }));
  const only = JSON.parse((await readTokenizerFiles(temporary)).files['tokenizer_config.json']);
  expect(only).toMatchObject({
    model_max_length: 9,
    truncation_side: 'left',
    padding_side: 'left',
    chat_template: 'd',
  });
  expect(only).not.toHaveProperty('add_bos_token');
  const list = [
    { name: 'default', template: 'd' },
    { name: 'tool_use', template: 't' },
  ];
  await writeFile(join(temporary, 'tokenizer_config.json'), JSON.stringify({ ...config, chat_template: list }));
  const several = JSON.parse((await readTokenizerFiles(temporary)).files['tokenizer_config.json']);
  expect(several.chat_template).toEqual(list);
  await expect(readTokenizerFiles(join(temporary, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
