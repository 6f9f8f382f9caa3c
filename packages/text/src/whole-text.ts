import type { TextExample } from './dataset.ts';

/** All that a row says: its text, of a pair both with a line feed between. */
export function wholeText({ text, pair }: Pick<TextExample, 'text' | 'pair'>): string {
  return pair === undefined ? text : `${text}\n${pair}`;
}
