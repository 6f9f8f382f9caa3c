import { createRng } from '@slm-compress/onnx';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summarize } from './distribution.ts';
import { speedRatio } from './ratio.ts';

describe('summarize', () => {
  it('gives quantiles, mean and MAD of known samples', () => {
    const times = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(summarize(times)).toMatchObject({
      n: 100,
      p50: 50.5,
      p90: expect.closeTo(90.1, 10),
      p99: expect.closeTo(99.01, 10),
      mean: 50.5,
      min: 1,
      max: 100,
      mad: 25,
    });
  });

  it('keeps samples in order, thinned evenly and rounded', () => {
    const times = Array.from({ length: 1000 }, (_, i) => 1 + i / 3);
    const { samples, n } = summarize(times, { keep: 4 });
    expect(n).toBe(1000);
    expect(samples).toEqual([1, 84.33, 167.7, 251]);
  });

  it('has quantiles in order and within the samples, whatever they are', () => {
    const sample = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 60 }), (times) => {
        const { min, p50, p90, p99, max } = summarize(times);
        const line = [min, p50, p90, p99, max];
        expect(line).toEqual([...line].sort((a, b) => a - b));
        expect(min).toBe(Math.min(...times));
        expect(max).toBe(Math.max(...times));
      }),
    );
  });

  it('says nothing about steady samples and names what is noisy', () => {
    const steady = Array.from({ length: 200 }, (_, i) => 10 + (i % 5) / 10);
    expect(summarize(steady).warnings).toEqual([]);
    const wide = Array.from({ length: 200 }, (_, i) => 5 + (i % 11));
    expect(summarize(wide).warnings).toContainEqual(
      expect.stringMatching(/half of the samples lie more than 30 % away/),
    );
    const tail = Array.from({ length: 200 }, (_, i) => (i % 5 === 0 ? 40 : 10 + (i % 3) / 10));
    expect(summarize(tail).warnings).toEqual([expect.stringMatching(/one sample in ten took more than 4\.\d times/)]);
    expect(summarize([1, 1, 1]).warnings).toEqual(['only 3 samples: the p99 is little more than the maximum']);
  });

  it('refuses no samples', () => {
    expect(() => summarize([])).toThrow('summarize: expected at least one sample, got none');
  });
});

describe('speedRatio', () => {
  const noisy = (level: number, seed: number, count = 80) => {
    const rng = createRng(seed);
    return Array.from({ length: count }, () => level * Math.exp(0.05 * rng.normal()));
  };

  it('holds the true ratio in its interval', () => {
    const { ratio, low, high } = speedRatio(noisy(12, 1), noisy(3, 2), { rng: createRng(7) });
    expect(low).toBeLessThan(4);
    expect(high).toBeGreaterThan(4);
    expect(high - low).toBeLessThan(0.4);
    expect(ratio).toBeGreaterThanOrEqual(low);
    expect(ratio).toBeLessThanOrEqual(high);
  });

  it('covers the truth about as often as it says', () => {
    const trials = 120;
    let covered = 0;
    for (let i = 0; i < trials; i++) {
      const { low, high } = speedRatio(noisy(10, 1000 + i, 40), noisy(5, 5000 + i, 40), {
        rng: createRng(i),
        resamples: 300,
        level: 0.9,
      });
      if (low <= 2 && 2 <= high) covered++;
    }
    expect(covered / trials).toBeGreaterThan(0.8);
    expect(covered / trials).toBeLessThan(0.98);
  });

  it('is not disturbed by slow rounds that hit both cases', () => {
    const rng = createRng(3);
    const slow = Array.from({ length: 100 }, () => (rng.uniform() < 0.5 ? 1 : 3));
    const { low, high } = speedRatio(
      slow.map((factor) => 8 * factor),
      slow.map((factor) => 2 * factor),
      { rng },
    );
    expect([low, high]).toEqual([4, 4]);
  });

  it('is the same for the same seed and takes lists of different length', () => {
    const measure = () => speedRatio(noisy(10, 1), noisy(5, 2, 30), { rng: createRng(5) });
    expect(measure()).toEqual(measure());
  });

  it('refuses an empty list', () => {
    expect(() => speedRatio([], [1], { rng: createRng(1) })).toThrow('speedRatio: expected samples of both cases');
  });
});
