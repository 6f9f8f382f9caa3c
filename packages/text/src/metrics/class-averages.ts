import { checkClasses, checkRows, metricsError } from './check-rows.ts';
import { ratio, type ZeroDivision } from './zero-division.ts';

export interface PrecisionRecallF1 {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Hits, predictions and rows of one class. */
export interface ClassCounts {
  readonly hits: number;
  readonly found: number;
  readonly support: number;
}

export interface AverageOptions {
  /** 0 by default. */
  readonly zeroDivision?: ZeroDivision;
  /**
   * Classes that macro and weighted averages run over: those expected or predicted at least once (the default, and
   * scikit-learn's when `labels` is not given), or all (`labels=range(classes)` there).
   */
  readonly over?: 'present' | 'all';
}

export interface ClassAverages {
  /** By class id, absent classes included. */
  readonly perClass: readonly (PrecisionRecallF1 & { readonly support: number })[];
  /** Counts of all classes pooled. */
  readonly micro: PrecisionRecallF1;
  /** Mean over classes. */
  readonly macro: PrecisionRecallF1;
  /** Mean over classes, weighted by their rows; the plain mean when no averaged class has rows. */
  readonly weighted: PrecisionRecallF1;
}

/** `confusion[expected][predicted]`, rows counted. Throws SlmError `METRICS_INPUT` for no rows or ids out of range. */
export function confusionMatrix(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  classes: number,
): number[][] {
  checkRows('predicted and expected', predicted, expected);
  checkClasses('predicted', predicted, classes);
  checkClasses('expected', expected, classes);
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < expected.length; i++) confusion[expected[i]!]![predicted[i]!]!++;
  return confusion;
}

/** Hits, predictions and rows of each class of a confusion matrix. */
export function classCounts(confusion: readonly (readonly number[])[]): ClassCounts[] {
  return confusion.map((row, c) => ({
    hits: row[c]!,
    found: confusion.reduce((total, other) => total + other[c]!, 0),
    support: row.reduce((a, b) => a + b, 0),
  }));
}

/**
 * Precision, recall and F1 of predicted against expected class ids below `classes`: per class, micro, macro, weighted.
 * F1 is 2·hits / (predictions + rows), undefined only for a class that has neither.
 * Throws SlmError `METRICS_INPUT` for no rows, unequal lengths, ids out of range or another `zeroDivision`.
 */
export function precisionRecallF1(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  classes: number,
  options: AverageOptions = {},
): ClassAverages {
  return averagesOf(classCounts(confusionMatrix(predicted, expected, classes)), options);
}

/** {@link ClassAverages} from counts per class. */
export function averagesOf(counts: readonly ClassCounts[], options: AverageOptions = {}): ClassAverages {
  const { zeroDivision = 0, over = 'present' } = options;
  if (zeroDivision !== 0 && zeroDivision !== 1 && !Number.isNaN(zeroDivision)) {
    throw metricsError('zeroDivision', `expected 0, 1 or NaN, got ${zeroDivision}`);
  }
  const scores = ({ hits, found, support }: ClassCounts): PrecisionRecallF1 => ({
    precision: ratio(hits, found, zeroDivision),
    recall: ratio(hits, support, zeroDivision),
    f1: ratio(2 * hits, found + support, zeroDivision),
  });
  const perClass = counts.map((one) => ({ ...scores(one), support: one.support }));
  const pooled = { hits: 0, found: 0, support: 0 };
  for (const { hits, found, support } of counts) {
    pooled.hits += hits;
    pooled.found += found;
    pooled.support += support;
  }
  const averaged = perClass.filter((_, c) => over === 'all' || counts[c]!.found + counts[c]!.support > 0);
  const mean = (weight: (support: number) => number): PrecisionRecallF1 => {
    const of = (key: keyof PrecisionRecallF1) =>
      weightedMean(
        averaged.map((one) => one[key]),
        averaged.map((one) => weight(one.support)),
      );
    return { precision: of('precision'), recall: of('recall'), f1: of('f1') };
  };
  return { perClass, micro: scores(pooled), macro: mean(() => 1), weighted: mean((support) => support) };
}

/** Leaves NaN out; NaN when nothing is left, the plain mean when what is left weighs nothing. */
function weightedMean(values: readonly number[], weights: readonly number[]): number {
  const used = values.flatMap((value, i) => (Number.isNaN(value) ? [] : [{ value, weight: weights[i]! }]));
  const total = used.reduce((sum, { weight }) => sum + weight, 0);
  const sum = used.reduce((all, { value, weight }) => all + value * (total === 0 ? 1 : weight), 0);
  return sum / (total === 0 ? used.length : total);
}
