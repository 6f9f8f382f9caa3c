import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelFolderOf } from '../default-model.ts';
import { dataFolderOf, readEntry } from '../measure/model-entry.ts';
import { compare } from './compare.ts';

const committed = fileURLToPath(new URL('../../../../models/spam-filter/int8', import.meta.url));
let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'damaged-'));
});
afterAll(() => rm(root, { recursive: true }));

it('names a manifest.json that is JSON but no manifest where the manifest is needed', async () => {
  const folder = join(root, 'model');
  await cp(committed, folder, { recursive: true });
  await writeFile(join(folder, 'manifest.json'), '{"name":"something else"}');
  const entry = await readEntry(folder);
  await expect(dataFolderOf(entry, undefined)).rejects.toMatchObject({
    code: 'MANIFEST_INVALID',
    message: expect.stringContaining('manifest.json: expected the manifest of a stage'),
  });
  expect(await dataFolderOf(entry, root)).toBe(root);
});

it('a run whose last model has a damaged manifest is not answered by another model', async () => {
  const run = join(root, 'damaged-run');
  await mkdir(join(run, 'int8'), { recursive: true });
  await writeFile(join(run, 'int8', 'manifest.json'), '[]');
  await expect(modelFolderOf(run)).rejects.toMatchObject({
    code: 'MANIFEST_INVALID',
    message: expect.stringContaining(join(run, 'int8', 'manifest.json')),
  });
});

it('compare names a broken report.json', async () => {
  for (const [index, text] of ['{', '{"rows":1}'].entries()) {
    const folder = join(root, `run-${index}`);
    await mkdir(folder);
    await writeFile(join(folder, 'report.json'), text);
    const task = { kind: 'compare', folders: [folder, committed], seed: 1, workers: 1 } as const;
    await expect(compare(task, new AbortController().signal).next()).rejects.toMatchObject({
      code: 'REPORT_INVALID',
      message: expect.stringContaining(join(folder, 'report.json')),
    });
  }
});
