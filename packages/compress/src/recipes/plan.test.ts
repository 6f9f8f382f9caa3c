import { expect, test } from 'vitest';
import { parseRecipe } from './parse.ts';
import { planRecipe } from './plan.ts';

const text = `name: tiny
data: { source: mails.csv }
stages:
  - name: teacher
    train: { architecture: { layers: 1, hiddenSize: 16, heads: 2, intermediateSize: 32 }, epochs: 2 }
  - name: student
    distill: { teacher: teacher, architecture: { layers: 1, hiddenSize: 8, heads: 2, intermediateSize: 16 } }
  - name: int8
    quantize: { from: student }
`;
const inputs = { sourceDigest: 'abc', versions: { onnx: '1' } };

/** Names of the stages whose keys differ. */
function changed(other: string, otherInputs = inputs): string[] {
  const before = planRecipe(parseRecipe(text), inputs);
  const after = planRecipe(parseRecipe(other), otherInputs);
  return after.filter(({ key }, index) => key !== before[index]!.key).map(({ name }) => name);
}

test('stages come in order with what they need', () => {
  expect(
    planRecipe(parseRecipe(text), inputs).map(({ name, needs }) => `${name} <- ${needs.join(' ')}`),
  ).toMatchInlineSnapshot(`
      [
        "data <- ",
        "tokenizer <- data",
        "naive-bayes <- data",
        "teacher <- data tokenizer",
        "student <- data tokenizer teacher",
        "int8 <- data tokenizer student",
      ]
    `);
});

test('a change reaches the stage and what is made from it, and nothing else', () => {
  expect(changed(text)).toEqual([]);
  expect(changed(text.replace('epochs: 2', 'epochs: 3'))).toEqual(['teacher', 'student', 'int8']);
  expect(changed(text.replace('{ from: student }', '{ from: student, calibration: { samples: 8 } }'))).toEqual([
    'int8',
  ]);
  expect(changed(`${text}tokenizer: { vocabSize: 500 }\n`)).toEqual(['tokenizer', 'teacher', 'student', 'int8']);
  const all = ['data', 'tokenizer', 'naive-bayes', 'teacher', 'student', 'int8'];
  expect(changed(`${text}seed: 7\n`)).toEqual(all);
  expect(changed(text, { ...inputs, sourceDigest: 'abd' })).toEqual(all);
  expect(changed(text, { ...inputs, versions: { onnx: '2' } })).toEqual(all);
});

test('renaming a row leaves the keys alone', () => {
  expect(changed(text.replaceAll('teacher', 'big').replace('big: big', 'teacher: big'))).toEqual([]);
});

test('recorded durations replace the model of the work', () => {
  const [data] = planRecipe(parseRecipe(text), { ...inputs, durations: { data: 12.5 } });
  expect(data).toMatchObject({ estimatedSeconds: 12.5, estimate: 'recorded' });
});

test('a folder that training starts from enters by its digest, wherever it lies', () => {
  const from = (path: string) => `name: tuned
data: { source: mails.csv }
tokenizer: { from: ${path} }
stages:
  - name: teacher
    train: { from: ${path} }
  - name: student
    distill: { teacher: teacher, from: teacher }
  - name: pruned
    prune: { from: student, heads: 0.5, recovery: { epochs: 1 } }
`;
  const shape = { layers: 6, hiddenSize: 384, intermediateSize: 1536 };
  const plan = (path: string, digest: string) =>
    planRecipe(parseRecipe(from(path)), { ...inputs, pretrained: { [path]: { digest, shape } } });
  const keys = (path: string, digest: string) => plan(path, digest).map(({ key }) => key);
  expect(keys('../bert', 'a')).toEqual(keys('./other/bert', 'a'));
  const [data, tokenizer, bayes, ...models] = keys('../bert', 'a');
  const [otherData, otherTokenizer, otherBayes, ...otherModels] = keys('../bert', 'b');
  expect([otherData, otherBayes]).toEqual([data, bayes]);
  expect(otherTokenizer).not.toBe(tokenizer);
  for (const [index, key] of models.entries()) expect(otherModels[index]).not.toBe(key);
  for (const stage of plan('../bert', 'a').slice(3)) expect(stage.estimatedSeconds).toBeGreaterThan(20);
});
