import type { Dim } from '../model.ts';

/**
 * The constant target that reshapes `from` to `to` whatever the symbolic sizes are: numbers as they are, 0 for a size
 * that is at the same axis of `from` as well, −1 for one other. `undefined` where that does not tell it all.
 *
 * A −1 beside a copied axis of size 0 is not defined: a run with an empty batch may refuse it.
 */
export function reshapeTarget(
  from: readonly Dim[] | undefined,
  to: readonly Dim[] | undefined,
): readonly number[] | undefined {
  if (to === undefined) return undefined;
  const target = to.map((dim, axis) => {
    if (typeof dim === 'number' && dim !== 0) return dim;
    return dim !== undefined && dim === from?.[axis] ? 0 : dim === 0 ? undefined : -1;
  });
  if (target.includes(undefined)) return undefined;
  return target.filter((size) => size! < 0).length > 1 ? undefined : (target as readonly number[]);
}
