import { mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModel } from '@slm-compress/onnx';
import { fromHfConfig, toHfConfig } from '@slm-compress/trainer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededClassifier } from '../../test/zoo.ts';
import { modelDigest } from './model-digest.ts';
import { readManifest, readModelFolder, writeModelFolder } from './model-folder.ts';

const { model, config } = seededClassifier({ hiddenSize: 32, heads: 1, vocabSize: 64 });
const contents = {
  model,
  config: toHfConfig(config),
  tokenizer: { 'tokenizer.json': '{"model":{}}', 'tokenizer_config.json': '{"model_max_length":128}' },
  card: '# A spam filter\n',
  manifest: { seed: 1, parent: 'abc' },
} as const;
let base: string;
let folder: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'slm-folder-'));
  folder = join(base, 'models', 'student');
});
afterEach(() => rm(base, { recursive: true }));

describe('model folder', () => {
  it('is read as it was written', async () => {
    const manifest = await writeModelFolder(folder, contents);
    const read = await readModelFolder(folder);
    expect(read.manifest).toEqual(manifest);
    expect(read.manifest).toMatchObject({ version: 1, seed: 1, parent: 'abc', file: 'onnx/model.onnx' });
    expect(modelDigest(read.model)).toBe(modelDigest(model));
    expect(manifest.files['onnx/model.onnx']!.sha256).toBe(modelDigest(model));
    expect(fromHfConfig(read.config)).toMatchObject({ hiddenSize: 32, labels: ['ham', 'spam'], pooling: 'mean' });
    expect(read.card).toBe(contents.card);
    expect(await readFile(read.modelPath)).toEqual(Buffer.from(encodeModel(model)));
  });

  it('has the same bytes when written again, leaves nothing beside it and drops old files', async () => {
    await writeModelFolder(folder, { ...contents, file: 'onnx/model_quantized.onnx' });
    await writeModelFolder(folder, contents);
    const first = await readFile(join(folder, 'manifest.json'));
    await writeModelFolder(folder, contents);
    expect(await readFile(join(folder, 'manifest.json'))).toEqual(first);
    expect(await readdir(join(base, 'models'))).toEqual(['student']);
    expect(await readdir(join(folder, 'onnx'))).toEqual(['model.onnx']);
  });

  it('copies the tokenizer of another folder', async () => {
    await writeModelFolder(folder, contents);
    const other = join(base, 'other');
    await writeModelFolder(other, { ...contents, tokenizer: folder });
    expect(await readFile(join(other, 'tokenizer_config.json'), 'utf8')).toBe('{"model_max_length":128}');
    await expect(readModelFolder(other)).resolves.toMatchObject({ card: contents.card });
  });

  it('writes a tokenizer in an older form as tokenizer.json, and keeps its chat template', async () => {
    const older = join(base, 'older');
    await mkdir(older);
    await writeFile(join(older, 'vocab.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n');
    await writeFile(join(older, 'chat_template.jinja'), 'x');
    await writeModelFolder(folder, { ...contents, tokenizer: older });
    expect(JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')).model.vocab).toMatchObject({ a: 5 });
    expect(JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')).chat_template).toBe('x');
    await writeFile(join(older, 'vocab.txt'), 'a\n');
    await expect(writeModelFolder(folder, { ...contents, tokenizer: older })).rejects.toMatchObject({
      code: 'TOKENIZER_CORRUPT',
    });
    await unlink(join(older, 'vocab.txt'));
    await expect(writeModelFolder(folder, { ...contents, tokenizer: older })).rejects.toMatchObject({
      code: 'MODEL_FOLDER_TOKENIZER',
    });
  });

  it('keeps the old folder when writing fails', async () => {
    await writeModelFolder(folder, contents);
    const impossible = { 'tokenizer.json': '{}', 'a\0b': 'no such file name' };
    await expect(writeModelFolder(folder, { ...contents, card: 'new', tokenizer: impossible })).rejects.toThrow();
    expect((await readModelFolder(folder)).card).toBe(contents.card);
    expect(await readdir(join(base, 'models'))).toEqual(['student']);
  });

  it('refuses a tokenizer without tokenizer.json', async () => {
    for (const tokenizer of [{ 'vocab.txt': '' }, join(base, 'nowhere')]) {
      await expect(writeModelFolder(folder, { ...contents, tokenizer })).rejects.toMatchObject({
        code: 'MODEL_FOLDER_TOKENIZER',
      });
    }
  });

  it('says what is missing', async () => {
    await expect(readModelFolder(folder)).rejects.toMatchObject({ code: 'MODEL_FOLDER_MISSING' });
    await writeModelFolder(folder, contents);
    await unlink(join(folder, 'tokenizer.json'));
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: 'MODEL_FOLDER_MISSING',
      message: expect.stringContaining('tokenizer.json: expected a file of a model folder'),
    });
    await unlink(join(folder, 'manifest.json'));
    await expect(readModelFolder(folder)).rejects.toMatchObject({ code: 'MODEL_FOLDER_MISSING' });
  });

  it.each([
    ['config.json', '{"model_type": "other"}', /config\.json: expected sha256/],
    ['manifest.json', 'not json', /manifest\.json: expected a JSON object/],
    ['manifest.json', '{"version": 7}', /expected version 1, got 7/],
    ['manifest.json', '{"version": 1}', /expected "file" to be a path/],
    ['manifest.json', '{"version": 1, "file": "x", "files": {"x": 3}}', /a sha256 for each file/],
    ['manifest.json', '{"version": 1, "file": "x", "files": {}}', /expected it to list config\.json/],
    ['manifest.json', '{"version": 1, "file": "x", "files": {"../x": {"sha256": ""}}}', /outside the folder/],
  ])('refuses a damaged %s: %s', async (name, text, message) => {
    await writeModelFolder(folder, contents);
    await writeFile(join(folder, name), text);
    const attempt = readModelFolder(folder);
    await expect(attempt).rejects.toMatchObject({
      code: 'MODEL_FOLDER_CORRUPT',
      message: expect.stringMatching(message),
    });
  });

  it('reads the manifest alone', async () => {
    await writeModelFolder(folder, contents);
    expect((await readManifest(folder)).seed).toBe(1);
    await mkdir(join(base, 'empty'));
    await expect(readManifest(join(base, 'empty'))).rejects.toMatchObject({ code: 'MODEL_FOLDER_MISSING' });
  });
});
