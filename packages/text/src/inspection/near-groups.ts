import type { NearDuplicates } from '../near-duplicates.ts';
import type { LabelConflict, NearDuplicateAccount } from './data-inspection.ts';
import { toConflict } from './equal-texts.ts';
import type { ExampleRow } from './example-row.ts';

const conflictsKept = 1000;

/** What groups of near-duplicates say about rows of different texts, and the groups whose rows have several labels. */
export function nearGroups(
  rows: readonly ExampleRow[],
  { representative, pairs }: NearDuplicates,
  options: { readonly threshold: number; readonly examples: number },
): { readonly account: NearDuplicateAccount; readonly conflicts: readonly LabelConflict[] } {
  const { threshold, examples } = options;
  const groups = new Map<number, ExampleRow[]>();
  for (const [i, row] of rows.entries()) {
    const first = representative[i]!;
    if (first === i) continue;
    const group = groups.get(first) ?? [rows[first]!];
    group.push(row);
    groups.set(first, group);
  }
  const conflicts: LabelConflict[] = [];
  for (const group of groups.values()) {
    const labels = new Map<string, number>();
    const shown: ExampleRow[] = [];
    for (const row of group) {
      if (row.label === undefined) continue;
      if (!labels.has(row.label)) shown.push(row);
      labels.set(row.label, (labels.get(row.label) ?? 0) + 1);
    }
    if (labels.size > 1 && conflicts.length < conflictsKept) conflicts.push(toConflict(shown, labels));
  }
  return {
    account: {
      threshold,
      groups: groups.size,
      rows: [...groups.values()].reduce((sum, group) => sum + group.length - 1, 0),
      compared: rows.length,
      examples: pairs.slice(0, examples).map(({ a, b, similarity }) => ({ a: rows[a]!, b: rows[b]!, similarity })),
    },
    conflicts,
  };
}
