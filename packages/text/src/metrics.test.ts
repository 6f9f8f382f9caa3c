import { readFileSync } from 'node:fs';
import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { bootstrap, bootstrapInterval, pairedBootstrap, type RowsMetric, takeRows } from './bootstrap.ts';
import { mcnemar } from './mcnemar.ts';
import { rocAuc } from './metrics/ranking.ts';
import { classificationMetrics } from './metrics.ts';

/** Made by scikit-learn and SciPy: bench/peers/text-goldens.py. */
const golden = JSON.parse(readFileSync(new URL('../goldens/metrics.json', import.meta.url), 'utf8')) as {
  readonly labels: string[];
  readonly classification: readonly Readonly<Record<string, number[]>>[];
  readonly mcnemar: readonly { readonly aOnly: number; readonly bOnly: number; readonly pValue: number }[];
};
const input = expect.objectContaining({ code: 'METRICS_INPUT' });

describe('classificationMetrics', () => {
  it.each(golden.classification.map((one, i) => [i, one] as const))('agrees with scikit-learn, case %i', (_, one) => {
    const result = classificationMetrics(one.predicted!, one.expected!, golden.labels);
    expect(result.confusion).toEqual(one.confusion);
    expect(Math.abs(result.accuracy - (one.accuracy as unknown as number))).toBeLessThan(1e-12);
    expect(Math.abs(result.macroF1 - (one.macroF1 as unknown as number))).toBeLessThan(1e-12);
    result.perClass.forEach((row, c) => {
      expect(row.label).toBe(golden.labels[c]);
      for (const key of ['precision', 'recall', 'f1', 'support'] as const) {
        expect(Math.abs(row[key] - one[key]![c]!)).toBeLessThan(1e-12);
      }
    });
  });

  it('refuses no rows, unequal lengths and unknown ids', () => {
    expect(() => classificationMetrics([], [], ['a'])).toThrow(input);
    expect(() => classificationMetrics([0], [0, 0], ['a'])).toThrow(input);
    expect(() => classificationMetrics([1], [0], ['a'])).toThrow(input);
    expect(() => classificationMetrics([0], [-1], ['a'])).toThrow(input);
  });
});

describe('mcnemar', () => {
  it.each(golden.mcnemar)('agrees with scipy.stats.binomtest: $aOnly against $bOnly', ({ aOnly, bOnly, pValue }) => {
    const rows = [
      ...Array(aOnly).fill([true, false]),
      ...Array(bOnly).fill([false, true]),
      [true, true],
      [false, false],
    ];
    const result = mcnemar(
      rows.map((row) => row[0]),
      rows.map((row) => row[1]),
    );
    expect(result).toMatchObject({ aOnly, bOnly });
    expect(Math.abs(result.pValue - pValue)).toBeLessThanOrEqual(1e-12);
    if (pValue > 0) expect(Math.abs(result.pValue / pValue - 1)).toBeLessThan(1e-9);
  });

  it('refuses different rows', () => {
    expect(() => mcnemar([true], [])).toThrow(input);
  });
});

describe('bootstrapInterval', () => {
  const correct = Array.from({ length: 400 }, (_, i) => i % 10 !== 0);

  it('agrees with the normal approximation of a proportion', () => {
    const { low, high } = bootstrapInterval(correct, { metric: 'accuracy', samples: 4000, rng: createRng(1) });
    const half = 1.96 * Math.sqrt((0.9 * 0.1) / 400);
    expect(Math.abs(low - (0.9 - half))).toBeLessThan(0.005);
    expect(Math.abs(high - (0.9 + half))).toBeLessThan(0.005);
  });

  it('is the same for rows and for classes, repeats with the seed and narrows with the level', () => {
    const expected = correct.map((_, i) => i % 2);
    const predicted = correct.map((right, i) => (right ? expected[i]! : 1 - expected[i]!));
    const classes = { predicted, expected, labels: ['a', 'b'] };
    const options = () => ({ metric: 'accuracy', samples: 500, rng: createRng(3) }) as const;
    expect(bootstrapInterval(classes, options())).toEqual(bootstrapInterval(correct, options()));
    const wide = bootstrapInterval(classes, { ...options(), metric: 'macroF1' });
    const narrow = bootstrapInterval(classes, { ...options(), metric: 'macroF1', level: 0.5 });
    expect(narrow.low).toBeGreaterThan(wide.low);
    expect(narrow.high).toBeLessThan(wide.high);
  });

  it('covers the truth as often as it says', () => {
    const rng = createRng(8);
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const rows = Array.from({ length: 200 }, () => rng.uniform() < 0.8);
      const { low, high } = bootstrapInterval(rows, { metric: 'accuracy', samples: 300, rng });
      if (low <= 0.8 && 0.8 <= high) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.89);
    expect(covered / 200).toBeLessThan(0.99);
  });

  it('refuses no rows and options out of range', () => {
    expect(() => bootstrapInterval([], { metric: 'accuracy', rng: createRng(1) })).toThrow(input);
    expect(() => bootstrapInterval([true], { metric: 'macroF1', rng: createRng(1) })).toThrow(input);
    expect(() => bootstrapInterval([true], { metric: 'accuracy', samples: 0, rng: createRng(1) })).toThrow(input);
    expect(() => bootstrapInterval([true], { metric: 'accuracy', level: 1, rng: createRng(1) })).toThrow(input);
  });
});

describe('bootstrap of any metric', () => {
  const correct = Array.from({ length: 200 }, (_, i) => i % 5 !== 0);
  const share =
    (rows: readonly boolean[]): RowsMetric =>
    (sample) =>
      takeRows(rows, sample).filter(Boolean).length / sample.length;

  it('is bootstrapInterval with the value, for the same draws', () => {
    const { low, high } = bootstrapInterval(correct, { metric: 'accuracy', samples: 200, rng: createRng(4) });
    expect(bootstrap(200, share(correct), { samples: 200, rng: createRng(4) })).toEqual({
      value: 0.8,
      low,
      high,
      undefinedSamples: 0,
    });
  });

  it('leaves resamples out where the metric is undefined, and counts them', () => {
    const scores = [0.1, 0.9, 0.4];
    const auc: RowsMetric = (rows) => rocAuc(takeRows(scores, rows), takeRows([0, 1, 0], rows));
    const estimate = bootstrap(3, auc, { samples: 400, rng: createRng(2) });
    expect(estimate).toMatchObject({ value: 1, low: 1, high: 1 });
    // One class only: (2/3)³ + (1/3)³ = 1/3 of the resamples.
    expect(Math.abs(estimate.undefinedSamples / 400 - 1 / 3)).toBeLessThan(0.08);
    const never = bootstrap(2, () => Number.NaN, { samples: 5, rng: createRng(1) });
    expect(never).toEqual({ value: Number.NaN, low: Number.NaN, high: Number.NaN, undefinedSamples: 5 });
  });

  it('sees a difference between two models on the same rows, and none of a model with itself', () => {
    const worse = correct.map((right, i) => right && i % 4 !== 1);
    const options = () => ({ samples: 500, rng: createRng(9) });
    const better = pairedBootstrap(200, share(correct), share(worse), options());
    expect(better.value).toBeCloseTo(0.2, 12);
    expect(better.low).toBeGreaterThan(0.1);
    expect(better.pValue).toBe(2 / 501);
    const mirrored = pairedBootstrap(200, share(worse), share(correct), options());
    expect(mirrored.low).toBeCloseTo(-better.high, 12);
    expect(mirrored.pValue).toBe(better.pValue);
    expect(pairedBootstrap(200, share(worse), share(worse), options())).toMatchObject({
      value: 0,
      low: 0,
      high: 0,
      pValue: 1,
    });
  });

  it('calls a true tie significant about as often as its level', () => {
    const rng = createRng(5);
    let rejected = 0;
    for (let trial = 0; trial < 150; trial++) {
      const [a, b] = [0, 1].map(() => Array.from({ length: 100 }, () => rng.uniform() < 0.7));
      if (pairedBootstrap(100, share(a!), share(b!), { samples: 100, rng }).pValue <= 0.05) rejected++;
    }
    expect(rejected / 150).toBeGreaterThan(0);
    expect(rejected / 150).toBeLessThan(0.12);
  });

  it('refuses no rows', () => {
    expect(() => bootstrap(0, () => 0, { rng: createRng(1) })).toThrow(input);
    expect(() =>
      pairedBootstrap(
        1.5,
        () => 0,
        () => 0,
        { rng: createRng(1) },
      ),
    ).toThrow(input);
  });
});
