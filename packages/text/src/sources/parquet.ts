import { SlmError } from '@slm-compress/onnx';
import { featureClassNames } from './class-names.ts';
import type { ParquetThread } from './parquet-thread.ts';
import type { SourceRecord } from './record.ts';

/** A Parquet file opened for reading: what its footer says, and its records. */
export interface ParquetFile {
  /** Top-level columns. */
  readonly columns: readonly string[];
  /** Names of the classes of the columns that Hugging Face's metadata declares as class labels. */
  readonly classNames: Readonly<Record<string, readonly string[]>>;
  /**
   * Records with only the named columns; a page of each column is held at a time. What is left of a row group after
   * damage is one bad record.
   */
  records(columns: readonly string[]): AsyncGenerator<SourceRecord>;
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
    async *records(columns) {
      for (const [group, rowCount] of file.rowCounts.entries()) {
        if (rowCount !== 0) yield* groupRecords(path, thread, group, rowCount, columns);
      }
    },
  };
}

async function* groupRecords(
  path: string,
  thread: ParquetThread,
  group: number,
  rowCount: number,
  columns: readonly string[],
): AsyncGenerator<SourceRecord> {
  const request = { kind: 'rows', path, group, columns } as const;
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
      columns.forEach((name, column) => {
        fields[name] = reply.columns[column]![i];
      });
      yield { where: `${place}, row ${row}`, fields, repaired: repaired.has(i) };
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
