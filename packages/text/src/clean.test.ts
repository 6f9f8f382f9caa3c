import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { cleanText } from './clean.ts';

describe('cleanText', () => {
  it('removes control, zero-width, soft-hyphen and bidirectional characters', () => {
    const { text, steps, changed } = cleanText('v\u200bi\u00adag\u202er\u0000a\ufeff');
    expect(text).toBe('viagra');
    expect(steps.invisible).toBe(5);
    expect(changed).toEqual(['invisible']);
  });

  it('normalises white space', () => {
    expect(cleanText(' a\t\u00a0 b \r\n\r\n\r\n\r\nc\u2028d\u3000 ').text).toBe('a b\n\nc\nd');
  });

  it('composes (NFC), lowercases on demand and mends lone surrogates', () => {
    expect(cleanText('E\u0301').text).toBe('É');
    expect(cleanText('E\u0301', { lowercase: true }).text).toBe('é');
    expect(cleanText('a\ud800b').text).toBe('a\ufffdb');
    expect(cleanText('😀').text).toBe('😀');
  });

  it('cuts without splitting a surrogate pair and accounts for it', () => {
    const { text, steps } = cleanText('abc😀def', { maxCharacters: 4 });
    expect(text).toBe('abc');
    expect(steps.cut).toBe(5);
    expect(cleanText('x'.repeat(1_000_000), { maxCharacters: 10 })).toMatchObject({
      text: 'xxxxxxxxxx',
      steps: { cut: 999_990 },
    });
  });

  it('is idempotent, and its account adds up', () => {
    const rng = createRng(1);
    const alphabet = [...'aBç \t\n\r\u00a0\u2028\u200b\u0301\u00ad\u0007\ufeff😀İﬁ', '\ud800'];
    for (let round = 0; round < 500; round++) {
      let raw = '';
      for (let i = rng.integer(40); i > 0; i--) raw += alphabet[rng.integer(alphabet.length)];
      const options = { maxCharacters: 1 + rng.integer(40), lowercase: rng.integer(2) === 0 };
      const { text, steps } = cleanText(raw, options);
      expect(cleanText(text, options).text).toBe(text);
      expect(text.length).toBeLessThanOrEqual(options.maxCharacters);
      expect(raw.length - Object.values(steps).reduce((a, b) => a + b, 0)).toBe(text.length);
    }
  });
});

it('white space comes out as if every run were replaced one kind after the other', () => {
  const rng = createRng(21);
  const pieces = [' ', ' ', '\t', '\u00a0', '\u3000', '\n', '\n', '\r\n', '\r', '\u2028', 'a', 'b'];
  for (let round = 0; round < 2000; round++) {
    let raw = '';
    for (let i = rng.integer(14); i >= 0; i--) raw += pieces[rng.integer(pieces.length)];
    const lines = raw.split(/\r\n|[\r\n\u2028]/).map((line) => line.replace(/[\t\u00a0\u3000 ]+/g, ' ').trim());
    const expected = lines.join('\n').replace(/\n\n+/g, '\n\n').trim();
    expect(cleanText(raw).text, JSON.stringify(raw)).toBe(expected);
  }
});
