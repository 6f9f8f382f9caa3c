import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { loadTokenizer, trainWordPiece, writeTokenizer } from '@slm-compress/text';
import {
  type BertConfig,
  bertWeights,
  initializeBert,
  toHfConfig,
  toHfWeights,
  writeSafetensors,
} from '@slm-compress/trainer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeModelFolder } from '../../folder/model-folder.ts';
import type { StageContext } from './context.ts';
import { startOf } from './start.ts';

const words = ['garden rose tulip soil', 'kitchen pan oven flour'];
let folder = '';
let hub = '';
let context: StageContext;
let config: BertConfig;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-'));
  hub = join(folder, 'hub');
  await writeTokenizer(hub, trainWordPiece(words, { vocabSize: 100, maxLength: 16 }));
  const tokenizer = await loadTokenizer(hub);
  config = {
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 8,
    layers: 2,
    heads: 2,
    headSize: 4,
    intermediateSize: 12,
    maxPositions: 16,
    labels: ['a', 'b'],
    dropout: 0.1,
  };
  await writeFile(join(hub, 'config.json'), JSON.stringify(toHfConfig(config)));
  await writeSafetensors(join(hub, 'model.safetensors'), toHfWeights(config, initializeBert(config, createRng(5))));
  context = contextOf({ labels: ['a', 'b'] }, tokenizer, 16);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function contextOf(splits: object, tokenizer: StageContext['prepared']['tokenizer'], maxLength: number): StageContext {
  return { stage: 'teacher', seed: 1, prepared: { splits, tokenizer, maxLength } } as unknown as StageContext;
}

test('a Hugging Face folder starts with its weights and the dropout of training', async () => {
  const { model, config: started, findings, parent } = await startOf(context, { from: './hub', dropout: 0.2 }, hub);
  expect(started).toMatchObject({ labels: ['a', 'b'], dropout: 0.2 });
  expect(bertWeights(model)).toEqual(initializeBert(config, createRng(5)));
  expect(findings).toEqual([]);
  expect(parent).toMatchObject({ name: 'hub', folder: hub, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

test('a model folder of ours starts others of other labels, with a new classifier that is reported', async () => {
  const first = await startOf(context, { from: './hub', dropout: 0.2 }, hub);
  const own = join(folder, 'own');
  await writeModelFolder(own, {
    model: first.model,
    config: toHfConfig(first.config),
    tokenizer: hub,
    card: '',
    manifest: {
      name: 'own',
      kind: 'train',
      key: '',
      seed: 1,
      options: {},
      parents: [],
      versions: {},
      metrics: {},
      findings: [],
      history: [],
    },
  });
  const same = await startOf(context, { from: './own', dropout: 0 }, own);
  expect(bertWeights(same.model)).toEqual(bertWeights(first.model));
  const { tokenizer, maxLength } = context.prepared;
  const three = contextOf({ labels: ['a', 'b', 'c'] }, tokenizer, maxLength);
  const other = await startOf(three, { from: './own', pooling: 'mean', dropout: 0 }, own);
  expect(other.config).toMatchObject({ labels: ['a', 'b', 'c'], pooling: 'mean' });
  expect(other.findings.map(({ where }) => where)).toEqual(['classifier.weight', 'classifier.bias']);
  const words = 'bert.embeddings.word_embeddings.weight';
  expect(other.model.graph.initializers.get(words)).toEqual(first.model.graph.initializers.get(words));
});

test('another tokenizer and texts that are too long are errors', async () => {
  const other = join(folder, 'other');
  await writeTokenizer(other, trainWordPiece(['quite another text'], { vocabSize: 100, maxLength: 16 }));
  const { splits, tokenizer } = context.prepared;
  const start = (of: StageContext) => startOf(of, { from: './hub', dropout: 0 }, hub);
  await expect(start(contextOf(splits, await loadTokenizer(other), 16))).rejects.toMatchObject({
    code: 'TOKENIZER_MISMATCH',
  });
  await expect(start(contextOf(splits, tokenizer, 17))).rejects.toMatchObject({ code: 'PRETRAINED_LENGTH' });
});
