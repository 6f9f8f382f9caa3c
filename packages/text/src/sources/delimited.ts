import { CsvError, parse } from 'csv-parse/sync';
import type { Line } from './lines.ts';
import { excerpt, rowError, type SourceRecord, tooLong } from './record.ts';

/** How fields are told apart. */
export interface DelimitedFormat {
  /** One character; without it the header decides between comma, semicolon, tab and bar. */
  readonly delimiter?: string;
  /** A field may be put in double quotes, and then hold delimiters, line breaks and, doubled, quotes. */
  readonly quotes: boolean;
  readonly maxRowBytes: number;
}

/** Records parsed in one call of csv-parse. */
const batchRecords = 256;
const batchCharacters = 1 << 20;
/** Quotes that are opened and never closed, each of which makes the text after it be read again. */
const maxUnclosed = 20;

interface RawRecord {
  readonly line: number;
  readonly text: string;
  readonly repaired: boolean;
}

/**
 * Records of delimited text (RFC 4180) with a header line; blank lines are skipped, line breaks in fields become LF.
 * A record is told by its quotes first, so that a wrong one costs only itself: bad are a quote that is never closed
 * (named where it was opened; reading goes on at the next line), one opened or closed inside a field, too many or too
 * few fields, NUL characters, and records beyond `maxRowBytes`.
 *
 * Throws SlmError `DATA_ROW` when the header is no record or repeats a column, and when 20 quotes are not closed.
 */
export async function* delimitedRecords(
  file: string,
  lines: AsyncIterable<Line>,
  format: DelimitedFormat,
): AsyncGenerator<SourceRecord> {
  let names: readonly string[] | undefined;
  let delimiter = format.delimiter;
  let batch: RawRecord[] = [];
  let size = 0;
  const flush = function* (): Generator<SourceRecord> {
    yield* parseBatch(file, batch, names!, delimiter!, format.quotes);
    batch = [];
    size = 0;
  };
  const records = splitRecords(file, lines, format, (header) => {
    delimiter ??= likelyDelimiter(header);
    return delimiter;
  });
  try {
    for await (const record of records) {
      if (names === undefined) {
        if ('bad' in record) throw rowError(record.where, record.bad);
        names = header(file, record, delimiter!, format.quotes);
        continue;
      }
      if ('bad' in record) {
        yield* flush();
        yield record;
        continue;
      }
      batch.push(record);
      size += record.text.length;
      if (batch.length >= batchRecords || size >= batchCharacters) yield* flush();
    }
  } catch (error) {
    // A stream that breaks off has given these rows already.
    if (names !== undefined) yield* flush();
    throw error;
  }
  if (names !== undefined) yield* flush();
}

async function* splitRecords(
  file: string,
  source: AsyncIterable<Line>,
  { quotes, maxRowBytes }: DelimitedFormat,
  delimiterOf: (header: string) => string,
): AsyncGenerator<RawRecord | { readonly where: string; readonly bad: string }> {
  const iterator = source[Symbol.asyncIterator]();
  /** Lines to be read again, the next one last. */
  const again: Line[] = [];
  const next = async (): Promise<Line | undefined> => {
    const held = again.pop();
    if (held) return held;
    const { value, done } = await iterator.next();
    return done ? undefined : value;
  };
  let delimiter: string | undefined;
  let unclosed = 0;
  try {
    for (let line = await next(); line; line = await next()) {
      const where = `${file}:${line.number}`;
      if (line.text === undefined) {
        yield { where, bad: tooLong(maxRowBytes) };
        continue;
      }
      if (line.text.trim() === '' && !line.text.includes('\t')) continue;
      delimiter ??= delimiterOf(line.text);
      let state = quotes ? scanQuotes(line.text, delimiter, false) : 'closed';
      const parts = [line];
      let size = line.text.length;
      let openedAt = line.number;
      while (state === 'open') {
        const more = await next();
        if (more === undefined) break;
        parts.push(more);
        size += (more.text?.length ?? maxRowBytes) + 1;
        if (more.text === undefined || size > maxRowBytes) break;
        const wasOpen = openedAt;
        state = scanQuotes(more.text, delimiter, true);
        // Whether this line closed the quote and opened another is seen from its last quoted field.
        openedAt = state === 'open' && reopened(more.text, delimiter) ? more.number : wasOpen;
      }
      if (state === 'closed') {
        if (line.text.includes('\0') || parts.some((part) => part.text!.includes('\0'))) {
          yield { where, bad: 'expected text, got a NUL character (a binary or damaged file?)' };
          continue;
        }
        const text = parts.length === 1 ? line.text : parts.map((part) => part.text).join('\n');
        yield { line: line.number, text, repaired: parts.some((part) => part.repaired) };
        continue;
      }
      for (let i = parts.length - 1; i > 0; i--) again.push(parts[i]!);
      if (state === 'open') {
        const bad =
          'expected the quote opened in this line to be closed, got none to the end of the file or of maxRowBytes';
        if (++unclosed >= maxUnclosed) throw rowError(`${file}:${openedAt}`, `${bad} (${unclosed} such quotes)`);
        yield { where: `${file}:${openedAt}`, bad };
      } else {
        yield {
          where,
          bad: `expected quotes around a whole field, inside it doubled, got ${excerpt(state.at)}`,
        };
      }
    }
  } finally {
    await iterator.return?.();
  }
}

type QuoteState = 'open' | 'closed' | { readonly at: string };

/** Whether a line ends inside a quoted field, or where its quotes go wrong. */
function scanQuotes(line: string, delimiter: string, open: boolean): QuoteState {
  if (!line.includes('"')) return open ? 'open' : 'closed';
  let at = 0;
  let inside = open;
  for (;;) {
    if (!inside && line[at] === '"') {
      inside = true;
      at++;
    }
    if (inside) {
      const quote = line.indexOf('"', at);
      if (quote < 0) return 'open';
      const after = line[quote + 1];
      at = quote + 2;
      if (after === '"') continue;
      if (after === undefined) return 'closed';
      if (after !== delimiter) return { at: line.slice(Math.max(0, quote - 20), quote + 20) };
      inside = false;
      continue;
    }
    const end = line.indexOf(delimiter, at);
    const quote = line.indexOf('"', at);
    if (quote >= 0 && (end < 0 || quote < end)) return { at: line.slice(Math.max(0, quote - 20), quote + 20) };
    if (end < 0) return 'closed';
    at = end + 1;
  }
}

/** For a line that begins and ends inside quotes: whether these are two different fields. */
function reopened(line: string, delimiter: string): boolean {
  return line.replaceAll('""', '').includes(`"${delimiter}`);
}

function likelyDelimiter(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const counts = [',', ';', '\t', '|'].map((delimiter) => ({ delimiter, count: bare.split(delimiter).length }));
  return counts.reduce((best, item) => (item.count > best.count ? item : best)).delimiter;
}

function header(file: string, record: RawRecord, delimiter: string, quotes: boolean): readonly string[] {
  const names = parseRecords(record.text, delimiter, quotes)[0]!.map((name) => name.trim());
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) < index);
  if (twice !== undefined) {
    throw rowError(
      `${file}:${record.line}`,
      `expected each column once in the header, got ${JSON.stringify(twice)} twice`,
    );
  }
  return names;
}

function* parseBatch(
  file: string,
  batch: readonly RawRecord[],
  names: readonly string[],
  delimiter: string,
  quotes: boolean,
): Generator<SourceRecord> {
  if (batch.length === 0) return;
  const rows = parseRecords(batch.map((record) => record.text).join('\n'), delimiter, quotes);
  if (rows.length !== batch.length) {
    throw new Error(`internal: ${file}: ${batch.length} records were parsed as ${rows.length}`);
  }
  for (let i = 0; i < rows.length; i++) {
    const { line, text, repaired } = batch[i]!;
    const values = rows[i]!;
    const where = `${file}:${line}`;
    if (values.length !== names.length) {
      yield { where, bad: `expected ${names.length} fields, got ${values.length}: ${excerpt(text)}` };
      continue;
    }
    const fields: Record<string, unknown> = Object.create(null);
    names.forEach((name, column) => {
      fields[name] = values[column];
    });
    yield { where, fields, repaired };
  }
}

/** Fields of records whose quotes are known to be right. */
function parseRecords(text: string, delimiter: string, quotes: boolean): readonly (readonly string[])[] {
  try {
    return parse(text, {
      delimiter,
      quote: quotes ? '"' : false,
      record_delimiter: '\n',
      relax_column_count: true,
    }) as unknown as string[][];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new Error(`internal: delimited text: ${cause.message}`, { cause });
  }
}
