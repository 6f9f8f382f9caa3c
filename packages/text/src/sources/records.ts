import { readFile } from 'node:fs/promises';
import { SlmError } from '@slm-compress/onnx';
import { CsvError, parse } from 'csv-parse/sync';
import type { RawRow } from '../dataset.ts';

export interface RecordColumns {
  readonly id: string;
  readonly text: string;
  readonly label: string;
}

/**
 * Rows of a `.jsonl` file (one JSON object a line) or a `.csv` file (RFC 4180 with a header line). A row needs a text
 * and a label (strings; a numeric or boolean label becomes its text); its id is the id column or `line-N`. Invalid UTF-8 is
 * decoded with U+FFFD and marked.
 *
 * Throws SlmError `FILE_NOT_FOUND`, `DATA_FORMAT` for another extension, and `DATA_ROW` with file and line for a row
 * that is not a record, lacks a column, has a label with a line break or tab, or repeats an id, and for a header that repeats a column.
 */
export async function readRecords(file: string, columns: RecordColumns): Promise<readonly RawRow[]> {
  const format = /\.(jsonl|csv)$/i.exec(file)?.[1]?.toLowerCase();
  if (format === undefined) {
    throw new SlmError('DATA_FORMAT', `${file}: expected a .jsonl or .csv file (or an npm: source)`);
  }
  const bytes = await readBytes(file);
  const rows: RawRow[] = [];
  const lineOfId = new Map<string, number>();
  for (const [line, record, repaired] of format === 'csv' ? csvRecords(file, bytes) : jsonRecords(file, bytes)) {
    const row = toRow(file, line, record, repaired, columns);
    const earlier = lineOfId.get(row.id);
    if (earlier !== undefined) {
      throw rowError(
        file,
        line,
        `expected a unique "${columns.id}", got ${JSON.stringify(row.id)} again (line ${earlier})`,
      );
    }
    lineOfId.set(row.id, line);
    rows.push(row);
  }
  return rows;
}

type NumberedRecord = readonly [line: number, record: unknown, repaired: boolean];

function* jsonRecords(file: string, bytes: Buffer): Generator<NumberedRecord> {
  let line = 0;
  for (let start = startOfText(bytes); start < bytes.length; ) {
    line++;
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const { text, repaired } = decode(bytes.subarray(start, end));
    start = end + 1;
    if (text.trim() === '') continue;
    let record: unknown;
    try {
      record = JSON.parse(text);
    } catch (cause) {
      throw new SlmError('DATA_ROW', `${file}:${line}: expected one JSON object a line, got ${excerpt(text)}`, {
        cause,
      });
    }
    yield [line, record, repaired];
  }
}

function* csvRecords(file: string, bytes: Buffer): Generator<NumberedRecord> {
  const { repaired } = decode(bytes);
  let parsed: readonly { readonly record: Record<string, unknown>; readonly info: { readonly lines: number } }[];
  try {
    const names = (header: readonly string[]) => checkHeader(file, header);
    parsed = parse(bytes, {
      bom: true,
      columns: names,
      info: true,
      skip_empty_lines: true,
    }) as unknown as typeof parsed;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const line = typeof cause.lines === 'number' ? cause.lines : 1;
    throw new SlmError('DATA_ROW', `${file}:${line}: expected a CSV record, got: ${cause.message}`, { cause });
  }
  for (const { record, info } of parsed) {
    const replaced = repaired && Object.values(record).some((value) => String(value).includes('\ufffd'));
    yield [info.lines, record, replaced];
  }
}

function checkHeader(file: string, header: readonly string[]): string[] {
  const twice = header.find((name, index) => name !== '' && header.indexOf(name) < index);
  if (twice !== undefined) {
    throw rowError(file, 1, `expected each column once in the header, got ${JSON.stringify(twice)} twice`);
  }
  return [...header];
}

function toRow(file: string, line: number, record: unknown, repaired: boolean, columns: RecordColumns): RawRow {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw rowError(file, line, `expected an object with "${columns.text}" and "${columns.label}"`);
  }
  const fields = record as Readonly<Record<string, unknown>>;
  const own = (name: string) => (Object.hasOwn(fields, name) ? fields[name] : undefined);
  const text = own(columns.text);
  if (typeof text !== 'string') {
    throw rowError(file, line, `expected a string in "${columns.text}", got ${describe(text)}${has(fields)}`);
  }
  const value = own(columns.label);
  const label = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  if (typeof label !== 'string' || label.trim() === '') {
    throw rowError(file, line, `expected a label in "${columns.label}", got ${describe(label)}${has(fields)}`);
  }
  if (/[\t\n\v\f\r\u0085\u2028\u2029]/.test(label.trim())) {
    throw rowError(file, line, `expected a label without line breaks and tabs, got ${describe(label)}`);
  }
  const id = own(columns.id);
  if (id !== undefined && typeof id !== 'string' && typeof id !== 'number') {
    throw rowError(file, line, `expected a string or number in "${columns.id}", got ${describe(id)}`);
  }
  const named = id === undefined || id === '' ? `line-${String(line).padStart(7, '0')}` : String(id);
  return { id: named, label: label.trim(), content: text, repaired };
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new SlmError('FILE_NOT_FOUND', `${file}: expected a readable data file, got ${(cause as Error).message}`, {
      cause,
    });
  }
}

function startOfText(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

function decode(bytes: Buffer): { readonly text: string; readonly repaired: boolean } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), repaired: false };
  } catch {
    return { text: new TextDecoder('utf-8').decode(bytes), repaired: true };
  }
}

function rowError(file: string, line: number, message: string): SlmError {
  return new SlmError('DATA_ROW', `${file}:${line}: ${message}`);
}

function has(fields: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(fields);
  const delimited = names.length === 1 && /[;\t]/.test(names[0]!);
  const hint = delimited ? '; fields must be separated by commas' : '';
  return ` (columns: ${names.slice(0, 10).join(', ')}${hint})`;
}

function describe(value: unknown): string {
  return value === undefined ? 'nothing' : excerpt(JSON.stringify(value) ?? typeof value);
}

function excerpt(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
