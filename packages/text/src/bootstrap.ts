import type { Rng } from '@slm-compress/onnx';
import { quantile } from 'simple-statistics';
import { accuracy } from './metrics/agreement.ts';
import { checkClasses, checkRows, metricsError } from './metrics/check-rows.ts';
import { precisionRecallF1 } from './metrics/class-averages.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** How many resamples are drawn, from what, and how wide the interval is. */
export interface ResampleOptions {
  /** Resamples; 2,000 by default. */
  readonly samples?: number;
  readonly rng: Rng;
  /** Coverage; 0.95 by default. */
  readonly level?: number;
}

export interface BootstrapOptions extends ResampleOptions {
  readonly metric: 'accuracy' | 'macroF1';
}

/** Predicted and expected class ids with the class names, or for accuracy alone which rows were right. */
export type BootstrapInput =
  | readonly boolean[]
  | {
      readonly predicted: ArrayLike<number>;
      readonly expected: ArrayLike<number>;
      readonly labels: readonly string[];
    };

/** A metric of the rows with these indices (some repeated); NaN where it is undefined. The array is reused. */
export type RowsMetric = (rows: Int32Array) => number;

/** A metric's value with its interval. */
export interface BootstrapEstimate extends Interval {
  /** Over the rows themselves. */
  readonly value: number;
  /** Resamples where the metric was NaN (one class only, say); the interval is of the others. */
  readonly undefinedSamples: number;
}

/** The difference of two metrics over the same rows. */
export interface PairedBootstrap extends BootstrapEstimate {
  /**
   * Two-sided: min(1, 2 · (1 + the fewer of resamples with a difference ≤ 0 and ≥ 0) / (1 + resamples)). Above 1 − level
   * the difference is a tie.
   */
  readonly pValue: number;
}

/**
 * Percentile bootstrap interval (Efron and Tibshirani, *An Introduction to the Bootstrap*, 13.3) of a metric over the
 * rows of a test set: rows drawn with replacement. Throws SlmError `METRICS_INPUT` for no rows, macro F1 of booleans,
 * or options out of range.
 */
export function bootstrapInterval(input: BootstrapInput, options: BootstrapOptions): Interval {
  const { rows, metric } = 'predicted' in input ? ofClasses(input, options.metric) : ofRows(input, options.metric);
  return percentiles(resample('bootstrap', rows, metric, options), options.level);
}

/**
 * {@link bootstrapInterval} for any metric of `rows` rows, with the value itself. Low and high are NaN when the metric
 * is undefined in every resample. Throws SlmError `METRICS_INPUT` for no rows or options out of range.
 *
 *     bootstrap(scores.length, (rows) => rocAuc(takeRows(scores, rows), takeRows(positive, rows)), { rng })
 */
export function bootstrap(rows: number, metric: RowsMetric, options: ResampleOptions): BootstrapEstimate {
  const draws = resample('bootstrap', rows, metric, options);
  const defined = draws.filter((draw) => !Number.isNaN(draw));
  return {
    value: metric(Int32Array.from({ length: rows }, (_, i) => i)),
    ...percentiles(defined, options.level),
    undefinedSamples: draws.length - defined.length,
  };
}

/**
 * Paired bootstrap of the difference `a − b` of one metric of two models over the same `rows` rows: both see the same
 * resamples (Efron and Tibshirani, 16; Koehn 2004, aclanthology.org/W04-3250). Errors as {@link bootstrap}.
 */
export function pairedBootstrap(rows: number, a: RowsMetric, b: RowsMetric, options: ResampleOptions): PairedBootstrap {
  const difference: RowsMetric = (sample) => a(sample) - b(sample);
  const draws = resample('paired bootstrap', rows, difference, options);
  const defined = draws.filter((draw) => !Number.isNaN(draw));
  const fewer = Math.min(defined.filter((draw) => draw <= 0).length, defined.filter((draw) => draw >= 0).length);
  return {
    value: difference(Int32Array.from({ length: rows }, (_, i) => i)),
    ...percentiles(defined, options.level),
    undefinedSamples: draws.length - defined.length,
    pValue: Math.min(1, (2 * (1 + fewer)) / (1 + defined.length)),
  };
}

/** The values at these indices. */
export function takeRows<T>(values: ArrayLike<T>, rows: ArrayLike<number>): T[] {
  return Array.from(rows, (row) => values[row]!);
}

function resample(where: string, rows: number, metric: RowsMetric, options: ResampleOptions): number[] {
  const { samples = 2000, rng, level = 0.95 } = options;
  if (!Number.isInteger(rows) || rows < 1) throw metricsError(where, `expected rows, got ${rows}`);
  if (!Number.isInteger(samples) || samples < 1 || !(level > 0 && level < 1)) {
    throw metricsError(where, `expected samples ≥ 1 and level in (0, 1), got ${samples}, ${level}`);
  }
  const sample = new Int32Array(rows);
  return Array.from({ length: samples }, () => {
    for (let i = 0; i < rows; i++) sample[i] = rng.integer(rows);
    return metric(sample);
  });
}

function percentiles(draws: readonly number[], level = 0.95): Interval {
  if (draws.length === 0) return { low: Number.NaN, high: Number.NaN };
  const sorted = [...draws].sort((a, b) => a - b);
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
}

function ofRows(correct: readonly boolean[], metric: string): { rows: number; metric: RowsMetric } {
  if (metric !== 'accuracy') {
    throw metricsError('bootstrap', `expected metric accuracy for booleans, got ${metric}`);
  }
  return {
    rows: correct.length,
    metric: (sample) => {
      let hits = 0;
      for (let i = 0; i < sample.length; i++) if (correct[sample[i]!]) hits++;
      return hits / sample.length;
    },
  };
}

function ofClasses(
  { predicted, expected, labels }: Exclude<BootstrapInput, readonly boolean[]>,
  metric: 'accuracy' | 'macroF1',
): { rows: number; metric: RowsMetric } {
  const rows = checkRows('bootstrap', predicted, expected);
  for (const ids of [predicted, expected]) checkClasses('bootstrap', ids, labels.length);
  const p = new Int32Array(rows);
  const e = new Int32Array(rows);
  return {
    rows,
    metric: (sample) => {
      for (let i = 0; i < rows; i++) {
        p[i] = predicted[sample[i]!]!;
        e[i] = expected[sample[i]!]!;
      }
      return metric === 'accuracy' ? accuracy(p, e) : precisionRecallF1(p, e, labels.length).macro.f1;
    },
  };
}
