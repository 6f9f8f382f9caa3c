import { createRng } from '@slm-compress/onnx';
import { languageDetector } from '../cleaning/cleaner.ts';
import { createDecontaminator, type Decontaminator } from '../cleaning/decontaminate.ts';
import { cutAt } from '../cleaning/white-space.ts';
import { createNearDuplicates } from '../near-duplicates.ts';
import { type InputAccount, openRows, type RowInput } from '../sources/open-rows.ts';
import { reservoir } from '../sources/sampling.ts';
import type { TextRow } from '../sources/text-row.ts';
import type { TextTokenizer } from '../tokenizer.ts';
import { wordsOf } from '../words-of.ts';
import { adviceFor, usualLengths } from './advice.ts';
import { tryCleaning } from './cleaning-trials.ts';
import type { ClassBalance, DataInspection, LengthExample, SplitLeak } from './data-inspection.ts';
import { createEqualTexts, type EqualTexts } from './equal-texts.ts';
import { type ExampleRow, exampleRow } from './example-row.ts';
import { LengthCounter } from './lengths.ts';
import { nearGroups } from './near-groups.ts';
import { measureTokens } from './tokens.ts';

/** An input and, where there are several, the split it is. */
export interface InspectedInput extends RowInput {
  /** `train`, `validation`, `test` or any other name; rows of one split are looked for in the others. */
  readonly part?: string;
}

export interface InspectDataOptions {
  readonly inputs: readonly InspectedInput[];
  /** Whose tokens are counted; without one a small vocabulary is learned from the sample. */
  readonly tokenizer?: TextTokenizer;
  /** Rows on which what is costly is measured; 20,000 by default. They are held, up to 100,000 characters of each. */
  readonly sample?: number;
  readonly seed?: number;
  /** Examples of each kind; 5 by default. */
  readonly examples?: number;
  /** Where npm packages are looked for; the working folder by default. */
  readonly baseDir?: string;
  readonly nearDuplicates?: { readonly threshold: number };
  readonly onProgress?: (rows: number) => void;
  readonly signal?: AbortSignal;
}

const sampledCharacters = 100_000;

/**
 * Reads a data set once and says what it consists of.
 * Splits are read with `train` last, as the leaks looked for are rows of the others in it.
 *
 * Throws SlmError as {@link openRows} does where a file cannot be read at all; wrong rows are counted. Rejects with the
 * signal's reason when aborted.
 */
export async function inspectData(options: InspectDataOptions): Promise<DataInspection> {
  const { sample: sampleSize = 20_000, seed = 0, examples = 5, signal } = options;
  const threshold = options.nearDuplicates?.threshold ?? 0.8;
  const equal = await createEqualTexts();
  const near = await createNearDuplicates({ threshold, ...(signal === undefined ? {} : { signal }) });
  const all = createTotals(equal, examples);
  const accounts: (InputAccount & { readonly split?: string })[] = [];
  const leaks = createLeakFinder(options.inputs, threshold, examples);
  const read = async function* (): AsyncGenerator<TextRow> {
    let rows = 0;
    for (const { part, ...input } of leaks.ordered) {
      const stream = openRows({
        inputs: [input],
        onBadRow: 'drop',
        seed,
        ...(options.baseDir === undefined ? {} : { baseDir: options.baseDir }),
      });
      for await (const row of stream) {
        if (rows++ % 256 === 0) {
          signal?.throwIfAborted();
          options.onProgress?.(rows);
          await new Promise((next) => setImmediate(next));
        }
        await leaks.add(part, row);
        if (!all.add(row)) continue;
        near.add(row.text);
        yield row.text.length > sampledCharacters ? { ...row, text: cutAt(row.text, sampledCharacters) } : row;
      }
      accounts.push(...stream.account().map((account) => (part === undefined ? account : { ...account, split: part })));
    }
  };
  const sample: TextRow[] = [];
  try {
    for await (const row of reservoir(read(), sampleSize, createRng(seed).fork('sample'))) sample.push(row);
  } catch (error) {
    near.close();
    throw error;
  } finally {
    leaks.close();
  }
  const similar = nearGroups(equal.rows, await near.finish(), { threshold, examples });
  signal?.throwIfAborted();
  const texts = sample.map(({ text }) => text);
  const tokens = measureTokens(texts, {
    ...(options.tokenizer === undefined ? {} : { tokenizer: options.tokenizer }),
    vocabSize: vocabularySize(all.wordTotal()),
    maxLengths: usualLengths,
  });
  const inspection: Omit<DataInspection, 'advice'> = {
    format: 'slm-data-inspection-1',
    inputs: accounts,
    wrongRows: accounts.reduce((sum, { bad }) => sum + bad, 0),
    sample: { rows: sample.length, seed },
    ...all.account(),
    duplicates: { equal: equal.account(examples), near: similar.account },
    suspiciousLabels: { equal: equal.conflicts(), near: similar.conflicts },
    languages: await languagesOf(texts),
    ...(tokens === undefined ? {} : { tokens }),
    cleaning: await tryCleaning(sample, examples),
    ...(leaks.ordered.some(({ part }) => part !== undefined) ? { leaks: leaks.found() } : {}),
  };
  return { ...inspection, advice: adviceFor(inspection) };
}

/** Tokens that a vocabulary learned from so many words may have: one for 64 of them, 1,024 to 16,384. */
export function vocabularySize(words: number): number {
  const wanted = 2 ** Math.round(Math.log2(Math.max(1, words) / 64));
  return Math.min(16_384, Math.max(1024, wanted));
}

type Totals = Pick<DataInspection, 'rows' | 'emptyRows' | 'unlabelled' | 'lengths' | 'classes' | 'outliers'>;

/** What is counted of all rows. */
function createTotals(
  equal: EqualTexts,
  examples: number,
): {
  /** Counts a row; true when it has a text and that is new. */
  add(row: TextRow): boolean;
  wordTotal(): number;
  account(): Totals;
} {
  const characters = new LengthCounter();
  const words = new LengthCounter();
  const labels = new Map<string, number>();
  const empty: ExampleRow[] = [];
  const longest: LengthExample[] = [];
  const shortest: LengthExample[] = [];
  let rows = 0;
  let emptyRows = 0;
  let unlabelled = 0;
  let wordTotal = 0;
  return {
    add(row) {
      const { text, label } = row;
      rows++;
      if (label === undefined) unlabelled++;
      else labels.set(label, (labels.get(label) ?? 0) + 1);
      const wordCount = wordsOf(text).length;
      characters.add(text.length);
      words.add(wordCount);
      wordTotal += wordCount;
      if (!/[\p{L}\p{N}\p{S}]/u.test(text)) {
        emptyRows++;
        if (empty.length < examples) empty.push(exampleRow(row));
        return false;
      }
      keep(longest, row, examples, (a, b) => b - a);
      keep(shortest, row, examples, (a, b) => a - b);
      return equal.add(text, exampleRow(row));
    },
    wordTotal: () => wordTotal,
    account: () => ({
      rows,
      emptyRows: { rows: emptyRows, examples: empty },
      unlabelled,
      lengths: { characters: characters.account(), words: words.account() },
      ...(labels.size === 0 ? {} : { classes: balance(labels) }),
      outliers: { longest, shortest },
    }),
  };
}

/** Keeps the row if it belongs to the first by length. */
function keep(kept: LengthExample[], row: TextRow, size: number, order: (a: number, b: number) => number): void {
  const characters = row.text.length;
  if (kept.length === size && order(characters, kept.at(-1)!.characters) >= 0) return;
  const at = kept.findIndex((other) => order(characters, other.characters) < 0);
  kept.splice(at < 0 ? kept.length : at, 0, { ...exampleRow(row), characters });
  if (kept.length > size) kept.pop();
}

function balance(labels: ReadonlyMap<string, number>): ClassBalance {
  const sorted = [...labels].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const rows = sorted.reduce((sum, [, count]) => sum + count, 0);
  return {
    labels: sorted.map(([label, count]) => ({ label, rows: count, share: count / rows })),
    majorityBaseline: sorted[0]![1] / rows,
    imbalanceRatio: sorted[0]![1] / sorted.at(-1)![1],
  };
}

async function languagesOf(texts: readonly string[]): Promise<DataInspection['languages']> {
  const detect = await languageDetector();
  const counts = new Map<string, number>();
  for (const text of texts) {
    const language = detect(text) ?? 'unsure';
    counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .map(([language, rows]) => ({ language, rows, share: rows / texts.length }));
}

/** Looks for the rows of splits read before in those read after. */
function createLeakFinder(inputs: readonly InspectedInput[], threshold: number, examples: number) {
  const rank = (part: string | undefined) => (part === 'train' ? 2 : part === 'test' ? 0 : 1);
  const ordered = [...inputs].sort((a, b) => rank(a.part) - rank(b.part));
  const parts = [...new Set(ordered.map(({ part }) => part))].filter((part) => part !== undefined);
  const held: { id: string; text: string }[] = [];
  let current: string | undefined;
  const finders: { readonly from: string; readonly finder: Decontaminator }[] = [];
  const leaks = new Map<string, { -readonly [K in keyof SplitLeak]: SplitLeak[K] }>();
  return {
    ordered,
    async add(part: string | undefined, row: TextRow): Promise<void> {
      if (part === undefined || parts.length < 2) return;
      if (part !== current && held.length > 0) {
        finders.push({ from: current!, finder: await createDecontaminator(held, { threshold }) });
        held.length = 0;
      }
      current = part;
      for (const { from, finder } of finders) {
        const hit = finder.find({ id: row.where, text: row.text });
        const key = JSON.stringify([from, part]);
        const leak = leaks.get(key) ?? { from, into: part, rows: 0, examples: [] };
        leaks.set(key, leak);
        if (hit === undefined) continue;
        leak.rows++;
        if (leak.examples.length < examples) {
          leak.examples = [...leak.examples, { a: hit.testId, b: exampleRow(row), similarity: hit.similarity }];
        }
      }
      if (part !== parts.at(-1)) held.push({ id: row.where, text: row.text });
    },
    found: (): readonly SplitLeak[] => [...leaks.values()],
    /** Removes temporary files. */
    close(): void {
      for (const { finder } of finders) finder.close();
    },
  };
}
