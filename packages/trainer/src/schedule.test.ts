import { expect, test } from 'vitest';
import { createSchedule } from './schedule.ts';

test.each([
  ['linear', 2, [0.5, 1, 1, 0.75, 0.5, 0.25]],
  ['linear', 0.5, [1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3]],
  ['cosine', 2, [0.5, 1, 1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0.5 - Math.SQRT1_2 / 2]],
  ['linear', 0, [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]],
  ['constant', 2, [0.5, 1, 1, 1, 1, 1]],
  [{ kind: 'cosine', cycles: 2 }, 2, [0.5, 1, 1, 0.5, 1, 0.5]],
  [{ kind: 'exponential', floor: 1e-5 }, 0, [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]],
  [{ kind: 'linear', floor: 0.2 }, 2, [0.5, 1, 1, 0.8, 0.6, 0.4]],
] as const)('%j, warm-up %d', (schedule, warmup, expected) => {
  const rate = createSchedule({ schedule, peak: 1, warmup, totalSteps: 6 });
  for (const [step, value] of expected.entries()) expect(rate(step)).toBeCloseTo(value, 12);
});

test.each([
  [{ warmup: -1 }, 'warmup must be at least 0'],
  [{ schedule: { kind: 'cosine', cycles: 0 } }, 'cycles must be a positive integer'],
  [{ schedule: { kind: 'linear', cycles: 2 } }, 'cycles must be 1 unless'],
  [{ schedule: { kind: 'linear', floor: 2 } }, 'floor must be in [0, 1]'],
  [{ schedule: 'step' as 'linear' }, 'schedule must be linear, cosine, constant, exponential, got step'],
  [{ schedule: 'exponential' }, 'floor must be above 0 for exponential'],
] as const)('%j is TRAIN_OPTIONS', (options, message) => {
  expect(() => createSchedule({ schedule: 'linear', peak: 1, warmup: 0, totalSteps: 6, ...options })).toThrow(
    expect.objectContaining({ code: 'TRAIN_OPTIONS', message: expect.stringContaining(message) }),
  );
});
