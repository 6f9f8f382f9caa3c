import { createExactDuplicates } from '../duplicates/exact-duplicates.ts';
import type { EqualTextsAccount, LabelConflict } from './data-inspection.ts';
import type { ExampleRow } from './example-row.ts';

const textsKept = 1_000_000;
const groupsKept = 10_000;

/** Rows by text, equal up to case and white space. */
export interface EqualTexts {
  /** Counts a row; true when its text is new and the row is kept in `rows`. */
  add(text: string, row: ExampleRow): boolean;
  /** The first row of each different text, at most a million. */
  readonly rows: readonly ExampleRow[];
  account(examples: number): EqualTextsAccount;
  /** Texts with several labels, in the order in which their second label was found; at most 10,000. */
  conflicts(): readonly LabelConflict[];
}

/** Finds equal texts in a stream; kept are some 400 bytes for each of the first million different ones. */
export async function createEqualTexts(): Promise<EqualTexts> {
  const exact = await createExactDuplicates();
  const rows: ExampleRow[] = [];
  /** By the index of a text's first row: its place in `rows`. */
  const places = new Map<number, number>();
  const repeats = new Map<number, number>();
  const conflicts = new Map<number, { rows: ExampleRow[]; labels: Map<string, number> }>();
  let seen = 0;
  let repeated = 0;
  let complete = true;
  return {
    rows,
    add(text, row) {
      const index = seen++;
      const first = exact.add(text);
      if (first === index) {
        complete = rows.length < textsKept;
        if (complete) places.set(index, rows.push(row) - 1);
        return complete;
      }
      repeated++;
      const place = places.get(first);
      if (place === undefined) return false;
      const before = (repeats.get(place) ?? 0) + 1;
      repeats.set(place, before);
      const { label } = rows[place]!;
      if (row.label === undefined || label === undefined) return false;
      let conflict = conflicts.get(place);
      if (conflict === undefined && row.label !== label && conflicts.size < groupsKept) {
        conflict = { rows: [rows[place]!], labels: new Map([[label, before]]) };
        conflicts.set(place, conflict);
      }
      if (conflict !== undefined) {
        const count = conflict.labels.get(row.label);
        if (count === undefined) conflict.rows.push(row);
        conflict.labels.set(row.label, (count ?? 0) + 1);
      }
      return false;
    },
    account: (examples) => ({
      groups: repeats.size,
      rows: repeated,
      examples: [...repeats]
        .sort((a, b) => b[1] - a[1])
        .slice(0, examples)
        .map(([place, more]) => ({ text: rows[place]!.text, rows: more + 1, first: rows[place]!.where })),
      complete,
    }),
    conflicts: () => [...conflicts.values()].map(({ rows: shown, labels }) => toConflict(shown, labels)),
  };
}

/** A conflict with its most frequent label first. */
export function toConflict(rows: readonly ExampleRow[], labels: ReadonlyMap<string, number>): LabelConflict {
  return { rows, labels: Object.fromEntries([...labels].sort((a, b) => b[1] - a[1])) };
}
