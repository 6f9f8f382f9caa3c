import type { DuplicateAccount, PrepareProgress, TextExample } from '../dataset.ts';
import { createExactDuplicates } from '../duplicates/exact-duplicates.ts';
import type { ShingleKind } from '../duplicates/shingles.ts';
import { findNearDuplicates } from '../near-duplicates.ts';
import { wholeText } from '../whole-text.ts';
import type { Tally } from './tally.ts';

/**
 * Rows without duplicates, sorted by id.
 *
 * 1. Rows of equal text (ignoring case and white space): if their labels differ, all are dropped, as the right one cannot be
 *    known; else the first id is kept.
 * 2. Near-duplicates ({@link findNearDuplicates}): of each group of one label the first id is kept; a group with several labels
 *    keeps the first id of its most frequent label (the smaller label on a tie).
 */
export async function dropDuplicates<Row extends TextExample>(
  rows: readonly Row[],
  settings: {
    readonly exact: boolean;
    readonly near: number | false;
    readonly shingles: ShingleKind;
    readonly part: PrepareProgress['part'];
    readonly tally: Tally;
    readonly onProgress: ((progress: PrepareProgress) => void) | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<{ readonly kept: readonly Row[]; readonly account: DuplicateAccount }> {
  const { exact, near, shingles, part, tally, onProgress, signal } = settings;
  const sorted = [...rows].sort(byId);
  const different = exact ? await dropExact(sorted, tally) : sorted;
  if (near === false) return { kept: different, account: { groups: tally.groups, candidates: 0, pairs: 0 } };
  const found = await findNearDuplicates(different.map(wholeText), {
    threshold: near,
    shingles,
    ...(signal && { signal }),
    onProgress: (done, total) => onProgress?.({ stage: 'deduplicate', part, done, total, unit: 'rows' }),
  });
  const kept = dropNear(different, found.representative, tally);
  const { candidates, pairs } = found;
  return { kept, account: { threshold: near, groups: tally.groups, candidates, pairs: pairs.length } };
}

function byId(a: TextExample, b: TextExample): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Rows by group, in the order of their first rows; `representative` names the group of each. */
function grouped<Row>(rows: readonly Row[], representative: Int32Array): readonly (readonly Row[])[] {
  const groups = new Map<number, Row[]>();
  rows.forEach((row, i) => {
    const group = groups.get(representative[i]!);
    if (group) group.push(row);
    else groups.set(representative[i]!, [row]);
  });
  return [...groups.values()];
}

async function dropExact<Row extends TextExample>(rows: readonly Row[], tally: Tally): Promise<readonly Row[]> {
  const equal = await createExactDuplicates();
  for (const row of rows) equal.add(wholeText(row));
  const kept: Row[] = [];
  for (const group of grouped(rows, equal.representative())) {
    const first = group[0]!;
    if (group.length > 1) tally.groups++;
    const conflict = group.find((row) => row.label !== first.label);
    if (conflict !== undefined) {
      for (const row of group) tally.drop('conflicting-labels', row, alike(row === first ? conflict : first, 1));
      continue;
    }
    kept.push(first);
    for (const row of group.slice(1)) tally.drop('exact-duplicate', row, alike(first, 1));
  }
  return kept;
}

function dropNear<Row extends TextExample>(
  rows: readonly Row[],
  representative: Int32Array,
  tally: Tally,
): readonly Row[] {
  const kept: Row[] = [];
  for (const group of grouped(rows, representative)) {
    if (group.length > 1) tally.groups++;
    const votes = new Map<string | undefined, number>();
    for (const { label } of group) votes.set(label, (votes.get(label) ?? 0) + 1);
    const [label] = [...votes].sort((a, b) => b[1] - a[1] || ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1))[0]!;
    const first = group.find((row) => row.label === label)!;
    kept.push(first);
    for (const row of group) {
      if (row !== first) tally.drop(row.label === label ? 'near-duplicate' : 'conflicting-labels', row, alike(first));
    }
  }
  return kept.sort(byId);
}

function alike({ id }: TextExample, similarity?: number): { readonly id: string; readonly similarity?: number } {
  return similarity === undefined ? { id } : { id, similarity };
}
