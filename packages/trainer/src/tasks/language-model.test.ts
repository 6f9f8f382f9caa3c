import type { Model, Tensor, Tensors } from '@slm-compress/onnx';
import { addGradients, createGraphBuilder, createRng, float32, inferTypes, int64, scalar } from '@slm-compress/onnx';
import { openEngine, openPool } from '@slm-compress/runtime';
import { expect, test } from 'vitest';
import { train } from '../train.ts';
import type { TrainOptions, TrainResult } from '../train-options.ts';
import { buildTrainingStep } from '../training-step.ts';
import { type LabelledSequences, languageModel } from './language-model.ts';

const [V, H] = [11, 6];

/** hidden = tanh(table[ids] · mix): a bigram model whose head is the table, or a matrix of its own. */
function bigrams({ tied }: { readonly tied: boolean }): Model {
  const rng = createRng(4);
  const random = (...dims: number[]) =>
    float32(
      Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.normal()),
      dims,
    );
  const g = createGraphBuilder('bigrams');
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const table = g.constant('table', random(V, H));
  const mixed = g.op('MatMul', [g.op('Gather', [table, ids], { axis: 0 }), g.constant('mix', random(H, H))]);
  g.op('Tanh', [mixed], {}, { outputs: ['hidden_states'] });
  g.constant('bias', random(V));
  if (!tied) g.constant('head', random(V, H));
  g.output('hidden_states', 'float32', ['batch', 'sequence', H]);
  return inferTypes(g.model({ opset: 17 }));
}

/** The same loss with all logits at once, differentiated by `addGradients` alone. */
function plainStep(model: Model, weight: string, scale: number) {
  const g = createGraphBuilder('plain', model.graph);
  const targets = g.input('one_hot', 'float32', ['batch', 'sequence', V]);
  const turned = g.op('Transpose', [weight], { perm: [1, 0] });
  const logits = g.op('Add', [g.op('MatMul', ['hidden_states', turned]), 'bias']);
  const agreement = g.op('Mul', [g.op('LogSoftmax', [logits], { axis: -1 }), targets]);
  const sum = g.op('ReduceSum', [agreement], { keepdims: 0 });
  g.output(g.op('Mul', [sum, g.constant('scale', scalar(-scale))], {}, { outputs: ['loss'] }), 'float32', []);
  const parameters = [...new Set(['table', 'mix', 'bias', weight])];
  return addGradients(inferTypes({ ...model, graph: g.graph() }), { loss: 'loss', parameters });
}

const ids = int64([1, 5, 7, 3, 5, 5, 9, 0], [2, 4]);
const labels = int64([-100, 5, -100, 3, 10, 5, 9, 0], [2, 4]);

test.each([
  ['causal', true, 3],
  ['causal', false, 64],
  ['masked', true, 2],
] as const)(
  '%s, tied head %s, chunks of %d: loss and gradients are those of all logits at once',
  async (kind, tied, chunk) => {
    const model = bigrams({ tied });
    const weight = tied ? 'table' : 'head';
    const sequences: LabelledSequences = {
      lengths: [4, 4],
      batch: () => ({ tensors: { input_ids: ids, labels }, tokens: 8 }),
      hash: () => undefined,
    };
    const task = languageModel({ kind, train: sequences, validation: sequences, weight, bias: 'bias', chunk });
    const step = buildTrainingStep(model, task);
    const { tensors, weight: count } = task.train.feeds([0, 1], { seed: 0, step: 0, shard: 0 });
    expect(count).toBe(kind === 'causal' ? 5 : 6);

    const shift = kind === 'causal' ? 1 : 0;
    const oneHot = new Float32Array(8 * V);
    for (const [at, label] of Array.from(labels.data as BigInt64Array, Number).entries()) {
      if (label >= 0 && at % 4 >= shift) oneHot[(at - shift) * V + label] = 1;
    }
    const plain = plainStep(model, weight, 1 / count);
    const parameters = Object.fromEntries(model.graph.initializers);
    await using expectedEngine = await openEngine(plain.model);
    const given = Object.fromEntries(step.parameters.map(({ name }) => [name, parameters[name]!]));
    const expected = await expectedEngine.run({ ...given, input_ids: ids, one_hot: float32(oneHot, [2, 4, V]) });
    await using engine = await openEngine(step.model);
    const made = await engine.run({ ...given, ...tensors, loss_scale: scalar(1 / count) });

    expect(made.loss!.data[0]).toBeCloseTo(Number(expected.loss!.data[0]), 5);
    for (const { name, dims, gradients } of step.parameters) {
      const sum = new Float64Array((parameters[name]!.data as Float32Array).length);
      for (const { output, indices } of gradients)
        addTo(sum, made[output]!, dims, indices === undefined ? undefined : tensors[indices]);
      const want = expected[plain.gradients.get(name)!.output]!.data as Float32Array;
      for (const [i, value] of want.entries()) expect(sum[i]).toBeCloseTo(value, 5);
    }

    await using scoring = await openEngine(step.evaluation);
    const run = (feeds: Tensors) => scoring.run({ ...feeds, ...given });
    const { loss, metrics } = await task.evaluate({ run }, { tokenBudget: 100 });
    expect(loss).toBeCloseTo(Number(expected.loss!.data[0]), 5);
    expect(metrics.perplexity).toBeCloseTo(Math.exp(loss), 6);
  },
);

function addTo(sum: Float64Array, gradient: Tensor, dims: readonly number[], indices: Tensor | undefined) {
  const data = gradient.data as Float32Array;
  const width = dims.slice(1).reduce((a, b) => a * b, 1);
  const rows = indices ? Array.from(indices.data as BigInt64Array, Number) : [...Array(data.length / width).keys()];
  for (const [row, id] of rows.entries()) {
    for (let i = 0; i < width; i++) sum[id * width + i]! += data[row * width + i]!;
  }
}

async function drain(options: TrainOptions): Promise<TrainResult> {
  const events = train(options);
  for (;;) {
    const next = await events.next();
    if (next.done) return next.value;
  }
}

test('learns which token follows which', async () => {
  const chain = (count: number): LabelledSequences => {
    const rows = Array.from({ length: count }, (_, i) => Int32Array.from({ length: 8 }, (_, at) => (i + 3 * at) % V));
    return {
      lengths: rows.map((row) => row.length),
      batch(indices) {
        const tensor = int64(
          indices.flatMap((index) => [...rows[index]!]),
          [indices.length, 8],
        );
        return { tensors: { input_ids: tensor, labels: tensor }, tokens: 8 * indices.length };
      },
      hash: (update) => update(JSON.stringify(count)),
    };
  };
  const { best } = await drain({
    model: bigrams({ tied: false }),
    task: languageModel({ kind: 'causal', train: chain(100), validation: chain(11), weight: 'head', chunk: 16 }),
    openPool,
    workers: 1,
    epochs: 60,
    tokenBudget: 128,
    learningRate: 0.02,
    dropout: 0,
    parameterRules: [{ match: 'bias', frozen: true }],
    seed: 1,
  });
  expect(best.metrics.accuracy).toBe(1);
  expect(best.metrics.perplexity).toBeLessThan(1.1);
});

test('a text as long as a batch, of which every token is predicted, in chunks that do not come out even', async () => {
  const rows = [Int32Array.from({ length: 31 }, (_, at) => at % V)];
  const sequences: LabelledSequences = {
    lengths: [31],
    batch() {
      const tensor = int64([...rows[0]!], [1, 31]);
      return { tensors: { input_ids: tensor, labels: tensor }, tokens: 31 };
    },
    hash: () => undefined,
  };
  const task = languageModel({ kind: 'masked', train: sequences, validation: sequences, weight: 'table', chunk: 4 });
  const frozen = [{ match: 'bias', frozen: true }];
  const settings = { workers: 1, shards: 1, epochs: 2, tokenBudget: 31, dropout: 0, parameterRules: frozen, seed: 1 };
  const { history } = await drain({ model: bigrams({ tied: true }), task, openPool, learningRate: 0.01, ...settings });
  expect(history[1]!.validationLoss).toBeLessThan(history[0]!.validationLoss);
});

test.each([
  [{ weight: 'nothing' }, 'STEP_MODEL', 'nothing missing'],
  [{ hidden: 'states', weight: 'table' }, 'STEP_MODEL', 'no value states'],
  [{ weight: 'table', chunk: 0 }, 'TRAIN_OPTIONS', 'chunk must be a positive integer'],
])('%j is refused', (options, code, message) => {
  const none: LabelledSequences = { lengths: [], batch: () => ({ tensors: {}, tokens: 0 }), hash: () => undefined };
  const build = () =>
    buildTrainingStep(
      bigrams({ tied: true }),
      languageModel({ kind: 'causal', train: none, validation: none, ...options }),
    );
  expect(build).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
});

test('a label outside the vocabulary is TRAIN_DATA', () => {
  const wrong: LabelledSequences = {
    lengths: [2],
    batch: () => ({ tensors: { input_ids: int64([1, 2], [1, 2]), labels: int64([1, V], [1, 2]) }, tokens: 2 }),
    hash: () => undefined,
  };
  const task = languageModel({ kind: 'causal', train: wrong, validation: wrong, weight: 'table' });
  buildTrainingStep(bigrams({ tied: true }), task, { parameters: ['table', 'mix'] });
  expect(() => task.train.feeds([0], { seed: 0, step: 0, shard: 0 })).toThrow(
    expect.objectContaining({ code: 'TRAIN_DATA', message: expect.stringContaining('below 11, got 11') }),
  );
});
