import { createRng } from '@slm-compress/onnx';
import { expect, it } from 'vitest';
import { createShingler, jaccard } from '../duplicates/shingles.ts';
import { createDecontaminator } from './decontaminate.ts';

it('finds the pairs that comparing every pair finds, and only those', async () => {
  const rng = createRng(11);
  const words = Array.from({ length: 400 }, (_, i) => `w${i}`);
  const sentence = () => Array.from({ length: 5 + rng.integer(60) }, () => words[rng.integer(400)]!);
  const test = Array.from({ length: 80 }, sentence);
  const train = Array.from({ length: 400 }, (_, i) => {
    const copy = [...(i % 2 ? sentence() : test[rng.integer(test.length)]!)];
    for (let edits = rng.integer(5); edits > 0; edits--) copy[rng.integer(copy.length)] = words[rng.integer(400)]!;
    return copy;
  });
  const text = (row: readonly string[]) => row.join(' ');
  const { shingles } = await createShingler();
  const sets = [...test, ...train].map((row) => shingles(text(row)));
  for (const threshold of [0.5, 0.8, 1]) {
    const decontaminator = await createDecontaminator(
      test.map((row, i) => ({ id: `t${i}`, text: text(row) })),
      { threshold },
    );
    let found = 0;
    for (const [i, row] of train.entries()) {
      const best = Math.max(...test.map((_, t) => jaccard(sets[t]!, sets[test.length + i]!)));
      const hit = decontaminator.find({ id: `r${i}`, text: text(row) });
      expect(hit?.similarity, `${threshold} ${i}`).toBe(best >= threshold ? best : undefined);
      if (hit) found++;
    }
    expect(found).toBeGreaterThan(20);
  }
});

it('looks past case, white space and punctuation, and refuses a threshold out of range', async () => {
  const decontaminator = await createDecontaminator([
    { id: 'a', text: 'One, two; three four!' },
    { id: 'b', text: 'short' },
    { id: 'c', text: '' },
  ]);
  expect(decontaminator.find({ id: 'x', text: 'one TWO\nthree four' })).toEqual({
    id: 'x',
    testId: 'a',
    similarity: 1,
    exact: false,
  });
  expect(decontaminator.find({ id: 'y', text: 'Short.' })?.testId).toBe('b');
  expect(decontaminator.find({ id: 'z', text: 'one two four three' })).toBeUndefined();
  expect(decontaminator.find({ id: 'e', text: '' })).toBeUndefined();
  await expect(createDecontaminator([], { threshold: 0 })).rejects.toThrow(
    /threshold: expected a number in \(0, 1\], got 0/,
  );
});
