import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from 'hyparquet';
import { readFully } from '../read-fully.ts';
import { openRowGroupColumn, type RowGroupColumn } from './parquet-column.ts';
import type { ParquetReply, ParquetRequest } from './parquet-thread.ts';
import { columnParsers } from './parquet-values.ts';

/** Rows sent at once: a few, then so many that their texts have about so many characters. */
const firstRows = 64;
const mostRows = 4096;
const chunkCharacters = 1 << 20;

/** What the other side makes an SlmError of: to load that class takes longer than to read most files. */
class CodedError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  readonly fileBytes: number;
  readonly metadata: FileMetaData;
  readonly tree: SchemaTree;
}

const progress = workerData as Int32Array;
let file: OpenFile | undefined;
/** The columns of the row group that is being read, the rows of it that were sent, and how many to send next. */
let cursor:
  | { readonly group: number; readonly columns: readonly RowGroupColumn[]; sent: number; rows: number }
  | undefined;

/** Says that work goes on, on something of so many bytes. */
function tick(bytes: number): void {
  Atomics.store(progress, 1, Math.ceil(bytes / 2 ** 20));
  Atomics.add(progress, 0, 1);
}

function openFile(path: string): OpenFile {
  if (file?.path === path) return file;
  if (file !== undefined) closeSync(file.fd);
  file = undefined;
  cursor = undefined;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new CodedError('FILE_NOT_FOUND', `${path}: expected a readable data file, got ${(cause as Error).message}`);
  }
  try {
    const fileBytes = fstatSync(fd).size;
    const metadata = readFooter(fd, fileBytes, path);
    file = { path, fd, fileBytes, metadata, tree: parquetSchema(metadata) };
    return file;
  } catch (error) {
    closeSync(fd);
    if (error instanceof CodedError) throw error;
    throw new CodedError('DATA_FORMAT', `${path}: expected a Parquet footer, got "${(error as Error).message}"`);
  }
}

function readFooter(fd: number, fileBytes: number, path: string): FileMetaData {
  const read = (from: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    readFully(fd, bytes, from);
    return bytes;
  };
  const tail = fileBytes < 12 ? Buffer.alloc(8) : read(fileBytes - 8, 8);
  const ends = fileBytes < 12 ? '' : read(0, 4).toString('latin1') + tail.toString('latin1', 4);
  if (ends !== 'PAR1PAR1') {
    throw new CodedError(
      'DATA_FORMAT',
      `${path}: expected a Parquet file, "PAR1" at both ends, got ${JSON.stringify(ends)} (truncated, or of another format)`,
    );
  }
  const length = tail.readUInt32LE(0);
  if (length > fileBytes - 12) throw new Error(`a footer of ${length} bytes in a file of ${fileBytes}`);
  tick(length);
  return parquetMetadata(Uint8Array.from(read(fileBytes - 8 - length, length + 8)), {
    parsers: columnParsers({ name: '' }),
    geoparquet: false,
  });
}

function nextRows({ path, group, columns }: Extract<ParquetRequest, { readonly kind: 'rows' }>): ParquetReply {
  const { fd, fileBytes, metadata, tree } = openFile(path);
  const rowGroup = metadata.row_groups[group]!;
  const rowCount = Number(rowGroup.num_rows);
  if (cursor?.group !== group) {
    const source = { fd, fileBytes, onPage: tick };
    const opened = columns.map((name) => openRowGroupColumn(source, rowGroup, tree, name));
    cursor = { group, columns: opened, sent: 0, rows: firstRows };
  }
  if (!(Number.isSafeInteger(rowCount) && rowCount >= 0)) throw new Error(`${rowCount} rows`);
  if (cursor.sent === rowCount) {
    cursor = undefined;
    return { kind: 'end' };
  }
  for (const column of cursor.columns) {
    while (column.available() === 0) {
      if (!column.more()) throw new Error(`${cursor.sent} rows`);
    }
  }
  const repaired = new Set<number>();
  const most = columns.length === 0 ? rowCount - cursor.sent : Math.min(...cursor.columns.map((c) => c.available()));
  const count = Math.min(cursor.rows, most);
  const values = cursor.columns.map((column) => column.take(count, repaired));
  cursor.sent += count;
  const perRow = Math.max(1, values.reduce((sum, column) => sum + characters(column), 0) / count);
  cursor.rows = Math.max(1, Math.min(mostRows, 4 * cursor.rows, Math.round(chunkCharacters / perRow)));
  return { kind: 'rows', count, columns: values, repaired: [...repaired] };
}

function characters(column: readonly unknown[]): number {
  return column.reduce((sum: number, value) => sum + (typeof value === 'string' ? value.length : 64), 0);
}

function answer(request: ParquetRequest): ParquetReply {
  try {
    if (request.kind === 'rows') return nextRows(request);
    const { metadata, tree } = openFile(request.path);
    return {
      kind: 'file',
      columns: tree.children.map(({ element }) => element.name),
      rowCounts: metadata.row_groups.map(({ num_rows }) => Number(num_rows)),
      note: metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value,
    };
  } catch (error) {
    cursor = undefined;
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'error', code: error instanceof CodedError ? error.code : 'DATA_ROW', message };
  }
}

parentPort!.on('message', (request: ParquetRequest) => parentPort!.postMessage(answer(request)));
