import { createDisjointSets } from '../duplicates/disjoint-sets.ts';

/**
 * For each row the smallest index of the rows that must stay with it: those of the same group, those with the same number in
 * `duplicates`, and so on through both.
 */
export function uniteRows(groups: readonly (string | undefined)[], duplicates?: readonly number[]): Int32Array {
  const sets = createDisjointSets(groups.length);
  const uniteEqual = (keys: readonly (string | number | undefined)[]): void => {
    const first = new Map<string | number, number>();
    keys.forEach((key, i) => {
      if (key === undefined) return;
      const earlier = first.get(key);
      if (earlier === undefined) first.set(key, i);
      else sets.unite(earlier, i);
    });
  };
  uniteEqual(groups);
  if (duplicates !== undefined) uniteEqual(duplicates);
  return sets.names();
}
