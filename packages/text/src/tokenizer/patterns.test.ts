import { expect, it } from 'vitest';
import { addedTokenFinder } from './added-tokens.ts';
import { patternOf } from './pattern-of.ts';

const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));

it.each(ascii)('the character %s is found as it is, in patterns and in added tokens', (character) => {
  const text = `a${character}b${character}${character}c`;
  expect(text.replaceAll(patternOf({ String: character }), '')).toBe(text.replaceAll(character, ''));
  const found: number[] = [];
  const visit = (from: number, _: number, id: number | undefined) => id === undefined || found.push(from) > 0;
  addedTokenFinder([{ id: 7, content: `${character}${character}` }])(text, visit);
  expect(found).toContain(text.indexOf(character + character));
});
