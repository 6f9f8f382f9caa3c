import { expect, it } from 'vitest';
import { slowerThanParent, type TimedModel } from './speed-warnings.ts';

const rounds = (ms: number) => Array.from({ length: 60 }, (_, round) => ms * (1 + 0.01 * (round % 5)));
const pruned: TimedModel = { name: 'pruned', quantized: false, bytes: 588_000, p50: 0.107, times: rounds(0.107) };
const int8 = (ms: number): TimedModel => ({
  name: 'int8',
  parent: 'pruned',
  quantized: true,
  bytes: 185_000,
  p50: ms,
  times: rounds(ms),
});

it('says that an int8 model is slower than its parent, with both times and sizes', () => {
  expect(slowerThanParent([pruned, int8(0.157)])).toEqual([
    'int8 is not faster than pruned on this machine (0.157 ms against 0.107 ms): it wins size (588 kB to 185 kB), not time',
  ]);
});

it('says it of equal times', () => {
  expect(slowerThanParent([pruned, int8(0.107)])).toHaveLength(1);
});

it('is silent about a faster int8 model, other models and models without a measured parent', () => {
  expect(slowerThanParent([pruned, int8(0.05)])).toEqual([]);
  expect(slowerThanParent([pruned, { ...int8(0.157), quantized: false }])).toEqual([]);
  expect(slowerThanParent([int8(0.157)])).toEqual([]);
});
