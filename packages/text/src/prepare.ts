import { createRng, SlmError } from '@slm-compress/onnx';
import { createCleaner } from './cleaning/cleaner.ts';
import { createDecontaminator, type Decontaminator } from './cleaning/decontaminate.ts';
import { standardCleaning } from './cleaning/standard.ts';
import type {
  DataAccount,
  DataSplits,
  Example,
  PrepareOptions,
  PrepareProgress,
  RowAccount,
  SplitOptions,
  SplitShares,
  TextExample,
} from './dataset.ts';
import { digestSplits } from './prepare/digest.ts';
import { comparedText, dropDuplicates } from './prepare/drop-duplicates.ts';
import { readRows } from './prepare/read-rows.ts';
import { type ContaminationTally, createContaminationTally, createTally, type Tally } from './prepare/tally.ts';
import { nameOfInputs, type ResolvedInputs, resolveInputs } from './sources/data-inputs.ts';
import { stratifiedSplit } from './split.ts';

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
 * 5. Seeded split ({@link stratifiedSplit}) into the parts that were not given.
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
  const shares = splitShares(options.split ?? {}, inputs);
  const reader = partReader(options, inputs, control);

  const validation = inputs.validation && (await reader.given('validation'));
  const test = inputs.test && (await reader.given('test'));
  const pool = await reader.deduplicated('train', [...(validation?.rows ?? []), ...(test?.rows ?? [])]);
  if (task === 'classification') requireClasses(name, pool.rows, pool.account.read);
  else if (pool.rows.length === 0) throw emptyError(name, pool.account.read);

  const split = stratifiedSplit(pool.rows as readonly Example[], shares, createRng(seed).fork('split'));
  control.onProgress?.({
    stage: 'split',
    part: 'train',
    done: pool.rows.length,
    total: pool.rows.length,
    unit: 'rows',
  });
  const held = { validation: validation?.rows ?? split.validation, test: test?.rows ?? split.test };
  const unlabelled = inputs.unlabelled && (await reader.deduplicated('unlabelled', [...held.validation, ...held.test]));

  const labelled = [...pool.rows, ...(validation?.rows ?? []), ...(test?.rows ?? [])];
  const labels = [...new Set(labelled.flatMap(({ label }) => label ?? []))].sort();
  const parts = { name, task, labels, train: split.train, ...held, unlabelled: unlabelled?.rows ?? [] };
  const account: DataAccount = {
    ...pool.account,
    labels: labelCounts(pool.labels, pool.rows),
    duplicates: pool.duplicates,
    ...(validation === undefined && test === undefined ? {} : { contamination: pool.contamination }),
    split: { train: split.train.length, validation: held.validation.length, test: held.test.length },
    ...(validation && { validation: validation.account }),
    ...(test && { test: test.account }),
    ...(unlabelled && {
      unlabelled: {
        ...unlabelled.account,
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
  const { exact = true, near = 0.8 } = duplicates;
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
      const mails = part === 'train' && inputs.train[0]!.path.startsWith('npm:');
      const tally = createTally([...(mails ? ['unreadable'] : []), 'empty', ...duplicateReasons]);
      const { reader, account } = await open(part, false, tally);
      const threshold = near === false ? 1 : near;
      const found = createContaminationTally(threshold);
      const rows = await uncontaminated(reader, against, threshold, tally, found);
      const { kept, account: duplicateAccount } = await dropDuplicates(rows, {
        exact,
        near,
        part,
        tally,
        onProgress,
        signal,
      });
      return {
        rows: kept,
        account: account(),
        labels: tally.labels,
        duplicates: duplicateAccount,
        contamination: found.account(),
      };
    },
  };
}

async function uncontaminated(
  rows: AsyncIterable<TextExample>,
  against: readonly TextExample[],
  threshold: number,
  tally: Tally,
  counts: ContaminationTally,
): Promise<readonly TextExample[]> {
  const compared = (row: TextExample) => ({ id: row.id, text: comparedText(row) });
  const decontaminator: Decontaminator | undefined =
    against.length === 0 ? undefined : await createDecontaminator(against.map(compared), { threshold });
  const kept: TextExample[] = [];
  try {
    for await (const row of rows) {
      const found = decontaminator?.find(compared(row));
      if (found === undefined) {
        kept.push(row);
        continue;
      }
      counts.add(found);
      tally.drop('contaminated', row, { id: found.testId, similarity: found.similarity });
    }
  } finally {
    decontaminator?.close();
  }
  return kept;
}

/** The shares of the rows that are not given. */
function splitShares(split: SplitOptions, inputs: ResolvedInputs): SplitShares {
  const share = (part: 'validation' | 'test'): number => {
    if (inputs[part] === undefined) return split[part] ?? 0.15;
    if ((split[part] ?? 0) === 0) return 0;
    throw new SlmError(
      'DATA_OPTION',
      `split.${part}: expected no share, since the rows of ${part} are given, got ${split[part]} (name the split of a folder to use that alone)`,
    );
  };
  const [validation, test] = [share('validation'), share('test')];
  return { train: split.train ?? 1 - validation - test, validation, test };
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
