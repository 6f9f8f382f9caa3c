import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accuracy, balancedAccuracy, matthewsCorrelation } from './agreement.ts';
import { answerScores, tokenF1 } from './answers.ts';
import { expectedCalibrationError, reliabilityTable, topConfidence } from './calibration.ts';
import { type PrecisionRecallF1, precisionRecallF1 } from './class-averages.ts';
import { pearson, spearman } from './correlation.ts';
import { holm } from './holm.ts';
import { bitsPerByte, perplexity } from './language-model.ts';
import { multiLabelScores } from './multi-label.ts';
import { brierScore, logLoss } from './probability-losses.ts';
import { averagePrecision, averagePrecisionOneVsRest, rocAuc, rocAucOneVsRest, topKAccuracy } from './ranking.ts';
import { regressionScores } from './regression.ts';

/** Made by scikit-learn, SciPy and statsmodels: bench/peers/metrics-goldens.py. NaN is null. */
/** A case as it stands in the file. */
type Case = ReturnType<typeof JSON.parse>;
const golden = JSON.parse(readFileSync(new URL('../../goldens/metrics-scores.json', import.meta.url), 'utf8'));
const input = expect.objectContaining({ code: 'METRICS_INPUT' });
const list = ({ precision, recall, f1 }: PrecisionRecallF1) => [precision, recall, f1];

/** Both NaN, or equal to 1e-12 of the larger of the expected value and 1. */
function same(actual: unknown, wanted: unknown, path = ''): void {
  if (Array.isArray(wanted)) {
    expect((actual as unknown[]).length, path).toBe(wanted.length);
    wanted.forEach((item, i) => {
      same((actual as unknown[])[i], item, `${path}[${i}]`);
    });
  } else if (wanted === null) expect(actual, path).toBeNaN();
  else {
    const value = Number(wanted);
    if (actual === value) return;
    expect(Math.abs((actual as number) - value), `${path}: ${actual} for ${value}`).toBeLessThanOrEqual(
      1e-12 * Math.max(1, Math.abs(value)),
    );
  }
}

describe('agrees with scikit-learn', () => {
  it.each<[number, Case]>(golden.classes.map((one: unknown, i: number) => [i, one]))('classes, case %i', (_, one) => {
    const { predicted, expected, classes, zeroDivision: zero } = one;
    const zeroDivision = zero ?? Number.NaN;
    const present = precisionRecallF1(predicted, expected, classes, { zeroDivision });
    const all = precisionRecallF1(predicted, expected, classes, { zeroDivision, over: 'all' });
    same(
      [0, 1, 2].map((key) => all.perClass.map((row) => list(row)[key])),
      one.perClass,
      'per class',
    );
    same(list(present.micro), one.micro, 'micro');
    same(list(present.macro), one.macro, 'macro');
    same(list(present.weighted), one.weighted, 'weighted');
    same(list(all.macro), one.macroAll, 'macro of all');
    same(list(all.weighted), one.weightedAll, 'weighted of all');
    same(accuracy(predicted, expected), one.accuracy, 'accuracy');
    same(balancedAccuracy(predicted, expected, classes), one.balanced, 'balanced');
    same(balancedAccuracy(predicted, expected, classes, { adjusted: true }), one.adjusted, 'adjusted');
    same(matthewsCorrelation(predicted, expected, classes), one.mcc, 'mcc');
  });

  it.each<[number, Case]>(golden.ranking.map((one: unknown, i: number) => [i, one]))('ranking, case %i', (_, one) => {
    same(rocAuc(one.scores, one.positive), one.rocAuc, 'roc-auc');
    same(averagePrecision(one.scores, one.positive), one.averagePrecision, 'average precision');
  });

  it.each<[number, Case]>(golden.probabilities.map((one: unknown, i: number) => [i, one]))(
    'probabilities, case %i',
    (_, one) => {
      const { expected } = one;
      const scores: number[][] = one.sixtyfourths.map((row: number[]) => row.map((part) => part / 64));
      same(logLoss(scores, expected), one.logLoss, 'log loss');
      same(brierScore(scores, expected), one.brier, 'brier');
      if (one.topK === undefined) return;
      for (const average of ['macro', 'weighted'] as const) {
        same(rocAucOneVsRest(scores, expected, average), one[`rocAuc-${average}`], `roc-auc ${average}`);
        const wanted = one[`averagePrecision-${average}`];
        same(averagePrecisionOneVsRest(scores, expected, average), wanted, `average precision ${average}`);
      }
      same(
        one.topK.map((__: number, k: number) => topKAccuracy(scores, expected, k + 1)),
        one.topK,
        'top k',
      );
    },
  );

  it.each<[number, Case]>(golden.calibration.map((one: unknown, i: number) => [i, one]))(
    'calibration, case %i',
    (_, one) => {
      const table = reliabilityTable(one.confidences, one.correct, one);
      same(
        table.map((bin) => bin.accuracy),
        one.accuracy,
        'accuracy',
      );
      same(
        table.map((bin) => bin.confidence),
        one.confidence,
        'confidence',
      );
      for (const bin of table) expect(bin.confidence).toBeLessThanOrEqual(bin.high + 1e-12);
      expect(table.reduce((rows, bin) => rows + bin.rows, 0)).toBe(one.correct.length);
    },
  );

  it.each<[number, Case]>(golden.multiLabel.map((one: unknown, i: number) => [i, one]))(
    'label sets, case %i',
    (_, one) => {
      const scores = multiLabelScores(one.predicted, one.expected, { zeroDivision: one.zeroDivision ?? Number.NaN });
      same([scores.micro.f1, scores.macro.f1, scores.weighted.f1], [one.micro, one.macro, one.weighted], 'averages');
      same(
        scores.perLabel.map((row) => row.f1),
        one.perLabel,
        'per label',
      );
      same(
        [scores.samplesF1, scores.exactMatch, scores.hammingLoss],
        [one.samples, one.exactMatch, one.hammingLoss],
        'rows',
      );
    },
  );

  it.each<[number, Case]>(golden.numbers.map((one: unknown, i: number) => [i, one]))('numbers, case %i', (_, one) => {
    const { predicted, expected } = one;
    same(pearson(predicted, expected), one.pearson, 'pearson');
    same(spearman(predicted, expected), one.spearman, 'spearman');
    const { meanAbsoluteError, meanSquaredError, r2 } = regressionScores(predicted, expected);
    same([meanAbsoluteError, meanSquaredError, r2], [one.meanAbsoluteError, one.meanSquaredError, one.r2], 'errors');
  });
});

describe('answers', () => {
  it.each(golden.answers as Case[])('scores "$predicted" against "$reference" as SQuAD does', (one) => {
    const scores = answerScores([one.predicted], [[one.reference]]);
    same([scores.exactMatch, scores.f1], [one.exactMatch, one.f1]);
    same(tokenF1(one.reference, one.predicted), one.f1);
  });

  it('takes the best reference', () => {
    expect(answerScores(['a red car', 'blue'], [['car', 'The red car'], ['green']])).toEqual({
      exactMatch: 0.5,
      f1: 0.5,
    });
  });
});

describe('holm', () => {
  it.each(golden.holm as Case[])('adjusts $pValues as statsmodels does', (one) => {
    same(holm(one.pValues), one.adjusted);
  });
});

describe('calibration', () => {
  it('is the mean gap between accuracy and confidence, weighted by rows', () => {
    const confidences = [0.9, 0.9, 0.9, 0.9, 0.6, 0.6];
    const correct = [1, 1, 1, 0, 0, 0];
    same(expectedCalibrationError(confidences, correct, { bins: 10 }), (4 * 0.15 + 2 * 0.6) / 6);
    same(expectedCalibrationError(confidences, correct, { bins: 1 }), Math.abs(0.5 - 4.8 / 6));
  });

  it('takes the most probable class of each row, the lower id on a tie', () => {
    const probabilities = [
      [0.2, 0.8],
      [0.5, 0.5],
    ];
    expect(topConfidence(probabilities, [1, 1])).toEqual({
      confidences: Float64Array.of(0.8, 0.5),
      correct: [true, false],
    });
  });
});

describe('language models', () => {
  it('knows the perplexity of uniform guesses, and their bits per byte', () => {
    same(perplexity(10 * Math.log(50), 10), 50);
    same(bitsPerByte(16 * Math.log(2), 4), 4);
    expect(perplexity(1e6, 1)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('refuses', () => {
  const two = [[0.5, 0.5]];
  it.each<[string, () => unknown]>([
    ['no rows', () => accuracy([], [])],
    ['unequal lengths', () => rocAuc([0.5], [0, 1])],
    ['a class id out of range', () => matthewsCorrelation([2], [0], 2)],
    ['a class id that is no integer', () => precisionRecallF1([0.5], [0], 2)],
    ['another zeroDivision', () => precisionRecallF1([0], [0], 2, { zeroDivision: 2 })],
    ['scores that are no numbers', () => rocAuc([Number.NaN, 1], [0, 1])],
    ['ragged scores', () => topKAccuracy([[1, 2], [1]], [0, 0], 1)],
    ['rows without scores', () => topKAccuracy([[]], [0], 1)],
    ['k below 1', () => topKAccuracy(two, [0], 0)],
    ['a probability above 1', () => logLoss([[1.5, -0.5]], [0])],
    ['an unknown expected class', () => brierScore(two, [2])],
    ['a confidence above 1', () => reliabilityTable([2], [1])],
    ['no bins', () => reliabilityTable([0.5], [1], { bins: 0 })],
    ['ragged label sets', () => multiLabelScores([[0, 1]], [[0]])],
    ['label sets of other values', () => multiLabelScores([[2]], [[1]])],
    ['an infinite number', () => pearson([1, Number.POSITIVE_INFINITY], [1, 2])],
    ['infinite predictions', () => regressionScores([Number.POSITIVE_INFINITY], [1])],
    ['a negative likelihood', () => perplexity(-1, 2)],
    ['no tokens', () => perplexity(1, 0)],
    ['no bytes', () => bitsPerByte(1, 0)],
    ['a row without references', () => answerScores(['a'], [[]])],
    ['a p-value above 1', () => holm([1.2])],
  ])('%s', (_, run) => {
    expect(run).toThrow(input);
  });
});
