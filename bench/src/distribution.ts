import { SlmError } from '@slm-compress/onnx';
import { mean, medianAbsoluteDeviation, quantileSorted } from 'simple-statistics';

/** How a measured quantity was distributed; every figure is in `unit`. */
export interface Distribution {
  readonly unit: 'ms';
  /** Samples measured; `samples` may hold fewer. */
  readonly n: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Median absolute deviation from the median: a spread that outliers do not move. */
  readonly mad: number;
  /** Samples in the order they were measured, thinned evenly to at most `keep`, rounded to four significant digits. */
  readonly samples: readonly number[];
  /** What the spread says about the measurement itself; empty on a quiet machine. */
  readonly warnings: readonly string[];
}

export interface DistributionOptions {
  /** Most samples to keep; 400 by default. */
  readonly keep?: number;
}

/** Relative MAD above which the middle of the distribution counts as noisy. */
const NOISY_MAD = 0.1;
/** p90 / p50 above which the tail counts as disturbed by other work. */
const NOISY_TAIL = 1.5;
/** Below this many samples a p99 is only the maximum. */
const FEW_SAMPLES = 30;

/**
 * Summarizes times in milliseconds. Quantiles are interpolated linearly between neighbouring samples (type 7 of Hyndman
 * and Fan, *Sample Quantiles in Statistical Packages*, 1996), as simple-statistics has them.
 *
 * @throws SlmError `BENCH_NO_SAMPLES` when there is nothing to summarize.
 */
export function summarize(times: readonly number[], { keep = 400 }: DistributionOptions = {}): Distribution {
  if (times.length === 0) throw new SlmError('BENCH_NO_SAMPLES', 'summarize: expected at least one sample, got none');
  const sorted = [...times].sort((a, b) => a - b);
  const p50 = quantileSorted(sorted, 0.5);
  const p90 = quantileSorted(sorted, 0.9);
  const mad = medianAbsoluteDeviation([...times]);
  return {
    unit: 'ms',
    n: times.length,
    p50,
    p90,
    p99: quantileSorted(sorted, 0.99),
    mean: mean(sorted),
    min: sorted[0]!,
    max: sorted.at(-1)!,
    mad,
    samples: thin(times, keep).map((time) => Number(time.toPrecision(4))),
    warnings: noiseWarnings(p50, p90, mad, times.length),
  };
}

function noiseWarnings(p50: number, p90: number, mad: number, n: number): readonly string[] {
  const warnings: string[] = [];
  if (n < FEW_SAMPLES) warnings.push(`only ${n} samples: the p99 is little more than the maximum`);
  if (mad > NOISY_MAD * p50) {
    warnings.push(`noisy: half of the samples lie more than ${percent(mad / p50)} away from the median`);
  }
  if (p90 > NOISY_TAIL * p50) {
    warnings.push(`noisy: one sample in ten took more than ${(p90 / p50).toFixed(1)} times the median`);
  }
  return warnings;
}

function thin(times: readonly number[], keep: number): readonly number[] {
  if (times.length <= keep) return times;
  return Array.from({ length: keep }, (_, i) => times[Math.floor((i * times.length) / keep)]!);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
