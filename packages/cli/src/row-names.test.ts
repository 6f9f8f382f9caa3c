import { expect, test } from 'vitest';
import { shortNames } from './row-names.ts';

test.each([
  [
    ['runs/a/teacher', 'runs/a/int8/'],
    ['teacher', 'int8'],
  ],
  [
    ['runs/a/int8', 'runs/b/int8'],
    ['a/int8', 'b/int8'],
  ],
  [
    ['a', 'x/a'],
    ['a', 'x/a'],
  ],
  [
    ['x/a', 'x/a', 'x/b'],
    ['x/a', 'x/a (2)', 'x/b'],
  ],
  [['.'], ['.']],
])('%j are called %j', (folders, names) => {
  expect(shortNames(folders)).toEqual(names);
});
