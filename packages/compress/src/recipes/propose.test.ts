import type { DataInspection } from '@slm-compress/text';
import { expect, it } from 'vitest';
import { parseRecipe } from './parse.ts';
import { proposeModels } from './propose.ts';
import { recipeText } from './recipe-text.ts';

/** An account of so many rows of so many tokens, all of one length. */
function account(rows: number, tokens: number, labels = 2, share = 1 / labels): DataInspection {
  const lengths = { mean: tokens, percentiles: { p50: tokens } };
  const truncation = [16, 32, 64, 128, 256, 512].map((maxLength) => {
    const lost = Math.max(0, 1 - maxLength / tokens);
    return { maxLength, textsCut: lost > 0 ? 1 : 0, tokensLost: lost };
  });
  const names = Array.from({ length: labels }, (_, i) => ({ label: `no: ${i}`, rows: rows / labels, share }));
  return {
    rows,
    wrongRows: 0,
    inputs: [{ path: 'a', files: 1, rows, bad: 0, examples: [] }],
    lengths: { words: { mean: tokens } },
    tokens: { lengths, truncation },
    classes: { labels: names, majorityBaseline: share, imbalanceRatio: 1 },
    cleaning: [],
  } as unknown as DataInspection;
}

it.each([
  ['tiny', 300, 12],
  ['tiny', 100_000, 300],
  ['small', 50, 5],
  ['small', 10_000, 16],
  ['small', 1_000_000, 400],
  ['medium', 25_000, 300],
] as const)('%s, %i rows of %i tokens: a recipe that parses', (size, rows, tokens) => {
  const inspection = account(rows, tokens);
  const { teacher, student, recoveryEpochs, tokenBudget, gates } = proposeModels(inspection, size);
  expect(student.architecture.hiddenSize).toBeLessThanOrEqual(teacher.architecture.hiddenSize);
  for (const epochs of [teacher.epochs, student.epochs, recoveryEpochs]) {
    expect(epochs).toBeGreaterThanOrEqual(1);
    expect(epochs).toBeLessThanOrEqual(40);
  }
  expect(tokenBudget).toBeGreaterThanOrEqual(256);
  expect(gates.minAccuracy).toBe(0.55);
  const draft = { name: 'r', path: 'no: file #1.csv', columns: { text: 'yes', label: 'a: b' }, parts: {}, seed: 1 };
  const recipe = parseRecipe(recipeText({ ...draft, inspection, size }));
  expect(recipe.data).toMatchObject({ source: draft.path, columns: draft.columns });
});

it('fits models to rows and labels', () => {
  const [few, many] = [account(10_000, 16), account(200_000, 200)].map((inspection) =>
    proposeModels(inspection, 'small'),
  );
  expect(few!.teacher.architecture.hiddenSize).toBeGreaterThan(many!.teacher.architecture.hiddenSize);
  expect(few!.seconds).toBeLessThan(600);
  expect(many!.tokenizer.maxLength).toBeLessThan(256);
  expect(few!.gates.maxDrop).toBeLessThan(proposeModels(account(200, 16), 'small').gates.maxDrop);
  expect(proposeModels(account(300, 16, 40), 'tiny').student.architecture.hiddenSize).toBe(64);
});
