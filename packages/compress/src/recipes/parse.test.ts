import { SlmError } from '@slm-compress/onnx';
import { expect, test } from 'vitest';
import { parseRecipe, readRecipe } from './parse.ts';

const small = `name: tiny
data: { source: mails.csv }
stages:
  - name: teacher
    train:
      architecture: { layers: 1, hiddenSize: 16, heads: 2, intermediateSize: 32 }
      epochs: 2
  - name: int8
    quantize:
      from: teacher
`;

function errorOf(text: string): SlmError {
  try {
    parseRecipe(text, 'tiny.yaml');
  } catch (error) {
    if (error instanceof SlmError) return error;
    throw error;
  }
  throw new Error('expected an error, got a recipe');
}

test('defaults are filled in; the first stage is the reference and the last the result', () => {
  const recipe = parseRecipe(small, 'tiny.yaml');
  expect(recipe.seed).toBe(42);
  expect(recipe.tokenizer).toEqual({ kind: 'wordpiece', vocabSize: 4096, maxLength: 128 });
  expect(recipe.stages.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['teacher train', 'int8 quantize']);
  expect(recipe.report).toEqual({ reference: 'teacher', final: 'int8', gates: {} });
});

test.each([
  ['a slip', small.replace('epochs: 2', 'epoch: 2'), 'tiny.yaml:7:7: unknown key "epoch" (did you mean "epochs"?)'],
  ['a swap', small.replace('stages:', 'satges:'), 'tiny.yaml:3:1: unknown key "satges" (did you mean "stages"?)'],
  [
    'inside a flow map',
    small.replace('heads: 2,', 'head: 2,'),
    'tiny.yaml:6:50: unknown key "head" (did you mean "heads"?)',
  ],
  [
    'nothing near',
    small.replace('      from: teacher', '      from: teacher\n      zzz: 1'),
    'tiny.yaml:11:7: unknown key "zzz" (known here: from, calibration)',
  ],
])('unknown key, %s', (_, text, message) => {
  expect(errorOf(text)).toMatchObject({ code: 'RECIPE_UNKNOWN_KEY', message });
});

test.each([
  ['wrong type', small.replace('epochs: 2', 'epochs: two'), 'tiny.yaml:7:15: stages.0.train.epochs: Invalid input'],
  ['out of range', small.replace('epochs: 2', 'epochs: 0'), 'tiny.yaml:7:15: stages.0.train.epochs: Too small'],
  ['missing key', small.replace('name: tiny\n', ''), 'tiny.yaml:1:1: name: Invalid input'],
  ['syntax', small.replace('data: {', 'data: {{'), 'tiny.yaml:3:1: Flow map in block'],
  ['heads', small.replace('heads: 2', 'heads: 3'), 'expected hiddenSize to be a multiple of heads'],
  [
    'row that does not exist',
    small.replace('from: teacher', 'from: techer'),
    'tiny.yaml:10:13: expected an earlier stage, got "techer" (did you mean "teacher"?)',
  ],
  ['two of one name', small.replace('name: int8', 'name: teacher'), 'tiny.yaml:8:11: expected a new name'],
  ['reserved name', small.replace('name: int8', 'name: data'), 'tiny.yaml:8:11: the name "data" is taken'],
  ['no verb', small.replace(/ {4}quantize:\n {6}from: teacher\n/, ''), 'expected exactly one of train, distill'],
  ['not a map', '- 1\n', 'tiny.yaml:1:1: recipe: Invalid input'],
  [
    'shares that do not add up',
    small.replace('mails.csv', 'mails.csv, split: {train: 0.5, validation: 0.1, test: 0.1}'),
    'expected train + validation + test to add up to 1',
  ],
  [
    'a quantized parent',
    `${small}  - name: twice\n    quantize: { from: int8 }\n`,
    'expected an FP32 model, got the quantized row "int8"',
  ],
])('invalid, %s', (_, text, message) => {
  const error = errorOf(text);
  expect(error.code).toBe('RECIPE_INVALID');
  expect(error.message).toContain(message);
  expect(error.message).toMatch(/^tiny\.yaml:\d+:\d+: /);
});

test('a missing file is named', async () => {
  await expect(readRecipe('no/such.yaml')).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: 'no/such.yaml: expected a recipe, got ENOENT (check the path)',
  });
});

const tuned = (start: string) => `name: tuned
data: { source: mails.csv }
tokenizer: { from: ../bert, maxLength: 64 }
stages:
  - name: teacher
    train: { ${start} }
  - name: again
    train: { from: teacher, epochs: 1 }
`;

test('training starts from a folder or a stage, with a rate of its own', () => {
  const { tokenizer, stages } = parseRecipe(tuned('from: ../bert, pooling: mean'));
  expect(tokenizer).toEqual({ from: '../bert', maxLength: 64 });
  expect(stages.map(({ options }) => options)).toMatchObject([
    { from: '../bert', pooling: 'mean', learningRate: 5e-5 },
    { from: 'teacher', learningRate: 5e-5 },
  ]);
  expect(parseRecipe(small).stages[0]!.options).toMatchObject({ learningRate: 5e-4 });
});

const controlled = (keys: string) => small.replace('epochs: 2', `epochs: 2\n      ${keys}`);

test('controls of a training have no defaults, so that stages without them keep their keys', () => {
  const options = (text: string) => parseRecipe(text).stages[0]!.options;
  const keys = `optimizer: sgd
      accumulate: 2
      averageDecay: 0.99
      layerDecay: 0.8
      patience: 2
      maxSteps: 9
      validateEverySteps: 3
      classWeights: balanced
      parameterRules: [{ match: "bert.embeddings.*", frozen: true }]
      lora: {}`;
  expect(options(controlled(keys))).toEqual({
    ...options(small),
    optimizer: 'sgd',
    accumulate: 2,
    averageDecay: 0.99,
    layerDecay: 0.8,
    patience: 2,
    maxSteps: 9,
    validateEverySteps: 3,
    classWeights: 'balanced',
    parameterRules: [{ match: 'bert.embeddings.*', frozen: true }],
    lora: { rank: 8 },
  });
});

test.each([
  ['accumulate: 0', 'stages.0.train.accumulate: Too small'],
  ['averageDecay: 1', 'stages.0.train.averageDecay: Too big'],
  ['optimizer: lion', 'stages.0.train.optimizer: Invalid option'],
  ['classWeights: even', 'expected "balanced" or weights by label'],
  ['lora: { ranks: 4 }', 'unknown key "ranks" (did you mean "rank"?)'],
  ['parameterRules: [{ match: a }]', 'expected frozen, learningRateScale or weightDecay beside match'],
])('%s is refused', (keys, message) => {
  expect(errorOf(controlled(keys)).message).toContain(message);
});

test.each([
  ['neither', 'epochs: 1', 'expected either architecture (new weights) or from'],
  [
    'both',
    'from: ../bert, architecture: { layers: 1, hiddenSize: 4, heads: 1, intermediateSize: 4 }',
    'expected either',
  ],
  ['a later stage', 'from: again', 'expected an earlier stage, got "again"'],
  ['no stage', 'from: Bert', 'expected the name of an earlier stage or the path of a folder'],
])('a start that means nothing: %s', (_, start, message) => {
  expect(errorOf(tuned(start)).message).toContain(message);
});

test('pooling of a new model and sizes of a given tokenizer are errors', () => {
  const pooled = small.replace('epochs: 2', 'epochs: 2\n      pooling: mean');
  expect(errorOf(pooled).message).toContain('expected pooling inside architecture');
  const sized = tuned('from: ../bert').replace('maxLength: 64', 'maxLength: 64, vocabSize: 200');
  expect(errorOf(sized).message).toMatch(/tiny.yaml:3:.*tokenizer.vocabSize: expected no such key beside "from"/);
});
