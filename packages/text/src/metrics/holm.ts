import { checkRange } from './check-rows.ts';

/**
 * Holm's step-down correction (Holm 1979): p-values adjusted for having made them all, in the order given. One at or
 * below the level is significant with the family-wise error held at it, whatever the dependence of the tests.
 * Throws SlmError `METRICS_INPUT` for values outside [0, 1].
 */
export function holm(pValues: readonly number[]): number[] {
  checkRange('holm', pValues, 0, 1);
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let most = 0;
  order.forEach((index, rank) => {
    most = Math.max(most, Math.min(1, (pValues.length - rank) * pValues[index]!));
    adjusted[index] = most;
  });
  return adjusted;
}
