import type { Line } from './lines.ts';
import { excerpt, type SourceRecord, tooLong } from './record.ts';

/** Records of JSON lines: one object a line, blank lines skipped. A line that is no object is a bad record. */
export async function* jsonLines(
  file: string,
  lines: AsyncIterable<Line>,
  maxRowBytes: number,
): AsyncGenerator<SourceRecord> {
  for await (const { number, text, repaired } of lines) {
    const where = `${file}:${number}`;
    if (text === undefined) yield { where, bad: tooLong(maxRowBytes) };
    else if (text.trim() !== '') yield toRecord(where, text, repaired);
  }
}

const arrayHint = ' (an array: write one object a line, without commas between)';

function toRecord(where: string, text: string, repaired: boolean): SourceRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const hint = text.includes('\0')
      ? ' (NUL characters: a binary or damaged file?)'
      : /^\s*\[/.test(text)
        ? arrayHint
        : '';
    return { where, bad: `expected one JSON object a line, got ${excerpt(text)}${hint}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const hint = Array.isArray(value) ? arrayHint : '';
    return { where, bad: `expected one JSON object a line, got ${excerpt(text)}${hint}` };
  }
  return { where, fields: value as Record<string, unknown>, repaired };
}
