import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { createHistogram } from './histogram.ts';

describe('histogram', () => {
  it('finds percentiles of a stream within two bins of the sorted numbers', () => {
    const rng = createRng(1);
    const all: number[] = [];
    const histogram = createHistogram('x');
    for (let batch = 0; batch < 40; batch++) {
      const values = Float32Array.from({ length: 500 }, () => rng.normal() * (1 + batch / 4) + 3);
      all.push(...values);
      histogram.add(values);
    }
    all.sort((a, b) => a - b);
    expect(histogram.count).toBe(all.length);
    expect(histogram.range()).toEqual({ min: all[0], max: all.at(-1) });
    const { min, max } = histogram.percentileRange(99);
    const bin = 256 / 8192;
    expect(Math.abs(min - all[Math.floor(all.length * 0.01)]!)).toBeLessThan(2 * bin);
    expect(Math.abs(max - all[Math.floor(all.length * 0.99)]!)).toBeLessThan(2 * bin);
  });

  it('widens up and down by powers of two without losing a count', () => {
    const histogram = createHistogram('x', 16);
    for (const value of [0.5, 40, -3000, 7]) histogram.add(Float32Array.of(value));
    expect(histogram.count).toBe(4);
    expect(histogram.percentileRange(100)).toEqual({ min: -3000, max: 40 });
  });

  it('clips one outlier in a million but not in a hundred', () => {
    const many = createHistogram('x');
    many.add(new Float32Array(999_999).map((_, index) => (index % 1000) / 1000));
    many.add(Float32Array.of(500));
    expect(many.percentileRange(99.999).max).toBeLessThan(1.2);
    const few = createHistogram('x');
    few.add(Float32Array.from({ length: 99 }, (_, index) => index / 100));
    few.add(Float32Array.of(500));
    expect(few.percentileRange(99.999).max).toBeGreaterThan(499);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %s and names the value', (value) => {
    expect(() => createHistogram('layer.0/x').add(Float32Array.of(1, value))).toThrow(
      expect.objectContaining({ code: 'CALIBRATION_NAN', message: expect.stringContaining('value "layer.0/x"') }),
    );
  });

  it('holds values of zero only', () => {
    const histogram = createHistogram('x');
    histogram.add(new Float32Array(10));
    expect(histogram.percentileRange(99.999)).toEqual({ min: 0, max: 0 });
  });
});
