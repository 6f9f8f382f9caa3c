import type { Model, Tensors } from '@slm-compress/onnx';
import { createGraphBuilder, createRng, float32, inferTypes, int64, scalar } from '@slm-compress/onnx';
import { openEngine, openPool } from '@slm-compress/runtime';
import { IGNORED_LABEL } from '@slm-compress/text';
import { expect, test } from 'vitest';
import type { Task } from '../task.ts';
import { train } from '../train.ts';
import type { TrainOptions, TrainResult } from '../train-options.ts';
import { buildTrainingStep } from '../training-step.ts';
import { contrastive } from './contrastive.ts';
import { regression } from './regression.ts';
import { tokenClassification } from './token-classification.ts';

const [V, H] = [12, 8];

/** A table of embeddings, and the head that `kind` names. */
function model(kind: 'tokens' | 'number' | 'embedding'): Model {
  const rng = createRng(6);
  const random = (...dims: number[]) =>
    float32(
      Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.normal() / 2),
      dims,
    );
  const g = createGraphBuilder(kind);
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  const words = g.op('Gather', [g.constant('table', random(V, H)), ids], { axis: 0 });
  const last = g.constant('last', int64([-1]));
  const weights = g.op('Unsqueeze', [g.op('Cast', [mask], { to: 1 }), last]);
  const mean = () =>
    g.op('ReduceSum', [g.op('Mul', [words, weights]), g.constant('middle', int64([1]))], { keepdims: 0 });
  if (kind === 'tokens') {
    g.output(g.op('MatMul', [words, g.constant('head', random(H, 3))]), 'float32', ['batch', 'sequence', 3], 'logits');
  } else if (kind === 'number') {
    g.output(g.op('MatMul', [mean(), g.constant('head', random(H, 1))]), 'float32', ['batch', 1], 'logits');
  } else {
    const sum = mean();
    const length = g.op('Sqrt', [g.op('ReduceSum', [g.op('Mul', [sum, sum]), last], { keepdims: 1 })]);
    g.output(g.op('Div', [sum, length]), 'float32', ['batch', H], 'sentence_embedding');
  }
  return inferTypes(g.model({ opset: 17 }));
}

const rng = createRng(8);
const ids = Array.from({ length: 24 }, () => Int32Array.from({ length: 3 + rng.integer(5) }, () => rng.integer(V)));
const classes = ids.map((row) => row.map((id, at) => (at === 0 ? IGNORED_LABEL : id % 3)));
const scores = Float32Array.from(ids, (row) => row.reduce((sum, id) => sum + (id < 4 ? 1 : -0.5), 0));
// The positive of an anchor has the same tokens in another order, and one that is not among them.
const positives = ids.map((row) => Int32Array.of(rng.integer(V), ...row.toReversed()));

const tokens = { ids, labels: classes };
const numbers = { ids, scores };
const pairs = { anchors: ids, positives };
const cases: [string, 'tokens' | 'number' | 'embedding', () => Task][] = [
  ['token classification', 'tokens', () => tokenClassification({ train: tokens, validation: tokens })],
  ['regression', 'number', () => regression({ train: numbers, validation: numbers })],
  ['contrastive', 'embedding', () => contrastive({ train: pairs, validation: pairs, temperature: 0.2 })],
];

async function drain(options: TrainOptions): Promise<TrainResult> {
  const events = train(options);
  for (;;) {
    const next = await events.next();
    if (next.done) return next.value;
  }
}

test.each(cases)(
  '%s: the loss of the step graph is that of the validation, and training lowers it',
  async (_, kind, make) => {
    const task = make();
    const start = model(kind);
    const step = buildTrainingStep(start, task);
    task.check?.({});
    const all = ids.map((_, index) => index);
    const { tensors, weight } = task.train.feeds(all, { seed: 0, step: 0, shard: 0 });
    const given = Object.fromEntries(step.parameters.map(({ name }) => [name, start.graph.initializers.get(name)!]));
    await using stepEngine = await openEngine(step.model);
    const { loss } = await stepEngine.run({ ...given, ...tensors, loss_scale: scalar(1 / weight) });
    await using engine = await openEngine(step.evaluation);
    const run = (feeds: Tensors) => engine.run({ ...feeds, ...given });
    const before = await task.evaluate({ run }, { tokenBudget: 64 });
    expect(before.loss).toBeCloseTo(Number(loss!.data[0]), 4);

    const settings = { openPool, workers: 1, shards: 1, epochs: 40, tokenBudget: 128, dropout: 0, seed: 1 };
    const { best } = await drain({ model: start, task, ...settings, learningRate: 0.05 });
    expect(best.validationLoss).toBeLessThan(before.loss / 2);
    const [metric] = Object.values(best.metrics);
    expect(metric).toBeGreaterThan(0.8);
  },
);

const short = { ids, labels: classes.map((row) => row.subarray(1)) };
const outside = { ids, labels: classes.map((row) => row.map(() => 3)) };
const unlabelled = { ids, labels: classes.map((row) => row.map(() => IGNORED_LABEL)) };
test.each([
  ['tokens', () => tokenClassification({ train: short, validation: tokens }), 'example 0: expected'],
  ['tokens', () => tokenClassification({ train: outside, validation: tokens }), 'expected labels below 3'],
  ['tokens', () => tokenClassification({ train: unlabelled, validation: tokens }), 'expected a labelled token'],
  [
    'number',
    () => regression({ train: { ids, scores: scores.subarray(1) }, validation: numbers }),
    'expected 24 scores',
  ],
  [
    'number',
    () => regression({ train: { ids, scores: scores.map(() => Number.NaN) }, validation: numbers }),
    'finite score',
  ],
  [
    'embedding',
    () => contrastive({ train: { anchors: ids, positives: ids.slice(1) }, validation: pairs }),
    'expected 24 positives',
  ],
] as ['tokens' | 'number' | 'embedding', () => Task, string][])(
  'wrong data for %s is TRAIN_DATA',
  (kind, make, message) => {
    const task = make();
    buildTrainingStep(model(kind), task);
    expect(() => task.check!({})).toThrow(
      expect.objectContaining({ code: 'TRAIN_DATA', message: expect.stringContaining(message) }),
    );
  },
);

test('a model of another form is STEP_MODEL', () => {
  expect(() => buildTrainingStep(model('tokens'), regression({ train: numbers, validation: numbers }))).toThrow(
    expect.objectContaining({
      code: 'STEP_MODEL',
      message: expect.stringContaining('expected output logits [batch, 1]'),
    }),
  );
});
