import { findNearDuplicates } from '../near-duplicates.ts';
import type { TextRow } from '../sources/text-row.ts';
import type { NearDuplicateAccount } from './data-inspection.ts';
import type { LabelConflict } from './equal-texts.ts';
import { exampleRow } from './example-row.ts';

const conflictsKept = 1000;

/** Near-duplicates among rows of different texts, and the groups whose rows have several labels. */
export async function nearGroups(
  rows: readonly TextRow[],
  options: { readonly threshold: number; readonly examples: number },
): Promise<{ readonly account: NearDuplicateAccount; readonly conflicts: readonly LabelConflict[] }> {
  const { threshold, examples } = options;
  const { representative, pairs } = await findNearDuplicates(
    rows.map(({ text }) => text),
    { threshold },
  );
  const groups = new Map<number, TextRow[]>();
  for (const [i, row] of rows.entries()) {
    if (representative[i] === i) continue;
    const first = representative[i]!;
    const group = groups.get(first) ?? [rows[first]!];
    group.push(row);
    groups.set(first, group);
  }
  const conflicts: LabelConflict[] = [];
  for (const group of groups.values()) {
    const labels = new Map<string, number>();
    const shown: TextRow[] = [];
    for (const row of group) {
      if (row.label === undefined) continue;
      if (!labels.has(row.label)) shown.push(row);
      labels.set(row.label, (labels.get(row.label) ?? 0) + 1);
    }
    if (labels.size < 2 || conflicts.length === conflictsKept) continue;
    conflicts.push({
      rows: shown.map(exampleRow),
      labels: Object.fromEntries([...labels].sort((a, b) => b[1] - a[1])),
    });
  }
  return {
    account: {
      threshold,
      groups: groups.size,
      rows: [...groups.values()].reduce((sum, group) => sum + group.length - 1, 0),
      compared: rows.length,
      examples: pairs.slice(0, examples).map(({ a, b, similarity }) => ({
        a: exampleRow(rows[a]!),
        b: exampleRow(rows[b]!),
        similarity,
      })),
    },
    conflicts,
  };
}
