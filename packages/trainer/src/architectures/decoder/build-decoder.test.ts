import { readFileSync } from 'node:fs';
import {
  checkModel,
  createRng,
  float32,
  int64,
  type Model,
  openReference,
  scalar,
  type Tensor,
  type Tensors,
} from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { expect, test } from 'vitest';
import { decodeSafetensors } from '../../safetensors.ts';
import { languageModel } from '../../tasks/language-model.ts';
import { buildTrainingStep, type TrainingStep } from '../../training-step.ts';
import { buildDecoder } from './build-decoder.ts';
import { decoderHead, decoderParameterShapes } from './decoder-parameters.ts';
import {
  fromHfDecoderConfig,
  fromHfDecoderWeights,
  type StoredDecoder,
  toHfDecoderConfig,
  toHfDecoderWeights,
} from './decoders.ts';

const read = (name: string) => readFileSync(new URL(`../../../goldens/${name}`, import.meta.url));
const golden = decodeSafetensors(read('decoders.safetensors'), 'decoders.safetensors').tensors;
const configs = JSON.parse(read('decoders.json').toString()) as Record<string, Record<string, unknown>>;
const cases = Object.keys(configs);

/** The tensors whose names start with `prefix`, without it. */
function under(prefix: string): ReadonlyMap<string, Tensor> {
  const own = [...golden].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

const texts = [
  [1, 5, 7, 3, 2, 9, 14],
  [4, 21, 8, 2],
];
const WIDTH = 7;

function padded(side: 'left' | 'right'): { readonly input_ids: Tensor; readonly attention_mask: Tensor } {
  const rows = (fill: number, of: (text: readonly number[]) => readonly number[]) =>
    texts.flatMap((text) => {
      const padding = Array<number>(WIDTH - text.length).fill(fill);
      return side === 'left' ? [...padding, ...of(text)] : [...of(text), ...padding];
    });
  const dims = [texts.length, WIDTH];
  return {
    input_ids: int64(
      rows(0, (text) => text),
      dims,
    ),
    attention_mask: int64(
      rows(0, (text) => text.map(() => 1)),
      dims,
    ),
  };
}

function load(name: string): StoredDecoder & { readonly weights: ReadonlyMap<string, Tensor> } {
  const stored = fromHfDecoderConfig(configs[name], name);
  return { ...stored, weights: fromHfDecoderWeights(stored, under(`${name}/weight/`)) };
}

async function run(model: Model, feeds: Tensors): Promise<Tensors> {
  await using engine = await openEngine(model);
  return engine.run(feeds);
}

const numbers = (tensor: Tensor) => tensor.data as Float32Array;

/** The greatest difference, relative to the greatest expected number. */
function distance(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).toBe(expected.length);
  let [worst, most] = [0, 1e-3];
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(got[i]! - expected[i]!));
    most = Math.max(most, Math.abs(expected[i]!));
  }
  return worst / most;
}

/** Loss and gradients of a step, those of rows added up, by parameter. */
async function gradientsOf(step: TrainingStep, weights: ReadonlyMap<string, Tensor>, feeds: Tensors, count: number) {
  const made = await run(step.model, { ...Object.fromEntries(weights), ...feeds, loss_scale: scalar(1 / count) });
  const gradients = step.parameters.map(({ name, dims, gradients: parts }) => {
    const sum = new Float32Array(dims.reduce((a, b) => a * b, 1));
    for (const { output, indices } of parts) {
      const data = numbers(made[output]!);
      const width = indices === undefined ? data.length : dims[1]!;
      const rows = indices === undefined ? [0] : Array.from(feeds[indices]!.data as BigInt64Array, Number);
      for (const [row, id] of rows.entries()) {
        for (let i = 0; i < width; i++) sum[id * width + i]! += data[row * width + i]!;
      }
    }
    return [name, float32(sum, dims)] as const;
  });
  return { loss: Number(made.loss!.data[0]), gradients: new Map(gradients) };
}

/** The training step of batches, and the feeds of the one batch that there is. */
function stepOf(config: StoredDecoder['config'], weights: ReadonlyMap<string, Tensor>, batch: Tensors) {
  const form = batch.segment_ids ? 'packed' : 'hidden';
  const model = buildDecoder(config, weights, { form });
  checkModel(model);
  const examples = { lengths: [WIDTH, WIDTH], batch: () => ({ tensors: batch, tokens: 11 }), hash: () => undefined };
  const task = languageModel({
    kind: 'causal',
    train: examples,
    validation: examples,
    weight: decoderHead(config),
    chunk: 4,
  });
  const step = buildTrainingStep(model, task);
  const { tensors, weight } = task.train.feeds([0, 1], { seed: 0, step: 0, shard: 0 });
  return { step, feeds: tensors, count: weight };
}

const labelled = (side: 'left' | 'right') => {
  const { input_ids, attention_mask } = padded(side);
  const seen = attention_mask.data as BigInt64Array;
  const ids = input_ids.data as BigInt64Array;
  const labels = int64(
    Array.from(ids, (id, at) => (seen[at] === 1n ? Number(id) : -100)),
    [2, WIDTH],
  );
  return { input_ids, attention_mask, labels };
};

test.each(cases)('%s: logits are those of transformers, padding on either side', async (name) => {
  const { config, weights } = load(name);
  const model = buildDecoder(config, weights);
  checkModel(model);
  await using engine = await openEngine(model);
  for (const side of ['right', 'left'] as const) {
    const feeds = padded(side);
    const { logits } = await engine.run(feeds);
    const expected = golden.get(`${name}/${side}`)!;
    expect(logits!.dims).toEqual(expected.dims);
    const size = config.vocabSize;
    for (let at = 0; at < 2 * WIDTH; at++) {
      if ((feeds.attention_mask.data as BigInt64Array)[at] === 0n) continue;
      const row = (tensor: Tensor) => numbers(tensor).subarray(at * size, (at + 1) * size);
      expect(distance(row(logits!), row(expected))).toBeLessThan(1e-5);
    }
  }
});

test.each(cases)('%s: loss and every gradient of a step are those of PyTorch', async (name) => {
  const { config, weights, type } = load(name);
  const { step, feeds, count } = stepOf(config, weights, labelled('right'));
  expect(count).toBe(9);
  const { loss, gradients } = await gradientsOf(step, weights, feeds, count);
  expect(loss).toBeCloseTo(Number(golden.get(`${name}/loss`)!.data[0]), 5);
  const expected = fromHfDecoderWeights({ type, config }, under(`${name}/gradient/`));
  expect(step.parameters.map((parameter) => parameter.name).sort()).toEqual([...expected.keys()].sort());
  for (const [parameter, tensor] of expected) {
    expect([parameter, distance(numbers(gradients.get(parameter)!), numbers(tensor)) < 1e-4]).toEqual([
      parameter,
      true,
    ]);
  }
});

test.each(cases)('%s: left-padded and packed texts give the loss and the gradients of texts apart', async (name) => {
  const { config, weights } = load(name);
  const apart = stepOf(config, weights, labelled('right'));
  const expected = await gradientsOf(apart.step, weights, apart.feeds, apart.count);
  const flat = texts.flat();
  const packed = {
    input_ids: int64([...flat, 0], [1, 12]),
    attention_mask: int64([...flat.map(() => 1), 0], [1, 12]),
    position_ids: int64([...texts.flatMap((text) => [...text.keys()]), 0], [1, 12]),
    segment_ids: int64([...texts.flatMap((text, at) => text.map(() => at + 1)), 0], [1, 12]),
    labels: int64([...texts.flatMap((text) => [-100, ...text.slice(1)]), -100], [1, 12]),
  };
  for (const batch of [labelled('left'), packed]) {
    const { step, feeds, count } = stepOf(config, weights, batch);
    expect(count).toBe(9);
    const made = await gradientsOf(step, weights, feeds, count);
    expect(made.loss).toBeCloseTo(expected.loss, 5);
    for (const [parameter, tensor] of expected.gradients) {
      expect(distance(numbers(made.gradients.get(parameter)!), numbers(tensor))).toBeLessThan(1e-5);
    }
  }
});

test.each(cases)('%s: configuration and weights survive the round trip', (name) => {
  const { config, weights, type } = load(name);
  const json = JSON.parse(JSON.stringify(toHfDecoderConfig({ type, config })));
  expect(fromHfDecoderConfig(json)).toEqual({ type, config });
  const stored = toHfDecoderWeights({ type, config }, weights);
  expect(new Map([...stored].sort())).toEqual(new Map([...under(`${name}/weight/`)].sort()));
  const bare = new Map([...stored].map(([key, tensor]) => [key.replace(/^(transformer|model)\./, ''), tensor]));
  bare.set('h.0.attn.bias', float32([1])).set('h.0.attn.masked_bias', float32([-1e4]));
  expect(fromHfDecoderWeights({ type, config }, bare)).toEqual(weights);
});

test.each(['gpt2', 'llama'])('%s: float64 finite differences of the step', async (name) => {
  const { config, weights } = load(name);
  const { step, feeds, count } = stepOf(config, weights, labelled('right'));
  await using engine = await openReference(step.model, { precision: 'float64' });
  const given: Record<string, Tensor> = { ...Object.fromEntries(weights), ...feeds, loss_scale: scalar(1 / count) };
  const made = await engine.run(given);
  const rng = createRng(3);
  for (const { name: parameter, dims, gradients } of step.parameters) {
    if (gradients.length > 1 || gradients[0]!.indices !== undefined) continue;
    const gradient = made[gradients[0]!.output]!.data as Float64Array;
    const at = rng.integer(gradient.length);
    const loss = async (shift: number) => {
      const data = Float64Array.from(numbers(weights.get(parameter)!));
      data[at]! += shift;
      const shifted = await engine.run({ ...given, [parameter]: { type: 'float64', dims, data } });
      return Number(shifted.loss!.data[0]);
    };
    const difference = ((await loss(1e-4)) - (await loss(-1e-4))) / 2e-4;
    expect(Math.abs(difference - gradient[at]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(difference)));
  }
});

test('initial weights: deviations of GPT-2, its residual projections narrower, one seed one draw', () => {
  const { config } = load('gpt2');
  const wide = { ...config, hiddenSize: 64, headSize: 32, intermediateSize: 256 };
  const model = buildDecoder(wide, { rng: createRng(5) });
  const deviation = (name: string) => {
    const data = numbers(model.graph.initializers.get(name)!);
    return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
  };
  expect(deviation('decoder.layers.1.attention.qkv.weight')).toBeCloseTo(0.02, 3);
  expect(deviation('decoder.layers.1.ffn.down.weight')).toBeCloseTo(0.01, 3);
  expect(deviation('decoder.layers.1.attention.output.weight')).toBeCloseTo(0.01, 3);
  expect(deviation('decoder.layers.1.ffn_norm.weight')).toBe(1);
  expect(buildDecoder(wide, { rng: createRng(5) })).toEqual(model);
  expect(buildDecoder(wide, { rng: createRng(6) })).not.toEqual(model);
});

test('GPT-2 with dropout has its sites: embeddings and both projections of each layer', () => {
  const { config, weights } = load('gpt2');
  const { feeds } = stepOf(config, weights, labelled('right'));
  expect(feeds.position_ids!.dims).toEqual([2, WIDTH]);
  const none = { lengths: [], batch: () => ({ tensors: {}, tokens: 0 }), hash: () => undefined };
  const task = languageModel({ kind: 'causal', train: none, validation: none, weight: decoderHead(config) });
  const { sites } = buildTrainingStep(buildDecoder(config, weights, { form: 'hidden' }), task, { dropout: 0.1 });
  expect(sites.map(({ dims }) => dims)).toEqual(Array(5).fill(['batch', 'sequence', 8]));
});

test('a packed batch is refused where examples would see each other', () => {
  const { config, weights } = load('gpt2');
  const { input_ids, attention_mask, labels } = labelled('right');
  const batch = () => ({ tensors: { input_ids, attention_mask, labels, segment_ids: attention_mask }, tokens: 1 });
  const examples = { lengths: [1], batch, hash: () => undefined };
  const task = languageModel({ kind: 'causal', train: examples, validation: examples, weight: decoderHead(config) });
  buildTrainingStep(buildDecoder(config, weights, { form: 'hidden' }), task);
  const feeds = () => task.train.feeds([0], { seed: 0, step: 0, shard: 0 });
  expect(feeds).toThrow(expect.objectContaining({ code: 'TRAIN_DATA' }));
});

test.each([
  ['gpt2', { n_embd: 9 }, 'n_embd: must be a multiple of n_head'],
  ['gpt2', { n_layer: 1e9 }, 'n_layer'],
  ['gpt2', { activation_function: 'mish' }, 'activation_function'],
  ['gpt2', { vocab_size: -1 }, 'vocab_size'],
  ['gpt_neo', { num_layers: 3 }, 'attention_types: must name num_layers layers'],
  ['gpt_neo', { attention_types: [[['global'], 1e12]] }, 'attention_types'],
  ['llama', { num_key_value_heads: 3 }, 'keyValueHeads must be a divisor of 4'],
  ['llama', { head_dim: 5 }, 'headSize must be even'],
  ['llama', { rope_parameters: { rope_type: 'dynamic', factor: 2 } }, 'rope_type: must be default, linear, llama3'],
  ['llama', { rope_parameters: { rope_type: 'linear' } }, 'factor: must be given for linear'],
  ['llama', { rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.5 } }, 'partial_rotary_factor'],
  ['llama', { model_type: 'opt' }, 'model_type must be one of gpt2, gpt_neo, llama, mistral, qwen2, got "opt"'],
])('CONFIG_INVALID: %s %j', (name, change, message) => {
  expect(() => fromHfDecoderConfig({ ...configs[name], ...change }, 'x')).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
  );
});

test('the older form of rotary fields is read; what a family is not cannot be written; weights must fit', () => {
  const { rope_parameters, ...rest } = configs.llama3!;
  const { rope_theta, ...rope_scaling } = rope_parameters as Record<string, unknown>;
  expect(fromHfDecoderConfig({ ...rest, rope_theta, rope_scaling })).toEqual(fromHfDecoderConfig(configs.llama3));
  const { config, weights } = load('gpt2');
  expect(() => toHfDecoderConfig({ type: 'llama', config })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('a llama model can be') }),
  );
  expect(() => buildDecoder(config, new Map())).toThrow(expect.objectContaining({ code: 'WEIGHTS_MISMATCH' }));
  expect(() => fromHfDecoderWeights({ type: 'gpt2', config }, new Map())).toThrow(
    expect.objectContaining({ code: 'WEIGHTS_MISMATCH', message: expect.stringContaining('transformer.wte.weight') }),
  );
  expect([...decoderParameterShapes(config).keys()].sort()).toEqual([...weights.keys()].sort());
});
