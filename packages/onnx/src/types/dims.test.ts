import { describe, expect, it } from 'vitest';
import type { Dim } from '../model.ts';
import { createRng } from '../rng.ts';
import {
  add,
  broadcast,
  canonical,
  ceilDivide,
  divide,
  floorDivide,
  isAtLeast,
  leastOf,
  multiply,
  substitute,
  subtract,
} from './dims.ts';

describe('dimensions are sums of products', () => {
  it.each<[string, Dim, Dim]>([
    ['products', multiply(['sequence', 4, 'batch']), '4*batch*sequence'],
    ['an unknown factor', multiply(['batch', undefined]), undefined],
    ['nothing', multiply(['batch', 0, undefined]), 0],
    ['sums', add(add('sequence', 1), 'past'), 'past + sequence + 1'],
    ['sums of sums', add('past + sequence', 'sequence'), 'past + 2*sequence'],
    ['differences', subtract('past + sequence', 'past'), 'sequence'],
    ['a difference of nothing', subtract('past + sequence', 'sequence + past'), 0],
    ['what is less than a name', subtract(1, 'sequence'), '1 - sequence'],
    ['what is less than nothing', subtract(0, '2*sequence'), '-2*sequence'],
    ['products of sums', multiply(['batch', 'past + sequence']), 'batch*past + batch*sequence'],
    ['quotients of products', divide('4*batch*sequence', '2*batch'), '2*sequence'],
    ['quotients of sums', divide('12*batch*past + 12*batch*sequence', 'past + sequence'), '12*batch'],
    ['quotients by sums', divide(multiply(['a + 2*b + 1', 'b - 3']), 'a + 2*b + 1'), 'b - 3'],
    ['no quotient', divide('batch', 'sequence'), undefined],
    ['no quotient of numbers', divide(7, 2), undefined],
    ['rounded quotients that come out', floorDivide('4*sequence + 7', 4), 'sequence + 1'],
    ['rounded quotients', floorDivide(add('sequence', 1), 2), '((sequence + 1)//2)'],
    ['rounded quotients of one name', floorDivide('sequence', 2), '(sequence//2)'],
    ['quotients rounded up', ceilDivide('2*sequence + 1', 2), 'sequence + 1'],
    ['a rounded quotient in a sum', subtract(add(floorDivide('s', 2), 's'), '(s//2)'), 's'],
    ['what torch writes', canonical('sequence + past*2'), '2*past + sequence'],
    ['what torch writes of convolutions', canonical('(((s0 - 1)//2)) + 1'), '((s0 + 1)//2)'],
    ['sums in parentheses', canonical('2*(s + 1)'), '2*s + 2'],
    ['a name with a minus', canonical('batch-size'), 'batch-size'],
    ['text that is no sum', canonical('f(a + )'), 'f(a + )'],
    ['parentheses that do not match', canonical('(a + b))'), '(a + b))'],
    ['numbers beyond the safe integers', multiply([2 ** 40, 2 ** 40, 'n']), undefined],
    ['very long sums', Array.from({ length: 40 }, (_, index) => `n${index}`).reduce<Dim>(add, 0), undefined],
  ])('%s', (_, found, expected) => {
    expect(found).toBe(expected);
  });

  it('are compared for all sizes that names can have', () => {
    expect(leastOf('past + 2*sequence + 3')).toBe(3);
    expect(leastOf('past - 1')).toBe(-1);
    expect(leastOf('past - sequence')).toBeUndefined();
    expect(isAtLeast('past + sequence', 'past')).toBe(true);
    expect(isAtLeast('past', 'sequence')).toBe(false);
    expect(isAtLeast(undefined, 1)).toBe(false);
  });

  it('take numbers in the place of names', () => {
    const sizes = new Map([
      ['past', 7],
      ['s', 5],
    ]);
    expect(substitute('past + sequence', sizes)).toBe('sequence + 7');
    expect(substitute('4*past*s', sizes)).toBe(140);
    expect(substitute('((s + past)//2) + t', sizes)).toBe('t + 6');
    expect(substitute('b*a', sizes)).toBe('b*a');
    expect(substitute(undefined, sizes)).toBeUndefined();
  });

  it('broadcast by name', () => {
    expect(broadcast([['b', 1, 's'], ['s', 's'], []])).toEqual(['b', 's', 's']);
    expect(broadcast([['a'], ['b']])).toEqual([undefined]);
    expect(broadcast([[3], [4]])).toEqual({ clash: [3, 4] });
  });

  it('stand for the numbers that the arithmetic gives', () => {
    const rng = createRng(7);
    const sizes = { a: 5, b: 3, c: 11 } as const;
    const evaluate = (dim: Dim): number => {
      let text = String(dim).replaceAll(/[abc]/g, (name) => String(sizes[name as 'a']));
      const flat = (sum: string) => Number(new Function(`return ${sum}`)());
      const inner = (_: string, sum: string) => {
        const [dividend, divisor] = sum.split('//') as [string, string?];
        return String(divisor === undefined ? flat(sum) : Math.floor(flat(dividend) / Number(divisor)));
      };
      while (text.includes('(')) text = text.replace(/\(([^()]*)\)/, inner);
      return flat(text);
    };
    for (let round = 0; round < 200; round++) {
      let dim: Dim = 'a';
      let value: number = sizes.a;
      for (let step = 0; step < 5; step++) {
        const name = (['a', 'b', 'c'] as const)[rng.integer(3)]!;
        const number = 1 + rng.integer(4);
        switch (rng.integer(5)) {
          case 0:
            [dim, value] = [add(dim, name), value + sizes[name]];
            break;
          case 1:
            [dim, value] = [subtract(dim, number), value - number];
            break;
          case 2:
            [dim, value] = [multiply([dim, number]), value * number];
            break;
          case 3:
            [dim, value] = [multiply([dim, name]), value * sizes[name]];
            break;
          default:
            [dim, value] = [floorDivide(dim, number), Math.floor(value / number)];
        }
      }
      if (dim === undefined) continue;
      expect(evaluate(dim), String(dim)).toBe(value);
      expect(canonical(dim)).toBe(dim);
    }
  });
});
