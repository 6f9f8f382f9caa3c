import xxhash from 'xxhash-wasm';
import type { ExampleRow } from './example-row.ts';

/** Texts that occur more than once, up to case and white space. */
export interface EqualTextsAccount {
  /** Texts that occur more than once. */
  readonly groups: number;
  /** Rows beyond the first of each group. */
  readonly rows: number;
  /** The most frequent of them. */
  readonly examples: readonly { readonly text: string; readonly rows: number; readonly first: string }[];
  /** Every row was compared with all others; false when there were more than a million different texts. */
  readonly complete: boolean;
}

/** A text that has several labels. */
export interface LabelConflict {
  /** The rows that show it: the first of each label. */
  readonly rows: readonly ExampleRow[];
  /** Rows by label. */
  readonly labels: Readonly<Record<string, number>>;
}

interface Entry {
  readonly first: string;
  readonly label: string | undefined;
  count: number;
}

const textsKept = 1_000_000;
const groupsKept = 10_000;

/** The form in which texts are compared: lower case, single spaces. */
export function comparedForm(text: string): string {
  return text.toLowerCase().replace(/\s+/g, ' ').trim();
}

/**
 * Finds texts that are equal up to case and white space, by 53-bit hashes: some 250 bytes a different text, of which a
 * million are kept.
 */
export async function createEqualTexts(): Promise<{
  /** A number that equal texts share. */
  keyOf(text: string): number;
  /** Counts a row; true when its text was there before. */
  add(key: number, row: ExampleRow): boolean;
  account(examples: number): EqualTextsAccount;
  /** Texts with several labels, in the order in which their second label was found; at most 10,000. */
  conflicts(): readonly LabelConflict[];
}> {
  const { h32 } = await xxhash();
  const entries = new Map<number, Entry>();
  const repeated = new Map<number, string>();
  const conflicts = new Map<number, { rows: ExampleRow[]; labels: Map<string, number> }>();
  let complete = true;
  let groups = 0;
  let rows = 0;
  return {
    keyOf(text) {
      const form = comparedForm(text);
      return h32(form, 1) * 2 ** 21 + (h32(form, 2) >>> 11);
    },
    add(key, row) {
      const entry = entries.get(key);
      if (entry === undefined) {
        if (entries.size < textsKept) entries.set(key, { first: row.where, label: row.label, count: 1 });
        else complete = false;
        return false;
      }
      entry.count++;
      rows++;
      if (entry.count === 2) {
        groups++;
        if (repeated.size < groupsKept) repeated.set(key, row.text);
      }
      if (row.label === undefined || entry.label === undefined) return true;
      let conflict = conflicts.get(key);
      if (conflict === undefined && row.label !== entry.label && conflicts.size < groupsKept) {
        const first = { where: entry.first, text: row.text, label: entry.label };
        conflict = { rows: [first], labels: new Map([[entry.label, entry.count - 1]]) };
        conflicts.set(key, conflict);
      }
      if (conflict !== undefined) {
        const seen = conflict.labels.get(row.label);
        if (seen === undefined) conflict.rows.push(row);
        conflict.labels.set(row.label, (seen ?? 0) + 1);
      }
      return true;
    },
    account: (examples) => ({
      groups,
      rows,
      examples: [...repeated]
        .map(([key, text]) => ({ text, rows: entries.get(key)!.count, first: entries.get(key)!.first }))
        .sort((a, b) => b.rows - a.rows)
        .slice(0, examples),
      complete,
    }),
    conflicts: () =>
      [...conflicts.values()].map(({ rows: shown, labels }) => ({
        rows: shown,
        labels: Object.fromEntries([...labels].sort((a, b) => b[1] - a[1])),
      })),
  };
}
