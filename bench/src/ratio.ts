import { type Rng, SlmError } from '@slm-compress/onnx';
import { median, quantileSorted } from 'simple-statistics';

/** A ratio of medians with its bootstrap interval. */
export interface Ratio {
  /** median(baseline) / median(candidate): above 1, the candidate is faster. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** Confidence level of the interval, for example 0.95. */
  readonly level: number;
}

export interface RatioOptions {
  readonly rng: Rng;
  /** Bootstrap resamples; 2000 by default. */
  readonly resamples?: number;
  /** 0.95 by default. */
  readonly level?: number;
}

/**
 * How many times faster `candidate` is than `baseline`, with a percentile bootstrap interval (Efron and Tibshirani,
 * *An Introduction to the Bootstrap*, 1993, chapter 13). Lists of equal length are taken as the rounds of
 * `measureAlternating` and resampled in pairs, so that what disturbed a whole round stays in both; others are
 * resampled independently.
 *
 * @throws SlmError `BENCH_NO_SAMPLES` when a list is empty.
 */
export function speedRatio(
  baseline: readonly number[],
  candidate: readonly number[],
  { rng, resamples = 2000, level = 0.95 }: RatioOptions,
): Ratio {
  if (baseline.length === 0 || candidate.length === 0) {
    throw new SlmError('BENCH_NO_SAMPLES', 'speedRatio: expected samples of both cases, got an empty list');
  }
  const paired = baseline.length === candidate.length;
  const ratios = Array.from({ length: resamples }, () => {
    const rows = draw(baseline.length, rng);
    const others = paired ? rows : draw(candidate.length, rng);
    return median(rows.map((i) => baseline[i]!)) / median(others.map((i) => candidate[i]!));
  }).sort((a, b) => a - b);
  const tail = (1 - level) / 2;
  return {
    ratio: median([...baseline]) / median([...candidate]),
    low: quantileSorted(ratios, tail),
    high: quantileSorted(ratios, 1 - tail),
    level,
  };
}

function draw(count: number, rng: Rng): number[] {
  return Array.from({ length: count }, () => rng.integer(count));
}
