import { createRng } from '@slm-compress/onnx';
import { expect, it } from 'vitest';
import { createRunSorter } from './run-sorter.ts';

it.each([
  ['in memory', 2 ** 20],
  ['in many runs on disk', 8192],
])('sorts by key, then value, %s', (_, memoryBytes) => {
  const rng = createRng(5);
  const pairs = Array.from({ length: 20_000 }, (_, i) => ({
    key: i % 3 ? rng.integer(2 ** 32) : rng.integer(8) * 2 ** 29,
    value: rng.integer(2 ** 32),
  }));
  const sorter = createRunSorter(memoryBytes);
  for (const { key, value } of pairs) sorter.push(key, value);
  expect(sorter.length).toBe(pairs.length);
  const sorted = Array.from(sorter.sorted(), (pair) => ({ ...pair }));
  sorter.close();
  expect(sorted).toEqual(pairs.sort((a, b) => a.key - b.key || a.value - b.value));
});

it('gives nothing when nothing was pushed', () => {
  expect([...createRunSorter(2 ** 20).sorted()]).toEqual([]);
});
