import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MakeTask } from '../make.ts';
import { checkDataOut, checkOut, checkTokenizerOut, requireWritable } from './check-out.ts';
import { makeFolder, plainPath } from './make-folder.ts';

let root = '';
let model = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'check-out-'));
  model = join(root, 'model');
  await mkdir(join(model, 'data'), { recursive: true });
  await writeFile(join(model, 'manifest.json'), '{"version":1,"files":{}}');
  await symlink(model, join(root, 'link'));
  await writeFile(join(root, 'file'), 'x');
});
afterAll(() => rm(root, { recursive: true }));

const common = { seed: 1, workers: 1 };
const quantize = (from: string, out: string) => ({ ...common, kind: 'quantize', from, out, options: {} }) as MakeTask;

it('refuses an out that is an input, however it is written', async () => {
  const tasks: readonly MakeTask[] = [
    quantize(model, model),
    quantize(model, `${model}/.`),
    quantize(model, `${model}/data/..`),
    quantize(model, join(root, 'link')),
    quantize(join(root, 'link'), model),
    { ...common, kind: 'prune', from: model, out: model, options: {} } as unknown as MakeTask,
    { ...common, kind: 'prune', from: 'other', teacher: model, out: model, options: {} } as unknown as MakeTask,
    { ...common, kind: 'distill', teacher: model, out: model, options: {} } as unknown as MakeTask,
    { ...common, kind: 'train', data: join(model, 'data'), out: model, options: {} } as unknown as MakeTask,
  ];
  for (const task of tasks) {
    await expect(checkOut(task), JSON.stringify(task)).rejects.toMatchObject({ code: 'OUT_IS_INPUT' });
  }
  const work = makeFolder(quantize(model, `${model}/.`), new AbortController().signal);
  await expect(work.next()).rejects.toMatchObject({ code: 'OUT_IS_INPUT' });
  expect(await readFile(join(model, 'manifest.json'), 'utf8')).toBe('{"version":1,"files":{}}');
});

it('takes slashes and dots off the end of an out, so that X.data lies beside X', () => {
  for (const out of ['a/b', 'a/b/', 'a/b/.', './a/b//']) expect(plainPath(out)).toBe(join('a', 'b'));
});

it('allows a folder beside the input, also one whose name begins with it', async () => {
  await checkOut(quantize(model, `${model}-int8`));
  await checkOut(quantize(`${model}-fp32`, model));
  const prepared = join(root, 'new.data');
  await mkdir(prepared);
  await writeFile(join(prepared, 'dataset.json'), '{}');
  await checkOut({
    ...common,
    kind: 'train',
    options: {},
    data: prepared,
    out: join(root, 'new'),
  } as unknown as MakeTask);
});

it('refuses raw data in the folder that its prepared texts replace', async () => {
  const data = join(root, 'raw.data', 'rows.csv');
  await mkdir(join(root, 'raw.data'));
  await writeFile(data, 'text,label\n');
  const task = { ...common, kind: 'train', options: {}, data, out: join(root, 'raw') } as unknown as MakeTask;
  await expect(checkOut(task)).rejects.toMatchObject({ code: 'OUT_IS_INPUT' });
});

it('names a path that can not be written', async () => {
  await expect(checkOut(quantize(model, join(root, 'file', 'x')))).rejects.toMatchObject({
    code: 'OUT_UNWRITABLE',
    message: expect.stringMatching(/file: expected a folder that can be written, got ENOTDIR \(/),
  });
  await expect(checkOut(quantize(model, join(root, 'file', 'x', 'y')))).rejects.toMatchObject({
    code: 'OUT_UNWRITABLE',
    message: expect.stringContaining('got ENOTDIR (name another --out)'),
  });
  await expect(requireWritable(join(root, 'file'))).rejects.toMatchObject({ code: 'OUT_UNWRITABLE' });
});

it.skipIf(process.platform !== 'linux')('refuses a file system that takes no folders, and does not hang', async () => {
  await expect(requireWritable('/proc/x')).rejects.toMatchObject({ code: 'OUT_UNWRITABLE' });
});

it('refuses to write a tokenizer over the one it is made from, or into a file', async () => {
  const vocabulary = join(root, 'file');
  await expect(checkTokenizerOut(root, [vocabulary])).rejects.toMatchObject({ code: 'OUT_IS_INPUT' });
  await expect(checkTokenizerOut(model, [join(root, 'link')])).rejects.toMatchObject({ code: 'OUT_IS_INPUT' });
  await expect(checkTokenizerOut(vocabulary, [model])).rejects.toMatchObject({ code: 'OUT_UNWRITABLE' });
  await expect(checkTokenizerOut(join(root, 'new'), [vocabulary, model])).resolves.toBeUndefined();
});

it('refuses to replace another kind of folder, or one with files of others in it', async () => {
  const folder = async (name: string, kind: string, ...others: string[]) => {
    const path = join(root, name);
    await mkdir(join(path, 'onnx'), { recursive: true });
    await writeFile(
      join(path, 'manifest.json'),
      JSON.stringify({ version: 1, kind, files: { 'README.md': {}, 'onnx/a.onnx': {} } }),
    );
    for (const file of ['README.md', 'onnx/a.onnx', ...others]) await writeFile(join(path, file), 'x');
    return path;
  };
  const trained = await folder('trained', 'train');
  const data = await folder('prepared', 'data');
  await expect(checkOut(quantize(model, trained))).resolves.toBeUndefined();
  await expect(checkDataOut(data, [])).resolves.toBeUndefined();
  const code = 'OUT_EXISTS';
  await expect(checkDataOut(trained, [])).rejects.toMatchObject({
    code,
    message: expect.stringContaining('got a model folder'),
  });
  await expect(checkOut(quantize(model, data))).rejects.toMatchObject({
    code,
    message: expect.stringContaining('got a data folder'),
  });
  const mine = await folder('mine', 'data', 'onnx/notes.txt');
  await expect(checkDataOut(mine, [])).rejects.toMatchObject({
    code,
    message: expect.stringContaining('got also onnx/notes.txt'),
  });
  await expect(checkTokenizerOut(trained, [])).rejects.toMatchObject({ code });
  await rm(join(mine, 'manifest.json'));
  await expect(checkDataOut(mine, [])).rejects.toMatchObject({
    code,
    message: expect.stringContaining('got something else'),
  });
});

it('replaces a tokenizer in a folder of its own', async () => {
  const path = join(root, 'tokenizer');
  await mkdir(path);
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt', 'kept-ids.json'])
    await writeFile(join(path, name), '{}');
  await expect(checkTokenizerOut(path, [])).resolves.toBeUndefined();
  await writeFile(join(path, 'notes.txt'), '');
  await expect(checkTokenizerOut(path, [])).rejects.toMatchObject({ code: 'OUT_EXISTS' });
});
