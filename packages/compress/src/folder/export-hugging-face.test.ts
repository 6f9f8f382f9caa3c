import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { loadTokenizer, trainTokenizer } from '@slm-compress/text';
import {
  type BertConfig,
  bertWeights,
  buildBertClassifier,
  loadPretrained,
  readSafetensors,
  toHfConfig,
} from '@slm-compress/trainer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportHuggingFace } from './export-hugging-face.ts';
import { writeModelFolder } from './model-folder.ts';

const labels = ['ham', 'spam'];
const texts = ['the card has not arrived', 'where is the other card', 'cards and more cards'];
let root = '';
let tokenizer: Awaited<ReturnType<typeof trainTokenizer>>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'export-'));
  tokenizer = await trainTokenizer(texts, { kind: 'wordpiece', vocabSize: 60, minFrequency: 1, maxLength: 16 });
});
afterAll(() => rm(root, { recursive: true }));

async function write(name: string, change: Partial<BertConfig>, file?: 'onnx/model_quantized.onnx') {
  const config: BertConfig = {
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 8,
    layers: 2,
    heads: 2,
    headSize: 4,
    intermediateSize: 12,
    maxPositions: 16,
    labels,
    dropout: 0.1,
    ...change,
  };
  const model = buildBertClassifier(config, { rng: createRng(3) });
  const contents = { model, config: toHfConfig(config), tokenizer: tokenizer.files, card: '# Model\n' };
  await writeModelFolder(join(root, name), { ...contents, ...(file && { file }) });
  return model;
}

test.each(['bert', 'distilbert'] as const)('%s: what is exported loads with the same weights', async (modelType) => {
  const model = await write(modelType, { modelType });
  const out = join(root, `${modelType}-out`);
  await exportHuggingFace(join(root, modelType), out);
  const loaded = await loadPretrained(out, { labels, rng: createRng(1) });
  expect(loaded).toMatchObject({ weights: bertWeights(model), drawn: [] });
  expect((await readSafetensors(join(out, 'model.safetensors'))).metadata).toEqual({ format: 'pt' });
  expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).not.toHaveProperty('slm_compress');
  expect((await loadTokenizer(out)).encode('cards').ids).toEqual(
    (await loadTokenizer(join(root, modelType))).encode('cards').ids,
  );
  await expect(exportHuggingFace(join(root, modelType), out)).rejects.toMatchObject({ code: 'OUT_EXISTS' });
});

test('models that transformers cannot compute are refused with the reason, and nothing is left', async () => {
  await write('mean', { pooling: 'mean' });
  await write('pruned', { headsPerLayer: [1, 2] });
  await write('narrow', { intermediatePerLayer: [12, 5] });
  await write('int8', {}, 'onnx/model_quantized.onnx');
  const before = await readdir(root);
  for (const [name, code, message] of [
    ['mean', 'EXPORT_UNSUPPORTED', /mean pooling/],
    ['pruned', 'EXPORT_UNSUPPORTED', /pruned heads/],
    ['narrow', 'EXPORT_UNSUPPORTED', /pruned heads or neurons/],
    ['int8', 'MODEL_QUANTIZED', /FP32/],
  ] as const) {
    await expect(exportHuggingFace(join(root, name), join(root, 'out'))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  }
  expect(await readdir(root)).toEqual(before);
});
