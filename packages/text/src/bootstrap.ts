import { type Rng, SlmError } from '@slm-compress/onnx';
import { quantile } from 'simple-statistics';
import { classificationMetrics } from './metrics.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly metric: 'accuracy' | 'macroF1';
  /** Resamples; 2,000 by default. */
  readonly samples?: number;
  readonly rng: Rng;
  /** Coverage; 0.95 by default. */
  readonly level?: number;
}

/** Predicted and expected class ids with the class names, or for accuracy alone which rows were right. */
export type BootstrapInput =
  | readonly boolean[]
  | {
      readonly predicted: ArrayLike<number>;
      readonly expected: ArrayLike<number>;
      readonly labels: readonly string[];
    };

/**
 * Percentile bootstrap interval (Efron and Tibshirani, *An Introduction to the Bootstrap*, 13.3) of a metric over the
 * rows of a test set: rows drawn with replacement. Throws SlmError `METRICS_INPUT` for no rows, macro F1 of booleans,
 * or options out of range.
 */
export function bootstrapInterval(input: BootstrapInput, options: BootstrapOptions): Interval {
  const { metric, samples = 2000, rng, level = 0.95 } = options;
  if (!Number.isInteger(samples) || samples < 1 || !(level > 0 && level < 1)) {
    throw new SlmError(
      'METRICS_INPUT',
      `bootstrap: expected samples ≥ 1 and level in (0, 1), got ${samples}, ${level}`,
    );
  }
  const statistic = 'predicted' in input ? ofClasses(input, metric) : ofRows(input, metric);
  const draws = Array.from({ length: samples }, () => statistic(rng));
  draws.sort((a, b) => a - b);
  return { low: quantile(draws, (1 - level) / 2), high: quantile(draws, (1 + level) / 2) };
}

function ofRows(correct: readonly boolean[], metric: string): (rng: Rng) => number {
  if (correct.length === 0 || metric !== 'accuracy') {
    throw new SlmError('METRICS_INPUT', `bootstrap: expected rows, and metric accuracy for booleans, got ${metric}`);
  }
  return (rng) => {
    let hits = 0;
    for (let i = 0; i < correct.length; i++) if (correct[rng.integer(correct.length)]) hits++;
    return hits / correct.length;
  };
}

function ofClasses(
  { predicted, expected, labels }: Exclude<BootstrapInput, readonly boolean[]>,
  metric: 'accuracy' | 'macroF1',
): (rng: Rng) => number {
  classificationMetrics(predicted, expected, labels);
  const rows = expected.length;
  const p = new Int32Array(rows);
  const e = new Int32Array(rows);
  return (rng) => {
    for (let i = 0; i < rows; i++) {
      const row = rng.integer(rows);
      p[i] = predicted[row]!;
      e[i] = expected[row]!;
    }
    return classificationMetrics(p, e, labels)[metric];
  };
}
