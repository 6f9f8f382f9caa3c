import { SlmError } from '@slm-compress/onnx';

/** A record as it lies in a source: its named fields, or why it is none. */
export type SourceRecord =
  | { readonly where: string; readonly fields: Readonly<Record<string, unknown>>; readonly repaired: boolean }
  | { readonly where: string; readonly bad: string };

/** An error that names the place of a wrong row. */
export function rowError(where: string, message: string): SlmError {
  return new SlmError('DATA_ROW', `${where}: ${message}`);
}

/** A value as an error shows it: its JSON, at most 60 characters. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'bigint') return String(value);
  return excerpt(JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item)) ?? typeof value);
}

/** The beginning of a text, for an error. */
export function excerpt(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Why a line that is too long is not a row. */
export function tooLong(maxRowBytes: number): string {
  return `expected a row of at most ${maxRowBytes} bytes, got a longer one (maxRowBytes sets the limit)`;
}
