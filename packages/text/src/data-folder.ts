import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { DataAccount, DataSplits, Example } from './dataset.ts';
import { digestSplits } from './prepare.ts';

const partNames = ['train', 'validation', 'test'] as const;
const format = 1;

/**
 * Writes `dataset.json` (format, name, labels, counts, digest, account) and `train|validation|test.jsonl` into
 * `folder`, made when missing. All are written to temporary files in `folder` first, so that a full disk leaves what was
 * there; then they are renamed, `dataset.json` with the digest last. When the process dies between two renames,
 * {@link readDataFolder} refuses the mixture. Same splits, same bytes.
 */
export async function writeDataFolder(folder: string, splits: DataSplits): Promise<void> {
  const { name, labels, digest, account } = splits;
  const counts = Object.fromEntries(partNames.map((part) => [part, splits[part].length]));
  const header = { format, name, labels, counts, digest, account };
  const contents = new Map<string, string>();
  for (const part of partNames) {
    const rows = splits[part].map(({ id, text, label }) => `${JSON.stringify({ id, text, label })}\n`);
    contents.set(`${part}.jsonl`, rows.join(''));
  }
  contents.set('dataset.json', `${JSON.stringify(header, null, 2)}\n`);

  await mkdir(folder, { recursive: true });
  const temporary = (file: string) => join(folder, `.${file}.${process.pid}.new`);
  try {
    for (const [file, content] of contents) await writeFile(temporary(file), content);
    for (const file of contents.keys()) await rename(temporary(file), join(folder, file));
  } catch (error) {
    for (const file of contents.keys()) await rm(temporary(file), { force: true });
    throw error;
  }
}

/**
 * Reads a folder written by {@link writeDataFolder} and proves its digest.
 * Throws SlmError `FILE_NOT_FOUND` for a missing file and `DATA_CORRUPT` when a file is damaged or the digest differs.
 */
export async function readDataFolder(folder: string): Promise<DataSplits> {
  const headerFile = join(folder, 'dataset.json');
  const header = parseHeader(headerFile, await readText(headerFile));
  const [train, validation, test] = await Promise.all(
    partNames.map(async (part) => {
      const file = join(folder, `${part}.jsonl`);
      return parseRows(file, await readText(file));
    }),
  );
  const parts = { name: header.name, labels: header.labels, train: train!, validation: validation!, test: test! };
  const digest = digestSplits(parts);
  if (digest !== header.digest) {
    throw new SlmError(
      'DATA_CORRUPT',
      `${folder}: expected rows with digest ${header.digest}, got ${digest} (a changed file or an interrupted write: prepare it again)`,
    );
  }
  return { ...parts, digest, account: header.account };
}

interface Header {
  readonly name: string;
  readonly labels: readonly string[];
  readonly digest: string;
  readonly account: DataAccount;
}

function parseHeader(file: string, text: string): Header {
  let header: Partial<Header> & { readonly format?: unknown };
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new SlmError('DATA_CORRUPT', `${file}: expected JSON, got ${text.length} characters that are not`, { cause });
  }
  const { name, labels, digest, account } = header ?? {};
  if (
    header?.format !== format ||
    typeof name !== 'string' ||
    !Array.isArray(labels) ||
    !labels.every((label) => typeof label === 'string') ||
    typeof digest !== 'string' ||
    typeof account !== 'object' ||
    account === null
  ) {
    throw new SlmError('DATA_CORRUPT', `${file}: expected format ${format} with name, labels, digest and account`);
  }
  return { name, labels, digest, account };
}

function parseRows(file: string, text: string): readonly Example[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      try {
        const { id, text: content, label } = JSON.parse(line);
        if (typeof id === 'string' && typeof content === 'string' && typeof label === 'string') {
          return { id, text: content, label };
        }
      } catch {}
      throw new SlmError('DATA_CORRUPT', `${file}:${i + 1}: expected {"id", "text", "label"} (prepare it again)`);
    });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new SlmError('FILE_NOT_FOUND', `${file}: expected a file of a data folder, got ${(cause as Error).message}`, {
      cause,
    });
  }
}
