import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Example } from './dataset.ts';
import { type NaiveBayesJson, type NaiveBayesOptions, naiveBayes, naiveBayesFromJSON } from './naive-bayes.ts';

/** Made by scikit-learn: bench/peers/text-goldens.py. */
const golden = JSON.parse(readFileSync(new URL('../goldens/naive-bayes.json', import.meta.url), 'utf8')) as {
  readonly train: readonly Example[];
  readonly test: readonly string[];
  readonly labels: readonly string[];
  readonly features: number;
  readonly logJoint: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
  readonly variants: readonly {
    readonly options: NaiveBayesOptions;
    readonly logJoint: readonly (readonly number[])[];
  }[];
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

  it.each(golden.variants)('agrees with it for $options', ({ options, logJoint }) => {
    const variant = naiveBayes(golden.train, golden.labels, options);
    const restored = naiveBayesFromJSON(JSON.parse(JSON.stringify(variant)));
    golden.test.forEach((text, i) => {
      variant.logJoint(text).forEach((value, c) => {
        expect(Math.abs(value / logJoint[i]![c]! - 1)).toBeLessThan(1e-12);
      });
      expect(restored.logJoint(text)).toEqual(variant.logJoint(text));
    });
  });

  it('keeps apostrophes when asked to', () => {
    const rows = ["don't go", 'do stay'].map((text, i) => ({ id: `${i}`, text, label: String(i) }));
    const words = (apostrophes: boolean) =>
      naiveBayes(rows, ['0', '1'], { apostrophes })
        .toJSON()
        .features.map(([feature]) => feature);
    expect(words(true)).toEqual(['do', 'do stay', "don't", "don't go", 'go', 'stay']);
    expect(words(false)).toEqual(['do', 'do stay', 'don', 'don t', 'go', 'stay', 't', 't go']);
  });

  it('refuses training data without two classes and JSON of another kind', () => {
    const code = (name: string) => expect.objectContaining({ code: name });
    const row = { id: '1', text: 'a', label: 'ham' };
    expect(() => naiveBayes([], ['ham', 'spam'])).toThrow(code('DATA_EMPTY'));
    expect(() => naiveBayes([row], ['ham', 'spam'])).toThrow(code('DATA_ONE_CLASS'));
    expect(() => naiveBayes([row], ['spam'])).toThrow(code('DATA_ROW'));
    for (const smoothing of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => naiveBayes(golden.train, golden.labels, { smoothing })).toThrow(code('BASELINE_OPTION'));
    }
    expect(() => naiveBayes(golden.train, golden.labels, { minimumTexts: 0 })).toThrow(code('BASELINE_OPTION'));
    expect(() => naiveBayesFromJSON({ ...model.toJSON(), options: { smoothing: 0 } })).toThrow(code('MODEL_CORRUPT'));
    expect(() => naiveBayesFromJSON({} as NaiveBayesJson)).toThrow(code('MODEL_CORRUPT'));
    expect(() => naiveBayesFromJSON({ ...model.toJSON(), totals: [1] })).toThrow(code('MODEL_CORRUPT'));
  });
});
