import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, float32, int64, type Tensor } from '@slm-compress/onnx';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initializeBert } from '../architectures/bert/bert-parameters.ts';
import { type BertConfig, toHfConfig } from '../architectures/bert/config.ts';
import { toHfWeights } from '../architectures/bert/hf-weights.ts';
import { writeSafetensors } from '../safetensors.ts';
import { loadPretrained } from './load-pretrained.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrained-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const labels = ['no', 'yes'];
const config: BertConfig = {
  vocabSize: 11,
  hiddenSize: 6,
  layers: 2,
  heads: 2,
  headSize: 3,
  intermediateSize: 8,
  maxPositions: 5,
  labels,
  dropout: 0.1,
};
const weights = initializeBert(config, createRng(1));
const rng = createRng(2);
const load = (options: Partial<Parameters<typeof loadPretrained>[1]> = {}) =>
  loadPretrained(folder, { labels, rng, ...options });

/** Writes the folder with every stored name changed, or left out where that is undefined. */
async function write(rename: (name: string) => string | undefined, fields: Record<string, unknown> = {}) {
  const { slm_compress: _, ...json } = toHfConfig(config);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...json, ...fields }));
  const stored = new Map<string, Tensor>();
  for (const [name, tensor] of toHfWeights(config, weights)) {
    const other = rename(name);
    if (other !== undefined) stored.set(other, tensor);
  }
  stored.set('embeddings.position_ids', int64([0, 1, 2, 3, 4], [1, 5]));
  await writeSafetensors(join(folder, 'model.safetensors'), stored);
}

test('a classifier of the same labels keeps its head; of others it gets a new one', async () => {
  await write((name) => name);
  expect(await load()).toEqual({
    config: { ...config, pooling: 'cls', activation: 'gelu', padId: 0 },
    weights,
    drawn: [],
  });
  const other = await load({ labels: ['a', 'b', 'c'] });
  expect(other.drawn).toEqual(['classifier.weight', 'classifier.bias']);
  expect(other.weights.get('classifier.weight')?.dims).toEqual([6, 3]);
  expect((await load({ labels: ['yes', 'no'] })).drawn).toHaveLength(2);
});

test('an encoder alone loads under its own names and older ones, and what it lacks is drawn by the seed', async () => {
  await write((name) =>
    name.startsWith('classifier') || name.includes('pooler')
      ? undefined
      : name
          .replace('bert.', '')
          .replace('LayerNorm.weight', 'LayerNorm.gamma')
          .replace('LayerNorm.bias', 'LayerNorm.beta'),
  );
  const loaded = await load();
  const drawn = ['bert.pooler.dense.weight', 'bert.pooler.dense.bias', 'classifier.weight', 'classifier.bias'];
  expect(loaded.drawn).toEqual(drawn);
  for (const [name, tensor] of weights) {
    if (!drawn.includes(name)) expect(loaded.weights.get(name)).toEqual(tensor);
  }
  expect(await load()).toEqual(loaded);
  expect((await load({ rng: createRng(3) })).weights.get('classifier.weight')).not.toEqual(
    loaded.weights.get('classifier.weight'),
  );
});

test("the pooling is the sentence embedder's, unless it is given", async () => {
  await write((name) => name);
  await mkdir(join(folder, '1_Pooling'));
  await writeFile(join(folder, '1_Pooling', 'config.json'), JSON.stringify({ pooling_mode_mean_tokens: true }));
  expect((await load()).config.pooling).toBe('mean');
  expect((await load({ pooling: 'cls' })).config.pooling).toBe('cls');
  expect((await load({ dropout: 0.3 })).config.dropout).toBe(0.3);
});

test.each([
  [{ model_type: 'roberta' }, 'CONFIG_INVALID', /model_type/],
  [{ position_embedding_type: 'relative_key' }, 'CONFIG_INVALID', /position_embedding_type/],
  [{ hidden_size: 7 }, 'CONFIG_INVALID', /headSize/],
  [{ num_hidden_layers: 1e12 }, 'CONFIG_INVALID', /layers/],
  [{ num_hidden_layers: 3 }, 'WEIGHTS_MISMATCH', /layer\.2/],
  [{ vocab_size: 2 ** 40 }, 'WEIGHTS_MISMATCH', /word_embeddings/],
  [{ hidden_size: 12 }, 'WEIGHTS_MISMATCH', /word_embeddings/],
  [{ max_position_embeddings: 6 }, 'WEIGHTS_MISMATCH', /position_embeddings/],
  [{ intermediate_size: 9 }, 'WEIGHTS_MISMATCH', /intermediate/],
  [{ hidden_act: 'gelu_new' }, 'CONFIG_INVALID', /activation/],
])('a configuration that lies is an error: %o', async (fields, code, message) => {
  await write((name) => name, fields);
  await expect(load()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('no or broken files and tensors of another rank are errors', async () => {
  await expect(load()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await writeFile(join(folder, 'config.json'), '{');
  await expect(load()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await writeFile(join(folder, 'config.json'), 'null');
  await expect(load()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await write((name) => name);
  const stored = new Map(toHfWeights(config, weights)).set(
    'bert.encoder.layer.0.output.dense.weight',
    float32([1], [1]),
  );
  await writeSafetensors(join(folder, 'model.safetensors'), stored);
  await expect(load()).rejects.toMatchObject({ code: 'WEIGHTS_MISMATCH' });
});

test('a DistilBERT loads under its own names, its encoder alone without a prefix', async () => {
  const distilled: BertConfig = { ...config, modelType: 'distilbert' };
  await writeFile(join(folder, 'config.json'), JSON.stringify(toHfConfig(distilled)));
  const stored = toHfWeights(distilled, weights);
  await writeSafetensors(join(folder, 'model.safetensors'), stored);
  const whole = await load();
  expect(whole).toMatchObject({ config: distilled, weights, drawn: [] });
  const encoder = [...stored].filter(([name]) => name.startsWith('distilbert.'));
  const bare = new Map(encoder.map(([name, tensor]) => [name.replace('distilbert.', ''), tensor]));
  await writeSafetensors(join(folder, 'model.safetensors'), bare);
  const drawn = ['bert.pooler.dense.weight', 'bert.pooler.dense.bias', 'classifier.weight', 'classifier.bias'];
  const loaded = await load();
  expect(loaded.drawn).toEqual(drawn);
  for (const [name, tensor] of weights) if (!drawn.includes(name)) expect(loaded.weights.get(name)).toEqual(tensor);
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    new Map([...stored].filter(([name]) => !name.includes('layer.1.ffn.lin2'))),
  );
  await expect(load()).rejects.toThrow(/expected distilbert\.transformer\.layer\.1\.ffn\.lin2\.weight/);
});
