import { SlmError } from '@slm-compress/onnx';
import type { Range } from './granularity.ts';

/** A streaming histogram of fixed memory. */
export interface Histogram {
  /** Counts `values`. @throws SlmError `CALIBRATION_NAN` at a NaN or an infinity */
  add(values: Float32Array): void;
  readonly count: number;
  /** The exact smallest and largest value so far. */
  range(): Range;
  /**
   * The interval that leaves out a share of `(100 - percentile) / 100` of the values at either end, interpolated inside
   * its bins and never wider than {@link range}.
   */
  percentileRange(percentile: number): Range;
}

/**
 * Equal bins over an interval that starts around the first values and doubles towards whatever falls outside it; each
 * doubling merges neighbouring bins, so counts stay exact and memory never grows.
 *
 * @param where names the observed value in errors
 */
export function createHistogram(where: string, bins = 8192): Histogram {
  let counts = new Float64Array(bins);
  let origin = 0;
  let width = 0;
  let count = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;

  const widen = (downwards: boolean) => {
    const merged = new Float64Array(bins);
    const offset = downwards ? bins / 2 : 0;
    for (let bin = 0; bin < bins / 2; bin++) merged[offset + bin] = counts[2 * bin]! + counts[2 * bin + 1]!;
    if (downwards) origin -= bins * width;
    width *= 2;
    counts = merged;
  };

  /** The value below which `target` counts lie. */
  const quantile = (target: number) => {
    let below = 0;
    for (let bin = 0; bin < bins; bin++) {
      const here = counts[bin]!;
      if (here > 0 && below + here >= target) return origin + width * (bin + (target - below) / here);
      below += here;
    }
    return max;
  };

  return {
    add(values) {
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let index = 0; index < values.length; index++) {
        const value = values[index]!;
        if (value - value !== 0) {
          throw new SlmError(
            'CALIBRATION_NAN',
            `calibrate, value "${where}": expected finite numbers, got ${value} (the model or its inputs are broken)`,
          );
        }
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (values.length === 0) return;
      min = Math.min(min, low);
      max = Math.max(max, high);
      if (width === 0) {
        const largest = Math.max(Math.abs(low), Math.abs(high), 2 ** -100);
        width = (2 * 2 ** Math.ceil(Math.log2(largest))) / bins;
        origin = (-width * bins) / 2;
      }
      while (low < origin) widen(true);
      while (high >= origin + width * bins) widen(false);
      for (let index = 0; index < values.length; index++) {
        const bin = Math.floor((values[index]! - origin) / width);
        counts[bin]! += 1;
      }
      count += values.length;
    },
    get count() {
      return count;
    },
    range: () => ({ min, max }),
    percentileRange(percentile) {
      const cut = count * (1 - percentile / 100);
      const inside = (value: number) => Math.min(max, Math.max(min, value));
      const low = inside(quantile(cut));
      return { min: low, max: Math.max(low, inside(quantile(count - cut))) };
    },
  };
}
