import type { Cleaner } from '../cleaning/cleaner.ts';
import type { DroppedRow, RowAccount, StepAccount, TextExample } from '../dataset.ts';
import type { InputAccount } from '../sources/open-rows.ts';

/** Counts where the rows of a part go. */
export interface Tally {
  /** Groups of duplicates. */
  groups: number;
  read(label: string | undefined): void;
  drop(
    reason: string,
    row: Pick<TextExample, 'id' | 'text'>,
    like?: { readonly id: string; readonly similarity?: number },
  ): void;
  /** What reading mended in a row. */
  mend(step: string, characters: number): void;
  account(inputs: readonly InputAccount[], cleaner: Cleaner): RowAccount;
  /** Rows read, by label. */
  readonly labels: ReadonlyMap<string, number>;
}

const examplesKept = 3;
const excerptLength = 120;

/** A tally with nothing in it; `reasons` are listed also when no row is dropped for them. */
export function createTally(reasons: readonly string[]): Tally {
  const dropped: Record<string, number> = Object.fromEntries(reasons.map((reason) => [reason, 0]));
  const examples: Record<string, DroppedRow[]> = {};
  const labels = new Map<string, number>();
  const mended = new Map<string, { rows: number; characters: number }>();
  let total = 0;
  return {
    groups: 0,
    labels,
    read(label) {
      total++;
      if (label !== undefined) labels.set(label, (labels.get(label) ?? 0) + 1);
    },
    drop(reason, { id, text }, like) {
      dropped[reason] = (dropped[reason] ?? 0) + 1;
      const shown = examples[reason] ?? [];
      examples[reason] = shown;
      if (shown.length >= examplesKept) return;
      const similarity = like?.similarity === undefined ? {} : { similarity: like.similarity };
      const other = like === undefined ? {} : { like: like.id, ...similarity };
      shown.push({ id, text: text.slice(0, excerptLength), ...other });
    },
    mend(step, characters) {
      const entry = mended.get(step) ?? { rows: 0, characters: 0 };
      entry.rows++;
      entry.characters += characters;
      mended.set(step, entry);
    },
    account(inputs, cleaner) {
      const bad = inputs.reduce((sum, input) => sum + input.bad, 0);
      const all = bad === 0 ? dropped : { 'bad-row': bad, ...dropped };
      const gone = Object.values(all).reduce((sum, rows) => sum + rows, 0);
      const steps: StepAccount[] = [...mended]
        .map(([step, entry]) => ({ step, ...entry }))
        .sort((a, b) => (a.step < b.step ? -1 : 1));
      for (const { step, rows, characters, examples: shown } of cleaner.account()) {
        steps.push({ step, rows, characters, ...(shown.length === 0 ? {} : { examples: shown }) });
      }
      return { inputs, read: total + bad, kept: total + bad - gone, dropped: all, examples, steps };
    },
  };
}
