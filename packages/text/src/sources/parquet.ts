import { SlmError } from '@slm-compress/onnx';
import { featureClassNames } from './class-names.ts';
import type { ParquetRequest, ParquetThread } from './parquet-thread.ts';
import { type SourceRecord, tooLong } from './record.ts';

/** A Parquet file opened for reading: what its footer says, and its records. */
export interface ParquetFile {
  /** Top-level columns. */
  readonly columns: readonly string[];
  /** Names of the classes of the columns that Hugging Face's metadata declares as class labels. */
  readonly classNames: Readonly<Record<string, readonly string[]>>;
  /**
   * Records with only the named columns; a page of each column is held at a time. What is left of a row group after
   * damage is one bad record; so is a row with a text above `maxRowBytes`.
   */
  records(columns: readonly string[], maxRowBytes: number): AsyncGenerator<SourceRecord>;
}

/**
 * Opens a Parquet file (snappy, gzip, brotli, lz4, zstd), decoded in a thread: damage that sends the decoder round for ever costs
 * a row group. Texts stored as bytes are decoded; dates, times and decimals are texts.
 * Throws SlmError `FILE_NOT_FOUND`, `ABORTED`, and `DATA_FORMAT` when the file is no Parquet file or its footer is damaged.
 */
export async function openParquet(path: string, thread: ParquetThread): Promise<ParquetFile> {
  thread.ask({ kind: 'open', path });
  const file = await thread.answer();
  if (file.kind === 'error') {
    const { code, message } = file;
    throw code === 'lost'
      ? new SlmError('DATA_FORMAT', `${path}: expected a Parquet footer, got ${message} while decoding it`)
      : new SlmError(code, message);
  }
  if (file.kind !== 'file') throw new Error(`internal: ${path}: ${file.kind} in answer to open`);
  return {
    columns: file.columns,
    classNames: file.note === undefined ? {} : classNamesOf(file.note),
    async *records(columns, maxRowBytes) {
      for (const [group, rowCount] of file.rowCounts.entries()) {
        if (rowCount !== 0) yield* groupRecords(thread, { kind: 'rows', path, group, columns }, rowCount, maxRowBytes);
      }
    },
  };
}

async function* groupRecords(
  thread: ParquetThread,
  request: Extract<ParquetRequest, { readonly kind: 'rows' }>,
  rowCount: number,
  maxRowBytes: number,
): AsyncGenerator<SourceRecord> {
  const { path, group, columns } = request;
  const place = `${path}: row group ${group}`;
  let row = 0;
  thread.ask(request);
  for (;;) {
    const reply = await thread.answer();
    if (reply.kind === 'error') {
      const after = row === 0 ? '' : ` after ${row}`;
      yield { where: place, bad: `expected ${rowCount} rows, got "${reply.message}"${after} (damaged row group)` };
      return;
    }
    if (reply.kind !== 'rows') return;
    // The next rows are decoded while these are used.
    thread.ask(request);
    const repaired = new Set(reply.repaired);
    for (let i = 0; i < reply.count; i++, row++) {
      const fields: Record<string, unknown> = Object.create(null);
      const where = `${place}, row ${row}`;
      let long = false;
      for (let column = 0; column < columns.length; column++) {
        const value = reply.columns[column]![i];
        long ||= typeof value === 'string' && value.length > maxRowBytes;
        fields[columns[column]!] = value;
      }
      yield long ? { where, bad: tooLong(maxRowBytes) } : { where, fields, repaired: repaired.has(i) };
    }
  }
}

function classNamesOf(note: string): Record<string, readonly string[]> {
  try {
    return featureClassNames(JSON.parse(note)?.info?.features);
  } catch {
    return {};
  }
}
