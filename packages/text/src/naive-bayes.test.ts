import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Example } from './dataset.ts';
import { type NaiveBayesJson, naiveBayes, naiveBayesFromJSON } from './naive-bayes.ts';

/** Made by scikit-learn: bench/peers/text-goldens.py. */
const golden = JSON.parse(readFileSync(new URL('../goldens/naive-bayes.json', import.meta.url), 'utf8')) as {
  readonly train: readonly Example[];
  readonly test: readonly string[];
  readonly labels: readonly string[];
  readonly features: number;
  readonly logJoint: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
};

describe('naiveBayes', () => {
  const model = naiveBayes(golden.train, golden.labels);

  it('agrees with CountVectorizer and MultinomialNB', () => {
    expect(model.features).toBe(golden.features);
    golden.test.forEach((text, i) => {
      const { label, scores } = model.predict(text);
      expect(label).toBe(scores.indexOf(Math.max(...scores)));
      model.logJoint(text).forEach((value, c) => {
        expect(Math.abs(value / golden.logJoint[i]![c]! - 1)).toBeLessThan(1e-12);
        expect(Math.abs(scores[c]! - golden.scores[i]![c]!)).toBeLessThan(1e-12);
      });
    });
  });

  it('comes back from JSON', () => {
    const text = JSON.stringify(model);
    const restored = naiveBayesFromJSON(JSON.parse(text));
    for (const row of golden.test) expect(restored.predict(row)).toEqual(model.predict(row));
    expect(JSON.stringify(restored)).toBe(text);
  });

  it('refuses training data without two classes and JSON of another kind', () => {
    const code = (name: string) => expect.objectContaining({ code: name });
    const row = { id: '1', text: 'a', label: 'ham' };
    expect(() => naiveBayes([], ['ham', 'spam'])).toThrow(code('DATA_EMPTY'));
    expect(() => naiveBayes([row], ['ham', 'spam'])).toThrow(code('DATA_ONE_CLASS'));
    expect(() => naiveBayes([row], ['spam'])).toThrow(code('DATA_ROW'));
    expect(() => naiveBayesFromJSON({} as NaiveBayesJson)).toThrow(code('MODEL_CORRUPT'));
    expect(() => naiveBayesFromJSON({ ...model.toJSON(), totals: [1] })).toThrow(code('MODEL_CORRUPT'));
  });
});
