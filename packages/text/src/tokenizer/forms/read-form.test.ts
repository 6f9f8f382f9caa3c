import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../tokenizer.ts';

const goldens = new URL('../../../goldens/forms/', import.meta.url);
const shared = new URL('../../../../../../shared/models/', import.meta.url);
/** What AutoTokenizer of `transformers` says, null where a converter of it says otherwise: bench/peers/tokenizer-forms.py. */
const { texts, pairs, folders } = JSON.parse(await readFile(new URL('folders.json', goldens), 'utf8')) as {
  readonly texts: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  readonly folders: readonly {
    readonly name: string;
    readonly files: Readonly<Record<string, string>>;
    readonly written: Readonly<Record<string, object>>;
    readonly size: number;
    readonly special: readonly number[];
    readonly roles: Readonly<Record<string, number>>;
    readonly ids: readonly (readonly number[] | null)[];
    readonly pairs: readonly { readonly ids: readonly number[]; readonly typeIds: readonly number[] }[];
    readonly decoded: readonly string[];
  }[];
};
let temporary = '';
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'hub-'));
});
afterAll(() => rm(temporary, { recursive: true }));

/** A file of the goldens (`golden:NAME`) or of the shared models (`shared:PATH`). */
const source = (name: string) => {
  const [kind, path] = name.split(':') as [string, string];
  return fileURLToPath(new URL(path, kind === 'shared' ? shared : goldens));
};

describe.each(folders)(
  'a folder: $name',
  ({ files, written, size, special, roles, ids, pairs: expectedPairs, decoded }) => {
    it('has the ids and special tokens that AutoTokenizer gives', async (context) => {
      for (const file of Object.values(files)) if (!existsSync(source(file))) return context.skip(`no ${source(file)}`);
      const folder = await mkdtemp(join(temporary, 'folder-'));
      for (const [name, file] of Object.entries(files)) await copyFile(source(file), join(folder, name));
      for (const [name, content] of Object.entries(written))
        await writeFile(join(folder, name), JSON.stringify(content));
      const tokenizer = await loadTokenizer(folder);
      expect(tokenizer.vocabSize).toBe(size);
      if (roles.pad !== undefined) expect(tokenizer.padId).toBe(roles.pad);
      if (roles.mask !== undefined) expect(tokenizer.maskId).toBe(roles.mask);
      expect(ids.filter((row) => row !== null).length).toBeGreaterThan(35);
      texts.forEach((text, i) => {
        const expected = ids[i];
        if (!expected) return;
        const name = JSON.stringify(text);
        expect([...tokenizer.encode(text).ids], name).toEqual(expected);
        expect(tokenizer.decode(expected, { skipSpecialTokens: false }), name).toBe(decoded[i]);
      });
      pairs.forEach(([first, pair], i) => {
        const { ids: found, typeIds } = tokenizer.encode(first, { pair });
        expect({ ids: [...found], typeIds: [...typeIds] }).toEqual(expectedPairs[i]);
      });
      for (const id of special) expect(tokenizer.decode([id]), tokenizer.tokenOf(id)).toBe('');
    });
  },
);

describe('a folder of older files', () => {
  const written = async (files: Readonly<Record<string, string>>) => {
    const folder = await mkdtemp(join(temporary, 'folder-'));
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    return folder;
  };
  const words = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n';

  it('takes length, sides and chat templates from the files beside', async () => {
    const config = {
      model_max_length: 77,
      truncation_side: 'left',
      padding_side: 'left',
      chat_template: [
        { name: 'default', template: 'd' },
        { name: 'rag', template: "{{ messages[0]['content'] }}" },
      ],
    };
    const folder = await written({ 'vocab.txt': words, 'tokenizer_config.json': JSON.stringify(config) });
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer).toMatchObject({ maxLength: 77, truncationSide: 'left', paddingSide: 'left' });
    expect([...tokenizer.encode('a b', { maxLength: 3 }).ids]).toEqual([2, 6, 3]);
    expect(tokenizer.chatTemplates).toEqual(['default', 'rag']);
    await writeFile(join(folder, 'chat_template.jinja'), "{{ messages[0]['role'] }}!");
    const again = await loadTokenizer(folder);
    expect(again.applyChatTemplate([{ role: 'user', content: 'x' }])).toBe('user!');
    expect(again.applyChatTemplate([{ role: 'user', content: 'x' }], { template: 'rag' })).toBe('x');
  });

  it('takes the class from config.json where tokenizer_config.json names none', async () => {
    const vocab = JSON.stringify(
      Object.fromEntries(['<s>', '<pad>', '</s>', '<unk>', 'a'].map((token, id) => [token, id])),
    );
    const files = { 'vocab.json': vocab, 'merges.txt': '#version: 0.2\n' };
    const idsOf = async (more: Readonly<Record<string, string>>) => {
      const tokenizer = await loadTokenizer(await written({ ...files, ...more }));
      return [...tokenizer.encode('a').ids, tokenizer.vocabSize];
    };
    // nothing is added to a vocabulary whose class nobody names
    expect(await idsOf({})).toEqual([4, 5]);
    expect(await idsOf({ 'config.json': '{"model_type": "roberta"}' })).toEqual([0, 4, 2, 6]);
    expect(await idsOf({ 'config.json': '{"model_type": "bert", "tokenizer_class": "BartTokenizer"}' })).toEqual([
      0, 4, 2, 6,
    ]);
    expect(
      await idsOf({
        'config.json': '{"model_type": "roberta"}',
        'tokenizer_config.json': '{"tokenizer_class": "GPT2Tokenizer"}',
      }),
    ).toEqual([4, 6]);
  });

  it('prefers tokenizer.json, then vocab.txt, and is named file by file', async () => {
    const folder = await written({ 'vocab.txt': words, 'vocab.json': '{"a": 0, "</s>": 1}', 'merges.txt': '' });
    expect((await loadTokenizer(folder)).vocabSize).toBe(7);
    expect([...(await loadTokenizer(join(folder, 'vocab.json'))).encode('aa').ids]).toEqual([0, 0]);
    await rm(join(folder, 'merges.txt'));
    await expect(loadTokenizer(join(folder, 'vocab.json'))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('merges.txt'),
    });
    await expect(loadTokenizer(await written({ 'vocab.json': '{"a": 0}' }))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });

  it.each([
    ['vocab.txt: expected the token [CLS]', { 'vocab.txt': '[UNK]\na\n' }],
    ['vocab.json: expected an object of tokens and their ids', { 'vocab.json': '["a"]', 'merges.txt': '' }],
    ['vocab.json: expected an object of tokens and their ids', { 'vocab.json': '{"a": 1', 'merges.txt': '' }],
    ['merges.txt, line 2: expected two tokens', { 'vocab.json': '{"a": 0}', 'merges.txt': '#version: 0.2\na a a\n' }],
    [
      'joins or makes a token that is not in the vocabulary',
      { 'vocab.json': '{"a": 0, "</s>": 1}', 'merges.txt': 'a b\n' },
    ],
    [
      'vocab.json: expected the token </s>',
      {
        'vocab.json': '{"a": 0}',
        'merges.txt': '',
        'tokenizer_config.json': '{"tokenizer_class": "RobertaTokenizer"}',
      },
    ],
    [
      'tokenizer_class: expected a class whose ids are known here, got WhisperTokenizer',
      {
        'vocab.json': '{"a": 0}',
        'merges.txt': '',
        'tokenizer_config.json': '{"tokenizer_class": "WhisperTokenizer"}',
      },
    ],
    [
      'tokenizer_class: expected a class whose ids are known here, got EsmTokenizer',
      { 'vocab.txt': words, 'tokenizer_config.json': '{"tokenizer_class": "EsmTokenizer"}' },
    ],
    ['added_tokens.json: expected a JSON object', { 'vocab.txt': words, 'added_tokens.json': '[]' }],
    ['added_tokens.json: expected the id of "x"', { 'vocab.txt': words, 'added_tokens.json': '{"x": "y"}' }],
    [
      'added_tokens_decoder: expected a token with content for 9',
      { 'vocab.txt': words, 'tokenizer_config.json': '{"added_tokens_decoder": {"9": {}}}' },
    ],
  ])('refuses what is wrong: %s', async (message, files) => {
    await expect(loadTokenizer(await written(files))).rejects.toMatchObject({
      code: 'TOKENIZER_CORRUPT',
      message: expect.stringContaining(message),
    });
  });
});
