/**
 * Where a text may be cut without a change to what is made of it: nowhere; before a space behind a letter or digit of
 * ASCII (`spaces`); or before any space, line break, punctuation of ASCII or ideograph (`words`).
 */
export type Cuts = 'none' | 'spaces' | 'words';

/** The fewer of two. */
export function weakest(a: Cuts, b: Cuts): Cuts {
  if (a === 'none' || b === 'none') return 'none';
  return a === 'spaces' ? a : b;
}

const windowSize = 2048;

/** The end of the window that begins at `from`: the first place to cut after some characters, or `end`. */
export function windowEnd(text: string, from: number, end: number, cuts: Cuts): number {
  if (cuts === 'none') return end;
  for (let at = from + windowSize; at < end; at++) {
    const code = text.charCodeAt(at);
    if (cuts === 'words' ? breaksWord(code) : code === 0x20 && isPlainWord(text.charCodeAt(at - 1))) return at;
  }
  return end;
}

function breaksWord(code: number): boolean {
  if (code < 0x80) return code === 0x0a || (code >= 0x20 && code < 0x7f && !isPlainWord(code));
  return code >= 0x4e00 && code <= 0x9fff;
}

function isPlainWord(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39);
}
