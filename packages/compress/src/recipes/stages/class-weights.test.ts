import { expect, test } from 'vitest';
import { classWeightsOf } from './class-weights.ts';

const labels = ['ham', 'spam', 'none'];
const rows = Int32Array.of(0, 0, 0, 1);

test('balanced classes weigh alike; one without rows weighs 1', () => {
  expect(classWeightsOf('balanced', labels, rows)).toEqual([4 / 9, 4 / 3, 1]);
});

test('weights by label; the others weigh 1', () => {
  expect(classWeightsOf({ spam: 2 }, labels, rows)).toEqual([1, 2, 1]);
});

test('a label that the data do not have is CLASS_WEIGHTS', () => {
  const wrong = () => classWeightsOf({ spma: 2 }, labels, rows);
  expect(wrong).toThrow(expect.objectContaining({ code: 'CLASS_WEIGHTS', message: expect.stringContaining('"spma"') }));
});
