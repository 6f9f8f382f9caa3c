import { createHash } from 'node:crypto';
import { basename, relative, resolve } from 'node:path';
import { createRng, isSlmError, SlmError } from '@slm-compress/onnx';
import { cleanText } from './clean.ts';
import type { DataAccount, DataSplits, Example, PrepareOptions, PrepareProgress, RawRow } from './dataset.ts';
import { type MailText, readMail } from './mail.ts';
import { findNearDuplicates } from './near-duplicates.ts';
import { openRows } from './sources/open-rows.ts';
import { type RecordColumns, readRecords } from './sources/records.ts';
import { readSpamAssassin, spamAssassinSource } from './sources/spam-assassin.ts';
import { stratifiedSplit } from './split.ts';

/**
 * Reads a source, cleans its texts, removes duplicates and cuts the rest in three. Same options and source, same bytes.
 *
 * 1. Read: raw e-mails give Subject and body only ({@link readMail}); files give their text column. Rows whose MIME
 *    structure cannot be read are dropped.
 * 2. Clean ({@link cleanText}); rows without text are dropped.
 * 3. Rows of equal text (ignoring case and white space): if their labels differ, all are dropped, as the right one cannot be
 *    known; else the first id is kept.
 * 4. Near-duplicates ({@link findNearDuplicates}): of each group of one label the first id is kept; a group with several labels
 *    keeps the first id of its most frequent label (the smaller label on a tie).
 * 5. Stratified, seeded split ({@link stratifiedSplit}), so no near-duplicate crosses it.
 *
 * Throws SlmError: `DATA_EMPTY` when nothing is left, `DATA_ONE_CLASS`, `DATA_OPTION`, `DATA_CLASS_SIZE`, and what the
 * sources throw. Rejects with the signal's reason when aborted.
 */
export async function prepareData(
  options: PrepareOptions,
  control: { readonly onProgress?: (progress: PrepareProgress) => void; readonly signal?: AbortSignal } = {},
): Promise<DataSplits> {
  const { onProgress, signal } = control;
  const { maxCharacters = 10_000, lowercase = false } = options;
  const threshold = options.nearDuplicates?.threshold ?? 0.8;
  if (!Number.isInteger(maxCharacters) || maxCharacters < 1) {
    throw new SlmError('DATA_OPTION', `maxCharacters: expected a positive integer, got ${maxCharacters}`);
  }
  const tally = createTally();
  const source = await openSource(options);
  const cleaned: Example[] = [];
  let done = 0;
  for await (const row of source.rows) {
    if (done % 64 === 0) {
      signal?.throwIfAborted();
      onProgress?.({ stage: 'clean', done, total: source.total });
      await new Promise((next) => setImmediate(next));
    }
    done++;
    tally.read(row.label);
    if (row.repaired) tally.step('invalid-utf8', 0);
    const raw = await rawText(row, tally);
    if (raw === undefined) continue;
    const { text, steps, changed } = cleanText(raw, { maxCharacters, lowercase });
    for (const step of changed) tally.step(step, steps[step]);
    if (/[\p{L}\p{N}\p{S}]/u.test(text)) cleaned.push({ id: row.id, text, label: row.label });
    else tally.drop('empty');
  }
  requireClasses(source.name, cleaned, 'after cleaning', done);
  cleaned.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));

  signal?.throwIfAborted();
  const exact = dropExact(cleaned, tally);
  const near = await findNearDuplicates(
    exact.map((example) => example.text),
    { threshold, onProgress: (at, total) => onProgress?.({ stage: 'deduplicate', done: at, total }) },
  );
  signal?.throwIfAborted();
  const kept = dropNear(exact, near.representative, tally);
  requireClasses(source.name, kept, 'without duplicates', done);

  const { train, validation, test } = stratifiedSplit(kept, options.split, createRng(options.seed).fork('split'));
  onProgress?.({ stage: 'split', done: kept.length, total: kept.length });
  const labels = [...new Set(kept.map((example) => example.label))].sort();
  const parts = { name: source.name, labels, train, validation, test };
  const account: DataAccount = {
    ...tally.account(kept),
    duplicates: { threshold, groups: tally.groups, candidates: near.candidates, pairs: near.pairs.length },
    split: { train: train.length, validation: validation.length, test: test.length },
  };
  return { ...parts, digest: digestSplits(parts), account };
}

/** sha256 (hex) over the name, the labels and every row of the three parts in order. */
export function digestSplits(parts: Omit<DataSplits, 'digest' | 'account'>): string {
  const hash = createHash('sha256');
  hash.update(`${JSON.stringify([parts.name, parts.labels])}\n`);
  for (const part of ['train', 'validation', 'test'] as const) {
    hash.update(`${part}\n`);
    for (const { id, text, label } of parts[part]) hash.update(`${JSON.stringify([id, text, label])}\n`);
  }
  return hash.digest('hex');
}

async function openSource(options: PrepareOptions): Promise<{
  readonly name: string;
  readonly total: number;
  readonly rows: AsyncIterable<RawRow> | Iterable<RawRow>;
}> {
  if (options.source === spamAssassinSource) {
    return { name: 'spam-assassin', total: 6046, rows: readSpamAssassin(options.baseDir) };
  }
  if (options.source.startsWith('npm:')) {
    throw new SlmError('DATA_SOURCE', `source: expected ${spamAssassinSource} or a file, got ${options.source}`);
  }
  const path = resolve(options.baseDir, options.source);
  const columns = {
    id: options.idColumn ?? 'id',
    text: options.textColumn ?? 'text',
    label: options.labelColumn ?? 'label',
  };
  const plain = /\.(jsonl|csv)$/i.test(path);
  const rows = plain ? await readRecords(path, columns) : await readOtherFormats(path, options.baseDir, columns);
  return { name: basename(path).replace(/(\.[^.]+?)?(\.(gz|gzip|zst|zstd))?$/i, ''), total: rows.length, rows };
}

/** Labelled rows of any source that {@link openRows} reads; an id that names a place does so from `baseDir`. */
async function readOtherFormats(path: string, baseDir: string, columns: RecordColumns): Promise<readonly RawRow[]> {
  const rows: RawRow[] = [];
  const places = new Map<string, string>();
  const { id: idColumn, ...others } = columns;
  const named = idColumn === 'id' ? others : columns;
  for await (const { id, where, text, label, repaired } of openRows({ inputs: [{ path, columns: named }] })) {
    const name = id === where ? relative(resolve(baseDir), where) : id;
    const earlier = places.get(name);
    if (label === undefined || earlier !== undefined) {
      const wrong = label === undefined ? 'a label, got none' : `a unique id, got ${name} again (${earlier})`;
      throw new SlmError('DATA_ROW', `${where}: expected ${wrong}`);
    }
    places.set(name, where);
    rows.push({ id: name, label, content: text, repaired });
  }
  return rows;
}

async function rawText(row: RawRow, tally: Tally): Promise<string | undefined> {
  if (typeof row.content === 'string') return row.content;
  let mail: MailText;
  try {
    mail = await readMail(row.content);
  } catch (error) {
    if (!isSlmError(error)) throw error;
    tally.drop('unreadable');
    return undefined;
  }
  if (mail.transferDecoded > 0) tally.step('transfer-encoding', 0);
  if (mail.guessedCharsets > 0) tally.step('charset-guessed', 0);
  if (mail.htmlParts > 0) tally.step('html', mail.markup);
  if (mail.attachments > 0) tally.step('attachments', 0);
  return `${mail.subject}\n${mail.body}`;
}

function dropExact(examples: readonly Example[], tally: Tally): readonly Example[] {
  const groups = new Map<string, Example[]>();
  for (const example of examples) {
    // Cleaned text has no white space but single spaces and line feeds.
    const key = example.text.toLowerCase().replace(/\n+/g, ' ');
    const group = groups.get(key);
    if (group) group.push(example);
    else groups.set(key, [example]);
  }
  const kept: Example[] = [];
  for (const group of groups.values()) {
    const first = group[0]!;
    if (group.length > 1) tally.groups++;
    if (group.some((example) => example.label !== first.label)) {
      tally.drop('conflicting-labels', group.length);
      continue;
    }
    kept.push(first);
    tally.drop('exact-duplicate', group.length - 1);
  }
  return kept;
}

function dropNear(examples: readonly Example[], representative: Int32Array, tally: Tally): readonly Example[] {
  const groups = new Map<number, Example[]>();
  examples.forEach((example, i) => {
    const group = groups.get(representative[i]!);
    if (group) group.push(example);
    else groups.set(representative[i]!, [example]);
  });
  const kept: Example[] = [];
  for (const group of groups.values()) {
    if (group.length > 1) tally.groups++;
    const votes = new Map<string, number>();
    for (const { label } of group) votes.set(label, (votes.get(label) ?? 0) + 1);
    const [label] = [...votes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]!;
    kept.push(group.find((example) => example.label === label)!);
    const others = group.filter((example) => example.label !== label).length;
    tally.drop('conflicting-labels', others);
    tally.drop('near-duplicate', group.length - 1 - others);
  }
  return kept.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function requireClasses(name: string, examples: readonly Example[], when: string, rows: number): void {
  const first = examples[0];
  if (first === undefined) {
    throw new SlmError('DATA_EMPTY', `${name}: expected texts to learn from, got none ${when} (${rows} rows read)`);
  }
  if (examples.every((example) => example.label === first.label)) {
    throw new SlmError(
      'DATA_ONE_CLASS',
      `${name}: expected at least two labels, got only ${JSON.stringify(first.label)} ${when} (${rows} rows read)`,
    );
  }
}

interface Tally {
  groups: number;
  read(label: string): void;
  drop(reason: string, rows?: number): void;
  step(step: string, characters: number): void;
  account(kept: readonly Example[]): Pick<DataAccount, 'read' | 'kept' | 'dropped' | 'steps' | 'labels'>;
}

function createTally(): Tally {
  const dropped: Record<string, number> = {
    unreadable: 0,
    empty: 0,
    'conflicting-labels': 0,
    'exact-duplicate': 0,
    'near-duplicate': 0,
  };
  const labels = new Map<string, number>();
  const steps = new Map<string, { rows: number; characters: number }>();
  let total = 0;
  return {
    groups: 0,
    read(label) {
      total++;
      labels.set(label, (labels.get(label) ?? 0) + 1);
    },
    drop(reason, rows = 1) {
      dropped[reason] = (dropped[reason] ?? 0) + rows;
    },
    step(step, characters) {
      const entry = steps.get(step) ?? { rows: 0, characters: 0 };
      entry.rows++;
      entry.characters += characters;
      steps.set(step, entry);
    },
    account: (kept) => ({
      read: total,
      kept: kept.length,
      dropped,
      steps: [...steps].map(([step, entry]) => ({ step, ...entry })).sort((a, b) => (a.step < b.step ? -1 : 1)),
      labels: [...labels.keys()].sort().map((label) => ({
        label,
        read: labels.get(label)!,
        kept: kept.filter((example) => example.label === label).length,
      })),
    }),
  };
}
