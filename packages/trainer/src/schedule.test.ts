import { expect, test } from 'vitest';
import { createSchedule } from './schedule.ts';

test.each([
  ['linear', 2, [0.5, 1, 1, 0.75, 0.5, 0.25]],
  ['linear', 0.5, [1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3]],
  ['cosine', 2, [0.5, 1, 1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0.5 - Math.SQRT1_2 / 2]],
  ['linear', 0, [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]],
] as const)('%s, warm-up %d', (schedule, warmup, expected) => {
  const rate = createSchedule({ schedule, peak: 1, warmup, totalSteps: 6 });
  for (const [step, value] of expected.entries()) expect(rate(step)).toBeCloseTo(value, 12);
});

test('a negative warm-up is TRAIN_OPTIONS', () => {
  expect(() => createSchedule({ schedule: 'linear', peak: 1, warmup: -1, totalSteps: 6 })).toThrow(
    expect.objectContaining({ code: 'TRAIN_OPTIONS' }),
  );
});
