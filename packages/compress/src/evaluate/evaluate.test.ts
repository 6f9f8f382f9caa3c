import { createRng } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { type Example, naiveBayes } from '@slm-compress/text';
import { describe, expect, it } from 'vitest';
import { seededClassifier, seededTexts } from '../../test/zoo.ts';
import { unpaddedFeeds } from '../batches.ts';
import { evaluate, evaluateNaiveBayes, evaluatePredictions } from './evaluate.ts';

const labels = ['ham', 'spam'];

describe('evaluate', () => {
  it('runs an engine over the texts and predicts what single runs predict', async () => {
    const { model } = seededClassifier();
    const ids = seededTexts(40, createRng(1), { longest: 30 });
    await using engine = await openEngine(model);
    const singles: number[] = [];
    for (const text of ids) {
      const [ham, spam] = (await engine.run(unpaddedFeeds([text]))).logits!.data as Float32Array;
      singles.push(spam! > ham! ? 1 : 0);
    }
    const expected = Int32Array.from(singles, (label, row) => (row < 30 ? label : 1 - label));
    const evaluation = await evaluate(engine, { ids, labels: expected }, labels);
    expect(evaluation.predictions).toEqual(singles);
    expect(evaluation.accuracy).toBe(0.75);
    expect(evaluation.accuracyInterval.low).toBeGreaterThan(0.5);
    expect(evaluation.accuracyInterval.low).toBeLessThan(0.75);
    expect(evaluation.accuracyInterval.high).toBeGreaterThan(0.75);
    expect(evaluation.perClass.map((entry) => entry.label)).toEqual(labels);
    expect(evaluation.confusion.flat().reduce((a, b) => a + b)).toBe(40);
    expect(await evaluate(engine, { ids, labels: expected }, labels)).toEqual(evaluation);
  });

  it('takes a function, and refuses no texts, another number of classes and NaN', async () => {
    const data = { ids: [Int32Array.of(1), Int32Array.of(2)], labels: Int32Array.of(0, 1) };
    const evaluation = await evaluate(async () => Float32Array.of(2, 1, 0, 3), data, labels);
    expect(evaluation).toMatchObject({
      accuracy: 1,
      macroF1: 1,
      confusion: [
        [1, 0],
        [0, 1],
      ],
    });
    await expect(evaluate(async () => Float32Array.of(1, 2, 3), data, labels)).rejects.toMatchObject({
      code: 'EVALUATE_LOGITS',
    });
    await expect(evaluate(async () => Float32Array.of(1, Number.NaN, 3, 4), data, labels)).rejects.toThrow(
      /text 0: expected numbers/,
    );
    const none = { ids: [], labels: new Int32Array() };
    await expect(evaluate(async () => new Float32Array(), none, labels)).rejects.toMatchObject({ code: 'DATA_EMPTY' });
  });
});

describe('evaluatePredictions', () => {
  it('counts flips against the parent and tests against another', () => {
    const expected = [0, 0, 1, 1, 1];
    const evaluation = evaluatePredictions([0, 1, 1, 1, 0], expected, labels, {
      parentPredictions: [0, 0, 0, 1, 0],
      against: [1, 1, 0, 0, 1],
    });
    expect(evaluation.flips).toEqual({ changed: 2, gained: 1, lost: 1 });
    expect(evaluation.mcnemar).toMatchObject({ aOnly: 3, bOnly: 1 });
    expect(evaluation.mcnemar!.pValue).toBeCloseTo(0.625, 10);
  });

  it('draws its intervals from the seed', () => {
    const rng = createRng(9);
    const expected = Array.from({ length: 200 }, () => rng.integer(2));
    const predictions = expected.map((label) => (rng.uniform() < 0.8 ? label : 1 - label));
    const run = (seed: number) => evaluatePredictions(predictions, expected, labels, { seed, samples: 200 });
    expect(run(1)).toEqual(run(1));
    expect(run(1).macroF1Interval).not.toEqual(run(2).macroF1Interval);
  });

  it('refuses predictions of other texts', () => {
    expect(() => evaluatePredictions([0, 1], [0, 1], labels, { parentPredictions: [0] })).toThrow(
      expect.objectContaining({ code: 'METRICS_INPUT' }),
    );
  });
});

describe('evaluateNaiveBayes', () => {
  it('has the same shape', () => {
    const examples: Example[] = [
      { id: 'a', text: 'cheap pills now', label: 'spam' },
      { id: 'b', text: 'cheap loans', label: 'spam' },
      { id: 'c', text: 'meeting at noon', label: 'ham' },
      { id: 'd', text: 'lunch at noon', label: 'ham' },
    ];
    const evaluation = evaluateNaiveBayes(naiveBayes(examples, labels), examples, labels, { against: [0, 0, 0, 0] });
    expect(evaluation).toMatchObject({ examples: 4, predictions: [1, 1, 0, 0], accuracy: 1 });
    expect(evaluation.mcnemar).toMatchObject({ aOnly: 2, bOnly: 0 });
    expect(() => evaluateNaiveBayes(naiveBayes(examples, labels), [], labels)).toThrow(
      expect.objectContaining({ code: 'DATA_EMPTY' }),
    );
  });
});
