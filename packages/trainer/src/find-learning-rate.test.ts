import { expect, test } from 'vitest';
import { keywordTraining } from '../test-support/keyword-training.js';
import { findLearningRate, type RatePoint, type RateSearchOptions } from './find-learning-rate.ts';

function options(overrides: Partial<RateSearchOptions> = {}): RateSearchOptions {
  const { learningRate: _, schedule: __, ...rest } = keywordTraining();
  return { ...rest, tokenBudget: 256, dropout: 0, steps: 24, ...overrides };
}

test('the rate rises by the same factor until the loss explodes; a tenth of the best is suggested, twice the same', async () => {
  const seen: RatePoint[] = [];
  const found = await findLearningRate(options({ from: 1e-5, to: 10, onStep: (point) => seen.push(point) }));
  const { points, lowest, steepest, suggested, exploded } = found;
  expect(seen).toEqual(points);
  expect(points[0]!.rate).toBeCloseTo(1e-5, 12);
  const factor = points[1]!.rate / points[0]!.rate;
  for (let at = 1; at < points.length; at++) expect(points[at]!.rate / points[at - 1]!.rate).toBeCloseTo(factor, 9);
  expect(exploded).toBe(true);
  expect(suggested).toBe(lowest / 10);
  expect(suggested).toBeGreaterThan(1e-4);
  expect(suggested).toBeLessThan(0.3);
  expect(steepest).toBeLessThanOrEqual(lowest);
  expect(await findLearningRate(options({ from: 1e-5, to: 10 }))).toEqual(found);
});

test('rates too low to explode are all tried', async () => {
  const { points, exploded } = await findLearningRate(options({ from: 1e-6, to: 1e-4, steps: 10 }));
  expect(exploded).toBe(false);
  expect(points).toHaveLength(10);
  expect(points.at(-1)!.rate).toBeCloseTo(1e-4, 12);
});

test('bounds out of order are an error', async () => {
  for (const bounds of [{ from: 0 }, { from: 1, to: 1 }, { to: Number.POSITIVE_INFINITY }]) {
    await expect(findLearningRate(options(bounds))).rejects.toMatchObject({ code: 'TRAIN_OPTIONS' });
  }
});
