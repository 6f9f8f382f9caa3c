import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { DataAccount, DataSplits, DataTask, TextExample } from './dataset.ts';
import { digestSplits, partNames } from './prepare/digest.ts';
import { parseSplitRecord, verifySplit } from './splits/split-record.ts';

const format = 1;

/**
 * Writes `dataset.json` (format, name, task, labels, counts, digest, account) and `train|validation|test.jsonl`, also
 * `unlabelled.jsonl` where there are such texts, into `folder`, made when missing. All are written to temporary files in
 * `folder` first, so that a full disk leaves what was there; then they are renamed, `dataset.json` with the digest last. When
 * the process dies between two renames, {@link readDataFolder} refuses the mixture. Same splits, same bytes.
 */
export async function writeDataFolder(folder: string, splits: DataSplits<TextExample>): Promise<void> {
  const { name, task, labels, digest, account } = splits;
  const parts = partNames.filter((part) => part !== 'unlabelled' || splits.unlabelled.length > 0);
  const counts = Object.fromEntries(parts.map((part) => [part, splits[part].length]));
  const header = { format, name, task, labels, counts, digest, account };
  const files = [...parts.map((part) => `${part}.jsonl`), 'dataset.json'];

  await mkdir(folder, { recursive: true });
  const temporary = (file: string) => join(folder, `.${file}.${process.pid}.new`);
  try {
    for (const part of parts) await writeRows(temporary(`${part}.jsonl`), splits[part]);
    await writeText(temporary('dataset.json'), [`${JSON.stringify(header, null, 2)}\n`]);
    for (const file of files) await rename(temporary(file), join(folder, file));
    if (!parts.includes('unlabelled')) await rm(join(folder, 'unlabelled.jsonl'), { force: true });
  } catch (error) {
    for (const file of files) await rm(temporary(file), { force: true });
    throw error;
  }
}

function writeRows(path: string, rows: readonly TextExample[]): Promise<void> {
  const lines = function* () {
    for (const { id, text, label, ...others } of rows) yield `${JSON.stringify({ id, text, label, ...others })}\n`;
  };
  return writeText(path, lines());
}

/** Writes pieces of text, a megabyte at a time. */
async function writeText(path: string, pieces: Iterable<string>): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'w');
    let held = '';
    for (const piece of pieces) {
      held += piece;
      if (held.length < 1 << 20) continue;
      await file.writeFile(held);
      held = '';
    }
    await file.writeFile(held);
  } finally {
    await file?.close();
  }
}

/**
 * Reads a folder written by {@link writeDataFolder} and proves its digest and the record of its split.
 * Throws SlmError `FILE_NOT_FOUND` for a missing file, `DATA_CORRUPT` when a file is damaged or the digest differs, and
 * `DATA_TASK` when its task is another one than classification, unless `task` is `any`.
 */
export async function readDataFolder(folder: string): Promise<DataSplits>;
export async function readDataFolder(
  folder: string,
  options: { readonly task: 'any' },
): Promise<DataSplits<TextExample>>;
export async function readDataFolder(
  folder: string,
  options: { readonly task?: 'any' } = {},
): Promise<DataSplits<TextExample>> {
  const headerFile = join(folder, 'dataset.json');
  const header = parseHeader(headerFile, await readFileOf(headerFile));
  const { name, task, labels, account } = header;
  if (task !== 'classification' && options.task !== 'any') {
    throw new SlmError('DATA_TASK', `${folder}: expected labelled texts, got a data set for ${task}`);
  }
  const rows: Partial<Record<(typeof partNames)[number], readonly TextExample[]>> = {};
  for (const part of partNames) {
    const file = join(folder, `${part}.jsonl`);
    const isThere = part !== 'unlabelled' || header.counts.unlabelled !== undefined;
    const labelled = task === 'classification' && part !== 'unlabelled';
    rows[part] = isThere ? parseRows(file, await readFileOf(file), labelled) : [];
  }
  const { train, validation, test, unlabelled } = rows;
  const parts = {
    name,
    task,
    labels,
    train: train!,
    validation: validation!,
    test: test!,
    unlabelled: unlabelled!,
  };
  const digest = digestSplits(parts);
  if (digest !== header.digest) {
    throw new SlmError(
      'DATA_CORRUPT',
      `${folder}: expected rows with digest ${header.digest}, got ${digest} (a changed file or an interrupted write: prepare it again)`,
    );
  }
  verifySplit(parseSplitRecord(headerFile, account.split), parts);
  return { ...parts, digest, account };
}

interface Header {
  readonly name: string;
  readonly task: DataTask;
  readonly labels: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly digest: string;
  readonly account: DataAccount;
}

function parseHeader(file: string, bytes: Buffer): Header {
  let header: Partial<Header> & { readonly format?: unknown };
  try {
    header = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new SlmError('DATA_CORRUPT', `${file}: expected JSON, got ${bytes.length} bytes that are not`, { cause });
  }
  const { name, task = 'classification', labels, counts = {}, digest, account } = header ?? {};
  if (
    header?.format !== format ||
    typeof name !== 'string' ||
    !['classification', 'language-modelling'].includes(task) ||
    !Array.isArray(labels) ||
    !labels.every((label) => typeof label === 'string') ||
    typeof digest !== 'string' ||
    typeof account !== 'object' ||
    account === null
  ) {
    throw new SlmError('DATA_CORRUPT', `${file}: expected format ${format} with name, labels, digest and account`);
  }
  return { name, task, labels, counts, digest, account };
}

/** Rows of a file, decoded line by line. */
function parseRows(file: string, bytes: Buffer, labelled: boolean): readonly TextExample[] {
  const rows: TextExample[] = [];
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    if (end > start) rows.push(parseRow(`${file}:${line}`, bytes.toString('utf8', start, end), labelled));
    start = end + 1;
  }
  return rows;
}

function parseRow(where: string, text: string, labelled: boolean): TextExample {
  try {
    const row = JSON.parse(text) as TextExample;
    if (
      typeof row.id === 'string' &&
      typeof row.text === 'string' &&
      typeof row.label === (labelled ? 'string' : 'undefined')
    ) {
      return row;
    }
  } catch {}
  const expected = labelled ? '{"id", "text", "label"}' : '{"id", "text"}';
  throw new SlmError('DATA_CORRUPT', `${where}: expected ${expected} (prepare it again)`);
}

async function readFileOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new SlmError('FILE_NOT_FOUND', `${file}: expected a file of a data folder, got ${(cause as Error).message}`, {
      cause,
    });
  }
}
