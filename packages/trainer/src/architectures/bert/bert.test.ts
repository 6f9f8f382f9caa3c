import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Model, Tensor } from '@slm-compress/onnx';
import { checkModel, createRng, float32, int64, openReference, readModel, scalar } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { expect, test } from 'vitest';
import type { Loss } from '../../loss.ts';
import { decodeSafetensors } from '../../safetensors.ts';
import { classification } from '../../tasks/classification.ts';
import { buildTrainingStep } from '../../training-step.ts';
import { bertWeights, buildBertClassifier } from './bert.ts';
import { type BertConfig, fromHfConfig, toHfConfig } from './config.ts';
import { fromHfWeights, toHfWeights } from './hf-weights.ts';

const read = (name: string) => readFileSync(new URL(`../../../goldens/${name}`, import.meta.url));
const goldenOf = (name: string) => ({
  golden: decodeSafetensors(read(`${name}.safetensors`), name).tensors,
  config: fromHfConfig(JSON.parse(read(`${name}-config.json`).toString())),
});
const tiny: BertConfig = {
  vocabSize: 12,
  hiddenSize: 6,
  layers: 2,
  heads: 2,
  headSize: 3,
  intermediateSize: 5,
  maxPositions: 6,
  labels: ['a', 'b'],
  dropout: 0.1,
};
const numbers = (tensor: Tensor) => Array.from(tensor.data as Float32Array);

const none = { ids: [], labels: new Int32Array() };
const task = (loss: Loss) => classification({ loss, train: none, validation: none });

function expectClose(got: readonly number[], expected: readonly number[], tolerance: number) {
  expect(got.length).toBe(expected.length);
  const size = Math.max(1e-3, ...expected.map(Math.abs));
  const worst = Math.max(...got.map((value, i) => Math.abs(value - expected[i]!)));
  expect(worst / size).toBeLessThan(tolerance);
}

async function runStep(model: Model, step: ReturnType<typeof buildTrainingStep>, golden: ReadonlyMap<string, Tensor>) {
  await using engine = await openEngine(step.model);
  return engine.run({
    ...Object.fromEntries(bertWeights(model)),
    input_ids: golden.get('ids')!,
    attention_mask: golden.get('mask')!,
    position_ids: int64([0, 1, 2, 3, 4, 5]),
    targets: float32([0, 0, 1, 1, 0, 0], [2, 3]),
    loss_scale: scalar(0.5),
  });
}

test.each(['bert', 'distilbert'])('%s: logits, loss and every gradient are those of transformers', async (name) => {
  const { config, golden } = goldenOf(name);
  const model = buildBertClassifier(config, fromHfWeights(config, golden));
  checkModel(model);
  await using engine = await openEngine(model);
  const { logits } = await engine.run({ input_ids: golden.get('ids')!, attention_mask: golden.get('mask')! });
  expectClose(numbers(logits!), numbers(golden.get('logits')!), 1e-5);
  const step = buildTrainingStep(model, task({ kind: 'cross-entropy' }));
  const made = await runStep(model, step, golden);
  expectClose(numbers(made.loss!), numbers(golden.get('loss')!), 1e-5);
  const gradients = new Map(
    [...golden].filter(([key]) => key.startsWith('grad/')).map(([key, t]) => [key.slice(5), t]),
  );
  if (name === 'bert')
    gradients.set('bert.embeddings.token_type_embeddings.weight', float32(new Float32Array(16), [2, 8]));
  const expected = fromHfWeights(config, gradients);
  for (const parameter of step.parameters) {
    const { output, indices } = parameter.gradients[0]!;
    let got = numbers(made[output]!);
    if (indices !== undefined) {
      const width = parameter.dims[1]!;
      const ids =
        indices === 'input_ids' ? Array.from(golden.get('ids')!.data as BigInt64Array, Number) : [0, 1, 2, 3, 4, 5];
      const table = new Array<number>(parameter.dims[0]! * width).fill(0);
      for (const [row, id] of ids.entries())
        for (let i = 0; i < width; i++) table[id * width + i]! += got[row * width + i]!;
      got = table;
    }
    expectClose(got, numbers(expected.get(parameter.name)!), 1e-4);
  }
});

test.each(['bert', 'distilbert'])('%s: Hugging Face weights and config survive the round trip', (name) => {
  const { config, golden } = goldenOf(name);
  const model = buildBertClassifier(config, fromHfWeights(config, golden));
  const again = fromHfWeights(config, toHfWeights(config, bertWeights(model)));
  for (const [name, tensor] of bertWeights(model)) expect(again.get(name)).toEqual(tensor);
  const stored = toHfWeights(config, bertWeights(model));
  expect(stored.get('classifier.weight')).toEqual(golden.get('classifier.weight'));
  expect([...stored.keys()].sort()).toEqual([...golden.keys()].filter((key) => golden.has(`grad/${key}`)).sort());
  expect(fromHfConfig(JSON.parse(JSON.stringify(toHfConfig(config))))).toEqual(config);
  const pruned = {
    ...tiny,
    pooling: 'mean',
    activation: 'relu',
    padId: 0,
    headsPerLayer: [1, 2],
    intermediatePerLayer: [3, 4],
  } as const;
  expect(fromHfConfig(JSON.parse(JSON.stringify(toHfConfig(pruned))))).toEqual(pruned);
});

test.each(['cls', 'mean'] as const)(
  '%s: ONNX Runtime fuses Gelu, scale and turned keys, and no sums of sequences with norms',
  async (pooling) => {
    const folder = await mkdtemp(join(tmpdir(), 'slm-bert-'));
    try {
      const optimizedModelPath = join(folder, 'optimized.onnx');
      await using _ = await openEngine(buildBertClassifier({ ...tiny, pooling }, { rng: createRng(4) }), {
        optimizedModelPath,
      });
      const { nodes } = (await readModel(optimizedModelPath)).graph;
      const count = (operator: string) => nodes.filter(({ opType }) => opType === operator).length;
      // Rows of a single token are few: there the fused sum and norm cost nothing.
      const single = pooling === 'cls' ? 2 : 0;
      expect(['SkipLayerNormalization', 'FusedMatMul', 'BiasGelu', 'LayerNormalization'].map(count)).toEqual([
        single,
        2,
        2,
        5 - single,
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test.each(['cls', 'mean'] as const)('%s: padding changes nothing, pruned sizes run', async (pooling) => {
  const pruned = { ...tiny, pooling, headsPerLayer: [1, 2], intermediatePerLayer: [4, 2] };
  const model = buildBertClassifier(pruned, { rng: createRng(4) });
  checkModel(model);
  await using engine = await openEngine(model);
  const run = async (ids: number[], mask: number[]) =>
    numbers(
      (await engine.run({ input_ids: int64(ids, [1, ids.length]), attention_mask: int64(mask, [1, ids.length]) }))
        .logits!,
    );
  expectClose(await run([1, 5, 7, 0, 0], [1, 1, 1, 0, 0]), await run([1, 5, 7], [1, 1, 1]), 1e-6);
});

test.each([
  ['cls', 'gelu'],
  ['mean', 'relu'],
] as const)('%s %s: float64 finite differences of the distillation step with dropout', async (pooling, activation) => {
  const model = buildBertClassifier({ ...tiny, pooling, activation }, { rng: createRng(2) });
  const weights = Object.fromEntries(
    [...bertWeights(model)].map(([name, t]) => [
      name,
      float32(
        Float32Array.from(t.data as Float32Array, (x) => x * 8),
        t.dims,
      ),
    ]),
  );
  const step = buildTrainingStep(model, task({ kind: 'distillation', temperature: 2, hardWeight: 0.3 }), {
    dropout: 0.25,
  });
  await using engine = await openReference(step.model, { precision: 'float64' });
  const rng = createRng(9);
  const feeds: Record<string, Tensor> = {
    ...weights,
    input_ids: int64([1, 5, 7, 3, 2, 0], [2, 3]),
    attention_mask: int64([1, 1, 1, 1, 1, 0], [2, 3]),
    position_ids: int64([0, 1, 2]),
    targets: float32([1, 0, 0, 1], [2, 2]),
    teacher_logits: float32([2, -1, 0.5, 0.25], [2, 2]),
    loss_scale: scalar(0.5),
  };
  for (const site of step.sites) {
    const dims = site.dims.map((dim) => (dim === 'batch' ? 2 : dim === 'sequence' ? 3 : (dim as number)));
    const data = Uint8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => (rng.uniform() < 0.75 ? 1 : 0));
    feeds[site.input] = { type: 'uint8', dims, data };
  }
  expect(step.sites.length).toBe(6);
  const made = await engine.run(feeds);
  const loss = async (name: string, at: number, value: number) => {
    const data = Float64Array.from(weights[name]!.data as Float32Array);
    data[at] = value;
    const run = await engine.run({ ...feeds, [name]: { type: 'float64', dims: weights[name]!.dims, data } });
    return Number((run.loss!.data as Float64Array)[0]);
  };
  for (const parameter of step.parameters.filter((p) => p.gradients[0]!.indices === undefined)) {
    const gradient = made[parameter.gradients[0]!.output]!.data as Float64Array;
    const at = rng.integer(gradient.length);
    const x = Number((weights[parameter.name]!.data as Float32Array)[at]);
    const h = 1e-4;
    const difference = ((await loss(parameter.name, at, x + h)) - (await loss(parameter.name, at, x - h))) / (2 * h);
    expect(Math.abs(difference - gradient[at]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(difference)));
  }
});

test.each([
  [{ hiddenSize: 0 }, 'hiddenSize must be a positive integer, got 0'],
  [{ labels: ['a'] }, 'labels must be at least two names'],
  [{ dropout: 1 }, 'dropout must be in [0, 1)'],
  [{ headsPerLayer: [1] }, 'headsPerLayer must be a list of 2'],
  [{ padId: 12 }, 'padId must be an id below 12'],
])('CONFIG_INVALID: %j', (change, message) => {
  expect(() => buildBertClassifier({ ...tiny, ...change }, { rng: createRng(1) })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
  );
});

test('another architecture is refused, and so are missing weights', () => {
  expect(() => fromHfConfig({ model_type: 'gpt2' }, 'x/config.json')).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: 'x/config.json: model_type must be "bert" or "distilbert", got "gpt2"',
    }),
  );
  expect(() => buildBertClassifier(tiny, new Map())).toThrow(expect.objectContaining({ code: 'WEIGHTS_MISMATCH' }));
});
