import { expect, it } from 'vitest';
import { createExactDuplicates, normalForm } from './exact-duplicates.ts';

it('gives the index of the first text that is equal but for case and white space', async () => {
  const texts = ['One two', ' one  TWO\n', 'one two.', '', ' \t', 'ONE\u00a0two', 'onetwo'];
  const exact = await createExactDuplicates();
  expect(texts.map((text) => exact.add(text))).toEqual([0, 0, 2, 3, 3, 0, 6]);
  expect([...exact.representative()]).toEqual([0, 0, 2, 3, 3, 0, 6]);
  expect(normalForm(' A \r\n\u2003b ')).toBe('a b');
});

it('tells many texts apart, and finds them again', async () => {
  const exact = await createExactDuplicates();
  const names = Array.from({ length: 10_000 }, (_, i) => exact.add(`text ${i}`));
  expect(names).toEqual(names.map((_, i) => i));
  expect(exact.add('TEXT 0')).toBe(0);
  expect(exact.add('text  9999')).toBe(9999);
});
