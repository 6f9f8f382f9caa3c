import { SlmError } from '@slm-compress/onnx';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { decodeText } from '../charset.ts';
import type { SourceRecord } from './record.ts';

/** A Parquet file opened for reading: what its footer says, and its records. */
export interface ParquetFile {
  /** Top-level columns. */
  readonly columns: readonly string[];
  /** Names of the classes of the columns that Hugging Face's metadata declares as class labels. */
  readonly classNames: Readonly<Record<string, readonly string[]>>;
  /** Records with only the named columns; a row group is held at a time. A group that cannot be read is one bad record. */
  records(columns: readonly string[]): AsyncGenerator<SourceRecord>;
}

/**
 * Opens a Parquet file (snappy, gzip, brotli, lz4, zstd). Text columns stored as bytes are decoded. The lengths inside a page
 * are the decoder's to check: it may work without end on a page whose bytes were changed, so open trusted files only.
 * Throws SlmError `FILE_NOT_FOUND`, and `DATA_FORMAT` when the file is no Parquet file or its footer is damaged.
 */
export async function openParquet(path: string): Promise<ParquetFile> {
  let file: Awaited<ReturnType<typeof asyncBufferFromFile>>;
  let ends: string;
  try {
    file = await asyncBufferFromFile(path);
    const size = file.byteLength;
    const text = async (from: number, to: number) => Buffer.from(await file.slice(from, to)).toString('latin1');
    ends = size < 12 ? '' : (await text(0, 4)) + (await text(size - 4, size));
  } catch (cause) {
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected a readable data file, got ${(cause as Error).message}`, {
      cause,
    });
  }
  if (ends !== 'PAR1PAR1') {
    throw new SlmError(
      'DATA_FORMAT',
      `${path}: expected a Parquet file, "PAR1" at both ends, got ${JSON.stringify(ends)} (truncated, or of another format)`,
    );
  }
  let metadata: Awaited<ReturnType<typeof parquetMetadataAsync>>;
  let columns: readonly string[];
  try {
    metadata = await parquetMetadataAsync(file);
    columns = parquetSchema(metadata).children.map((child) => child.element.name);
  } catch (cause) {
    throw new SlmError('DATA_FORMAT', `${path}: expected a Parquet footer, got "${(cause as Error).message}"`, {
      cause,
    });
  }
  const note = metadata.key_value_metadata?.find((entry) => entry.key === 'huggingface')?.value;
  return {
    columns,
    classNames: note === undefined ? {} : classNamesOf(note),
    async *records(wanted) {
      let start = 0;
      for (const [group, { num_rows }] of metadata.row_groups.entries()) {
        const end = start + Number(num_rows);
        let rows: Record<string, unknown>[];
        try {
          rows = await parquetReadObjects({
            file,
            metadata,
            columns: [...wanted],
            compressors,
            rowStart: start,
            rowEnd: end,
          });
        } catch (cause) {
          const bad = `expected ${num_rows} rows, got "${(cause as Error).message}" (damaged row group)`;
          yield { where: `${path}: row group ${group}`, bad };
          start = end;
          continue;
        }
        for (const [row, fields] of rows.entries()) {
          const where = `${path}: row group ${group}, row ${row}`;
          yield { where, fields: decodeFields(fields), repaired: false };
        }
        start = end;
      }
    },
  };
}

function decodeFields(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value instanceof Uint8Array) fields[name] = decodeText(value).text;
  }
  return fields;
}

function classNamesOf(note: string): Record<string, readonly string[]> {
  try {
    return featureClassNames(JSON.parse(note)?.info?.features);
  } catch {
    return {};
  }
}

/** Class names by column in a `features` object of Hugging Face `datasets`. */
export function featureClassNames(features: unknown): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  if (typeof features !== 'object' || features === null) return found;
  for (const [column, feature] of Object.entries(features)) {
    const { _type, names } = (feature ?? {}) as { readonly _type?: unknown; readonly names?: unknown };
    if (_type === 'ClassLabel' && Array.isArray(names) && names.every((name) => typeof name === 'string')) {
      found[column] = names;
    }
  }
  return found;
}
