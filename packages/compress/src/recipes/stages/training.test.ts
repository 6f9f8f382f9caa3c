import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, encodeModel, type Model } from '@slm-compress/onnx';
import { openEngine, openPool } from '@slm-compress/runtime';
import { buildBertClassifier, type TrainEvent } from '@slm-compress/trainer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trainSchema } from '../schema.ts';
import type { StageContext } from './context.ts';
import { lossOf } from './train.ts';
import { trainModel } from './training.ts';

const embeddings = 'bert.embeddings.word_embeddings.weight';
const qkv = 'bert.encoder.layer.0.attention.self.qkv.weight';
let folder = '';
let model: Model;
let context: StageContext;
const rng = createRng(7);
const rows = (count: number) => {
  const labels = Int32Array.from({ length: count }, (_, i) => Number(i % 4 === 0));
  return { ids: Array.from(labels, (label) => Int32Array.of(2, 5 + label, 7 + rng.integer(20), 3)), labels };
};
const [data, validation] = [rows(48), rows(12)];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-'));
  const labels = ['a', 'b'];
  const shape = { hiddenSize: 8, layers: 2, heads: 2, headSize: 4, intermediateSize: 12, maxPositions: 8 };
  model = buildBertClassifier({ ...shape, vocabSize: 30, labels, dropout: 0, pooling: 'mean' }, { rng: createRng(1) });
  context = {
    stage: 'teacher',
    seed: 1,
    host: { open: openEngine, openPool, workers: 0 },
    prepared: { splits: { labels }, tokenizer: { padId: 0 }, encode: () => validation },
  } as unknown as StageContext;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function trained(keys: object) {
  const architecture = { layers: 2, hiddenSize: 8, heads: 2, intermediateSize: 12 };
  const options = trainSchema.parse({ architecture, epochs: 2, tokenBudget: 64, learningRate: 0.01, ...keys });
  const work = await mkdtemp(join(folder, 'work-'));
  const events: TrainEvent[] = [];
  const training = trainModel({ ...context, work }, model, data, lossOf(['a', 'b'], data, options), options);
  for (;;) {
    const next = await training.next();
    if (next.done === true) return { ...next.value, events };
    if (next.value.kind === 'train') events.push(next.value.event);
  }
}
const weight = ({ graph }: Model, name: string) => graph.initializers.get(name)!.data;
const stepsOf = (events: readonly TrainEvent[]) => events.flatMap((event) => (event.kind === 'step' ? event : []));
const bytes = (made: Model) => Buffer.from(encodeModel(made)).toString('base64');

test('each control reaches the training: other bytes than without it', async () => {
  const plain = await trained({});
  expect(bytes((await trained({})).model)).toBe(bytes(plain.model));
  const controls = [
    { optimizer: 'sgd' },
    { schedule: 'constant' },
    { accumulate: 2 },
    { averageDecay: 0.5 },
    { layerDecay: 0.5 },
    { classWeights: 'balanced' },
    { labelSmoothing: 0.1 },
  ];
  for (const control of controls) {
    expect(bytes((await trained(control)).model), JSON.stringify(control)).not.toBe(bytes(plain.model));
  }
});

test('steps, validations and patience are as many as the recipe says', async () => {
  const cut = await trained({ maxSteps: 3, validateEverySteps: 1 });
  expect(stepsOf(cut.events)).toHaveLength(3);
  expect(cut.history).toHaveLength(3);
  const still = [{ match: '*', learningRateScale: 0 }];
  const impatient = await trained({ parameterRules: still, validateEverySteps: 1, patience: 2 });
  expect(impatient.history).toHaveLength(3);
});

test('a frozen parameter keeps its bytes', async () => {
  const made = await trained({ parameterRules: [{ match: 'bert.embeddings.*', frozen: true }] });
  expect(weight(made.model, embeddings)).toEqual(weight(model, embeddings));
  expect(weight(made.model, qkv)).not.toEqual(weight(model, qkv));
});

test('LoRA gives a model of the same form: matrices and classifier change, embeddings do not', async () => {
  const made = await trained({ lora: { rank: 2, alpha: 4 } });
  expect(made.model.graph.nodes).toEqual(model.graph.nodes);
  expect([...made.model.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
  expect(weight(made.model, embeddings)).toEqual(weight(model, embeddings));
  expect(weight(made.model, qkv)).not.toEqual(weight(model, qkv));
  expect(weight(made.model, 'classifier.weight')).not.toEqual(weight(model, 'classifier.weight'));
});
