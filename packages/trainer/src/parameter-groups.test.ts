import { expect, test } from 'vitest';
import { groupParameters } from './parameter-groups.ts';

const parameters = [
  { name: 'bert.embeddings.word.weight', dims: [9, 4] },
  { name: 'bert.encoder.layer.0.dense.weight', dims: [4, 4] },
  { name: 'bert.encoder.layer.0.dense.bias', dims: [4] },
  { name: 'bert.encoder.layer.1.dense.weight', dims: [4, 4] },
  { name: 'classifier.weight', dims: [4, 2] },
];
const pick = <T>(groups: ReadonlyMap<string, T>) => parameters.map(({ name }) => groups.get(name)!);

test('matrices decay, norms and biases do not; the first rule that says something holds', () => {
  const groups = groupParameters(parameters, {
    weightDecay: 0.1,
    rules: [
      { match: '*.bias', weightDecay: 0.5 },
      { match: 'bert.embeddings.*', frozen: true },
      { match: 'bert.*', learningRateScale: 0.5, frozen: false },
    ],
  });
  expect(pick(groups)).toEqual([
    { frozen: true, learningRateScale: 0.5, weightDecay: 0.1 },
    { frozen: false, learningRateScale: 0.5, weightDecay: 0.1 },
    { frozen: false, learningRateScale: 0.5, weightDecay: 0.5 },
    { frozen: false, learningRateScale: 0.5, weightDecay: 0.1 },
    { frozen: false, learningRateScale: 1, weightDecay: 0.1 },
  ]);
});

test('layers learn slower the lower they are', () => {
  const groups = groupParameters(parameters, { weightDecay: 0, layerDecay: 0.5 });
  expect(pick(groups).map((settings) => settings.learningRateScale)).toEqual([0.125, 0.25, 0.25, 0.5, 1]);
});

test.each([
  [{ rules: [{ match: 'bert.pooler.*', frozen: true }] }, 'rule "bert.pooler.*" must match a parameter'],
  [{ rules: [{ match: '*', frozen: true }] }, 'expected a parameter to train'],
  [{ rules: [{ match: '*', learningRateScale: -1 }] }, 'learningRateScale must be at least 0'],
  [{ rules: [{ match: '*', weightDecay: Number.NaN }] }, 'weightDecay must be at least 0'],
  [{ layerDecay: 0 }, 'layerDecay must be in (0, 1]'],
])('%j is TRAIN_OPTIONS', (options, message) => {
  expect(() => groupParameters(parameters, { weightDecay: 0, ...options })).toThrow(
    expect.objectContaining({ code: 'TRAIN_OPTIONS', message: expect.stringContaining(message) }),
  );
});
