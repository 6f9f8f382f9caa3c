import { createRng } from '@slm-compress/onnx';
import { expect, test } from 'vitest';
import { chooseNaiveBayes, naiveBayesSearch } from './choose-naive-bayes.ts';
import type { Example } from './dataset.ts';
import { naiveBayes } from './naive-bayes.ts';

const words = 'rose tulip soil water spade hedge lawn bloom seed compost pan oven flour butter knife broth'.split(' ');

/** Texts of which the first half of the words is told more often under `a`; words come several times in a text. */
function rows(count: number, seed: number): Example[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? 'a' : 'b';
    const word = () => words[rng.integer(8) + (rng.uniform() < 0.6 === (label === 'a') ? 0 : 8)]!;
    return { id: String(i), text: Array.from({ length: 12 }, word).join(" don't "), label };
  });
}

const [train, validation, labels] = [rows(120, 1), rows(80, 2), ['a', 'b']];

/** Share of the rows that a model answers rightly. */
function accuracyOf(model: ReturnType<typeof naiveBayes>, of: readonly Example[]): number {
  return of.filter(({ text, label }) => labels[model.predict(text).label] === label).length / of.length;
}

test('every combination is scored as if it were trained alone, and the first of the best is taken', () => {
  const { model, options, validationAccuracy, trials } = chooseNaiveBayes(train, validation, labels);
  expect(trials).toHaveLength(2 * 2 * 2 * naiveBayesSearch.smoothing.length);
  for (const trial of trials) {
    expect(trial.accuracy).toBe(accuracyOf(naiveBayes(train, labels, trial.options), validation));
  }
  const best = Math.max(...trials.map(({ accuracy }) => accuracy));
  expect(new Set(trials.map(({ accuracy }) => accuracy)).size).toBeGreaterThan(1);
  expect(validationAccuracy).toBe(best);
  expect(options).toEqual(trials.find(({ accuracy }) => accuracy === best)!.options);
  expect(JSON.stringify(model)).toBe(JSON.stringify(naiveBayes(train, labels, options)));
});

test('without validation texts it is the default', () => {
  const { model, options, validationAccuracy } = chooseNaiveBayes(train, [], labels);
  expect(options).toEqual({ counts: 'occurrences', apostrophes: false, minimumTexts: 1, smoothing: 1 });
  expect(validationAccuracy).toBe(0);
  expect(accuracyOf(model, validation)).toBe(accuracyOf(naiveBayes(train, labels), validation));
});

test('no texts, one class and unknown labels are errors', () => {
  expect(() => chooseNaiveBayes([], validation, labels)).toThrow(expect.objectContaining({ code: 'DATA_EMPTY' }));
  const one = train.filter(({ label }) => label === 'a');
  expect(() => chooseNaiveBayes(one, validation, labels)).toThrow(expect.objectContaining({ code: 'DATA_ONE_CLASS' }));
  expect(() => chooseNaiveBayes(train, validation, ['a'])).toThrow(expect.objectContaining({ code: 'DATA_ROW' }));
});
