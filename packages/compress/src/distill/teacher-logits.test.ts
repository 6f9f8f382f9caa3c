import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, type Engine } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededClassifier, seededTexts } from '../../test/zoo.ts';
import { unpaddedFeeds } from '../batches.ts';
import { modelDigest } from '../folder/model-digest.ts';
import { teacherLogits } from './teacher-logits.ts';

const { model } = seededClassifier();
const ids = seededTexts(12, createRng(1), { longest: 20 });
const key = { model: modelDigest(model), data: 'd', tokenizer: 't' };
let folder: string;
let opened: number;

const open = async (): Promise<Engine> => {
  opened += 1;
  return openEngine(model);
};

beforeEach(async () => {
  opened = 0;
  folder = await mkdtemp(join(tmpdir(), 'slm-teacher-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('teacherLogits', () => {
  it('computes the logits in the order of the texts, once', async () => {
    const cacheDir = join(folder, 'made', 'here');
    const first = await teacherLogits(open, ids, { cacheDir, key });
    expect(first.cached).toBe(false);
    await using engine = await openEngine(model);
    for (const [row, text] of ids.entries()) {
      const { logits } = await engine.run(unpaddedFeeds([text]));
      const got = first.logits.subarray(2 * row, 2 * row + 2);
      (logits!.data as Float32Array).forEach((value, index) => {
        expect(got[index]).toBeCloseTo(value, 4);
      });
    }
    const second = await teacherLogits(open, ids, { cacheDir, key });
    expect(second).toEqual({ ...first, cached: true });
    expect(opened).toBe(1);
  });

  it('takes an open engine as well', async () => {
    await using engine = await openEngine(model);
    const { logits } = await teacherLogits(engine, ids, { cacheDir: folder, key });
    expect(logits).toHaveLength(24);
  });

  it('computes again for another model, other data, another tokenizer or other ids', async () => {
    await teacherLogits(open, ids, { cacheDir: folder, key });
    for (const part of ['model', 'data', 'tokenizer'] as const) {
      expect((await teacherLogits(open, ids, { cacheDir: folder, key: { ...key, [part]: 'x' } })).cached).toBe(false);
    }
    expect((await teacherLogits(open, ids.toReversed(), { cacheDir: folder, key })).cached).toBe(false);
    expect(await readdir(folder)).toHaveLength(5);
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ['cut short', (path) => truncate(path, 50)],
    ['not safetensors', (path) => writeFile(path, 'nonsense')],
    [
      'changed in one bit',
      async (path) => {
        const bytes = await readFile(path);
        bytes[bytes.length - 3]! ^= 1;
        await writeFile(path, bytes);
      },
    ],
  ])('computes an entry again that is %s', async (_, damage) => {
    const first = await teacherLogits(open, ids, { cacheDir: folder, key });
    await damage(first.path);
    const again = await teacherLogits(open, ids, { cacheDir: folder, key });
    expect(again).toEqual(first);
    expect((await teacherLogits(open, ids, { cacheDir: folder, key })).cached).toBe(true);
  });

  it('refuses no texts and a teacher that gives NaN', async () => {
    await expect(teacherLogits(open, [], { cacheDir: folder, key })).rejects.toMatchObject({ code: 'DATA_EMPTY' });
    const weights = new Map(model.graph.initializers);
    const bias = weights.get('classifier.bias')!;
    weights.set('classifier.bias', { ...bias, data: Float32Array.of(0, Number.NaN) });
    const broken = { ...model, graph: { ...model.graph, initializers: weights } };
    const attempt = teacherLogits(() => openEngine(broken), ids, { cacheDir: folder, key });
    await expect(attempt).rejects.toMatchObject({ code: 'DISTILL_NAN' });
    expect(await readdir(folder)).toEqual([]);
  });
});
