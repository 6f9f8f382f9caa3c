import { SlmError } from '@slm-compress/onnx';
import { createCleaner } from './cleaning/cleaner.ts';
import { createDecontaminator } from './cleaning/decontaminate.ts';
import { standardCleaning } from './cleaning/standard.ts';
import type {
  ContaminationAccount,
  DataAccount,
  DataSplits,
  Example,
  PrepareOptions,
  PrepareProgress,
  RowAccount,
  TextExample,
} from './dataset.ts';
import type { ShingleKind } from './duplicates/shingles.ts';
import { digestSplits } from './prepare/digest.ts';
import { dropDuplicates } from './prepare/drop-duplicates.ts';
import { readRows } from './prepare/read-rows.ts';
import { splitMethod } from './prepare/split-method.ts';
import { createTally, type Tally } from './prepare/tally.ts';
import { nameOfInputs, type ResolvedInputs, resolveInputs } from './sources/data-inputs.ts';
import { isPackage } from './sources/spam-assassin.ts';
import { splitRecord } from './splits/split-record.ts';
import { splitRows } from './splits/split-rows.ts';
import { wholeText } from './whole-text.ts';

export interface PrepareControl {
  readonly onProgress?: (progress: PrepareProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads inputs, cleans their texts, removes duplicates and divides the rest. Same options and files, same bytes.
 *
 * 1. Read: files as {@link openRows} does; raw e-mails give Subject and body only ({@link readMail}).
 * 2. Clean ({@link createCleaner}): texts, both texts of a pair, every message of a chat. Parts that are given to validate
 *    or test on are cleaned alike, but none of their rows is dropped.
 * 3. Rows that equal or nearly equal a given row to validate or test on are dropped ({@link createDecontaminator}).
 * 4. Duplicates and near-duplicates are dropped ({@link dropDuplicates}), so that none crosses the split.
 * 5. Split ({@link splitRows}) into the parts that were not given; no group crosses it.
 * 6. Unlabelled texts: the same, against all rows to validate or test on.
 *
 * Throws SlmError: `DATA_EMPTY` when nothing is left, `DATA_ONE_CLASS`, `DATA_OPTION`, `DATA_CLASS_SIZE`, and what the
 * sources throw. Rejects with the signal's reason when aborted.
 */
export function prepareData(
  options: PrepareOptions & { readonly task?: 'classification' },
  control?: PrepareControl,
): Promise<DataSplits>;
export function prepareData(options: PrepareOptions, control?: PrepareControl): Promise<DataSplits<TextExample>>;
export async function prepareData(
  options: PrepareOptions,
  control: PrepareControl = {},
): Promise<DataSplits<TextExample>> {
  const { task = 'classification', seed } = options;
  const inputs = await resolveInputs(options);
  const name = nameOfInputs(inputs.train);
  const method = splitMethod(options.split ?? {}, inputs, seed);
  const reader = partReader(options, inputs, control);

  const validation = inputs.validation && (await reader.given('validation'));
  const test = inputs.test && (await reader.given('test'));
  const pool = await reader.deduplicated('train', [...(validation?.rows ?? []), ...(test?.rows ?? [])]);
  if (task === 'classification') requireClasses(name, pool.rows, pool.account().read);
  else if (pool.rows.length === 0) throw emptyError(name, pool.account().read);

  const rows = pool.rows.length;
  control.onProgress?.({ stage: 'split', part: 'train', done: 0, total: rows, unit: 'rows' });
  const cut = splitRows(pool.rows, method);
  for (const row of cut.dropped) pool.tally.drop('group-across-cut', row);
  control.onProgress?.({ stage: 'split', part: 'train', done: rows, total: rows, unit: 'rows' });
  const split = {
    train: cut.train,
    validation: validation?.rows ?? cut.validation,
    test: test?.rows ?? cut.test,
  };
  const unlabelled =
    inputs.unlabelled && (await reader.deduplicated('unlabelled', [...split.validation, ...split.test]));

  const labelled = [...pool.rows, ...(validation?.rows ?? []), ...(test?.rows ?? [])];
  const labels = [...new Set(labelled.flatMap(({ label }) => label ?? []))].sort();
  const parts = { name, task, labels, ...split, unlabelled: unlabelled?.rows ?? [] };
  const dropped = new Set(cut.dropped);
  const account: DataAccount = {
    ...pool.account(),
    labels: labelCounts(
      pool.tally.labels,
      pool.rows.filter((row) => !dropped.has(row)),
    ),
    duplicates: pool.duplicates,
    ...(validation === undefined && test === undefined ? {} : { contamination: pool.contamination }),
    split: splitRecord(split, method),
    ...(validation && { validation: validation.account }),
    ...(test && { test: test.account }),
    ...(unlabelled && {
      unlabelled: {
        ...unlabelled.account(),
        duplicates: unlabelled.duplicates,
        contamination: unlabelled.contamination,
      },
    }),
  };
  return { ...parts, digest: digestSplits(parts), account };
}

const duplicateReasons = ['conflicting-labels', 'exact-duplicate', 'near-duplicate'];

/** Reads the parts of a data set. */
function partReader(options: PrepareOptions, inputs: ResolvedInputs, { onProgress, signal }: PrepareControl) {
  const { task = 'classification', cleaning = standardCleaning, duplicates = {} } = options;
  const { exact = true, near = 0.8, shingles = 'by-script' } = duplicates;
  const open = async (part: PrepareProgress['part'], keepRows: boolean, tally: Tally) => {
    const { baseDir, seed, onBadRow, maxRowBytes, limit, sample } = options;
    const cleaner = await createCleaner(cleaning, { keepRows });
    const reader = readRows({
      part,
      inputs: inputs[part]!,
      labelled: task === 'classification' && part !== 'unlabelled',
      cleaner,
      tally,
      baseDir,
      seed,
      onProgress,
      signal,
      ...(onBadRow === undefined ? {} : { onBadRow }),
      ...(maxRowBytes === undefined ? {} : { maxRowBytes }),
      ...(limit === undefined || part !== 'train' ? {} : { limit }),
      ...(sample === undefined || part !== 'train' ? {} : { sample }),
    });
    return { reader, account: (): RowAccount => tally.account(reader.inputs(), cleaner) };
  };
  return {
    /** All rows of a part, in their order. */
    async given(part: 'validation' | 'test') {
      const { reader, account } = await open(part, true, createTally([]));
      const rows: TextExample[] = [];
      for await (const row of reader) rows.push(row);
      if (rows.length === 0) throw emptyError(inputs[part]!.map(({ path }) => path).join(', '), account().read);
      return { rows, account: account() };
    },
    /** The rows of a part that are neither among `against` nor duplicates of one another. */
    async deduplicated(part: 'train' | 'unlabelled', against: readonly TextExample[]) {
      const mails = part === 'train' && isPackage(inputs.train[0]!.path);
      const tally = createTally([...(mails ? ['unreadable'] : []), 'empty', ...duplicateReasons]);
      const { reader, account } = await open(part, false, tally);
      const threshold = near === false ? 1 : near;
      const groups = new Set(options.split?.by === 'group' ? against.flatMap(({ group }) => group ?? []) : []);
      const found = await uncontaminated(reader, against, { threshold, shingles, groups, tally });
      const { kept, account: duplicateAccount } = await dropDuplicates(found.rows, {
        exact,
        near,
        shingles,
        part,
        tally,
        onProgress,
        signal,
      });
      return { rows: kept, tally, account, duplicates: duplicateAccount, contamination: found.account };
    },
  };
}

/** The rows that do not occur in `against` and are of none of the groups. */
async function uncontaminated(
  rows: AsyncIterable<TextExample>,
  against: readonly TextExample[],
  options: {
    readonly threshold: number;
    readonly shingles: ShingleKind;
    readonly groups: ReadonlySet<string>;
    readonly tally: Tally;
  },
): Promise<{ readonly rows: readonly TextExample[]; readonly account: ContaminationAccount }> {
  const { threshold, shingles, groups, tally } = options;
  const compared = (row: TextExample) => ({ id: row.id, text: wholeText(row) });
  const decontaminator = await createDecontaminator(against.map(compared), { threshold, shingles });
  const kept: TextExample[] = [];
  try {
    for await (const row of rows) {
      const found = decontaminator.find(compared(row));
      if (found !== undefined) tally.drop('contaminated', row, { id: found.testId, similarity: found.similarity });
      else if (row.group !== undefined && groups.has(row.group)) tally.drop('group-of-given', row);
      else kept.push(row);
    }
  } finally {
    decontaminator.close();
  }
  const { exact, near, exactTests } = decontaminator.account();
  return { rows: kept, account: { threshold, rows: exact + near, equal: exact, found: exactTests } };
}

function requireClasses(name: string, rows: readonly TextExample[], read: number): asserts rows is readonly Example[] {
  const first = rows[0];
  if (first === undefined) throw emptyError(name, read);
  if (rows.some(({ label }) => label !== first.label)) return;
  throw new SlmError(
    'DATA_ONE_CLASS',
    `${name}: expected at least two labels, got only ${JSON.stringify(first.label)} in what is left of ${read} rows`,
  );
}

function emptyError(name: string, read: number): SlmError {
  return new SlmError('DATA_EMPTY', `${name}: expected texts, got none of ${read} rows read`);
}

function labelCounts(read: ReadonlyMap<string, number>, kept: readonly TextExample[]): DataAccount['labels'] {
  const counts = new Map<string, number>();
  for (const { label } of kept) if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...read.keys()].sort().map((label) => ({ label, read: read.get(label)!, kept: counts.get(label) ?? 0 }));
}
