import { createHash } from 'node:crypto';
import { SlmError } from '@slm-compress/onnx';
import { compareRows, type PartName, partNames, type SplitMethod, type SplitRow } from './split-rows.ts';

/** What proves that two runs used the same split; plain data, to be kept as JSON. */
export interface SplitRecord {
  readonly format: 1;
  readonly method: SplitMethod['method'];
  /** Null for methods without chance. */
  readonly seed: number | null;
  readonly options: SplitMethod;
  readonly counts: Readonly<Record<PartName, number>>;
  /** sha256 (hex) of the ids and texts of each part, whatever their order. */
  readonly digests: Readonly<Record<PartName, string>>;
}

type Parts = Readonly<Record<PartName, readonly SplitRow[]>>;

export function splitRecord(split: Parts, options: SplitMethod): SplitRecord {
  return {
    format: 1,
    method: options.method,
    seed: 'seed' in options ? options.seed : null,
    options,
    counts: byPart((part) => split[part].length),
    digests: byPart((part) => digestRows(split[part])),
  };
}

/**
 * Proves that a split has the rows that the record was made of.
 * Throws SlmError `DATA_SPLIT` that names the first part that differs.
 */
export function verifySplit(record: SplitRecord, split: Parts): void {
  for (const part of partNames) {
    const rows = split[part];
    const digest = digestRows(rows);
    if (digest === record.digests[part]) continue;
    const [expected, got] = [record.counts[part], rows.length];
    const what =
      expected === got ? `rows with digest ${record.digests[part]}, got ${digest}` : `${expected} rows, got ${got}`;
    throw new SlmError('DATA_SPLIT', `split, ${part}: expected ${what} (other data, or other options)`);
  }
}

/** Reads a record from parsed JSON. Throws SlmError `DATA_CORRUPT` when it is none. */
export function parseSplitRecord(where: string, value: unknown): SplitRecord {
  const record = (value ?? {}) as Partial<SplitRecord>;
  const complete =
    record.format === 1 &&
    typeof record.method === 'string' &&
    (record.seed === null || typeof record.seed === 'number') &&
    record.options?.method === record.method &&
    partNames.every(
      (part) => Number.isInteger(record.counts?.[part]) && /^[0-9a-f]{64}$/.test(record.digests?.[part] ?? ''),
    );
  if (complete) return record as SplitRecord;
  throw new SlmError(
    'DATA_CORRUPT',
    `${where}: expected a split record of format 1 with method, seed, counts and digests`,
  );
}

function byPart<T>(of: (part: PartName) => T): Record<PartName, T> {
  return { train: of('train'), validation: of('validation'), test: of('test') };
}

function digestRows(rows: readonly SplitRow[]): string {
  const hash = createHash('sha256');
  for (const { id, text } of [...rows].sort(compareRows)) hash.update(`${JSON.stringify([id, text])}\n`);
  return hash.digest('hex');
}
