import { cutAt } from '../cleaning/white-space.ts';
import type { TextRow } from '../sources/text-row.ts';

/** A row as an account shows it. */
export interface ExampleRow {
  /** File and line. */
  readonly where: string;
  /** The beginning of the text, in one line. */
  readonly text: string;
  readonly label?: string;
}

/** The beginning of a text in one line, at most 100 characters. */
export function textExcerpt(text: string): string {
  const line = cutAt(text, 300)
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  return line.length <= 100 && text.length <= 300 ? line : `${cutAt(line, 99)}…`;
}

/** A row with its place and the beginning of its text. */
export function exampleRow({ where, text, label }: TextRow): ExampleRow {
  return { where, text: textExcerpt(text), ...(label === undefined ? {} : { label }) };
}
