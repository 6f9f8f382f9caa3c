import { createRng } from '@slm-compress/onnx';
import { expect, it } from 'vitest';
import { cleaningDecoder } from './clean-up.ts';

const plain = () => ({ push: (token: string) => token, flush: () => '' });

it('takes the spaces away that transformers takes away, whatever the parts are', () => {
  const whole = "it 's n't . ' . do n't , we 're ' s ! ? I 'm  . they 've ''";
  const expected = "it'sn't. '. don't, we're's!? I'm . they've ''";
  const rng = createRng(3);
  for (let round = 0; round < 200; round++) {
    const decoder = cleaningDecoder(plain)();
    let made = '';
    for (let at = 0; at < whole.length; ) {
      const size = 1 + rng.integer(5);
      made += decoder.push(whole.slice(at, at + size));
      at += size;
    }
    expect(made + decoder.flush()).toBe(expected);
  }
});

it('holds back no more than may change', () => {
  const decoder = cleaningDecoder(plain)();
  expect(decoder.push('one')).toBe('one');
  expect(decoder.push(' ')).toBe('');
  expect(decoder.push('two')).toBe(' two');
  expect(decoder.push(" '")).toBe('');
  expect(decoder.flush()).toBe(" '");
});
