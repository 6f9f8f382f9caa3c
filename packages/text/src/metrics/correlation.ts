import { sampleCorrelation, sampleRankCorrelation } from 'simple-statistics';
import { checkRange, checkRows } from './check-rows.ts';

/**
 * Pearson's correlation. NaN for fewer than two rows or a constant side.
 * Throws SlmError `METRICS_INPUT` for no rows, unequal lengths or values that are no finite numbers.
 */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkPairs('pearson', a, b);
  return correlate(sampleCorrelation, a, b);
}

/**
 * Spearman's rank correlation, Pearson's of the ranks, tied values sharing their mean rank. NaN and errors as
 * {@link pearson}.
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkPairs('spearman', a, b);
  return correlate(sampleRankCorrelation, a, b);
}

function checkPairs(where: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  checkRows(where, a, b);
  for (const side of [a, b]) checkRange(where, side, -Number.MAX_VALUE, Number.MAX_VALUE);
}

function correlate(coefficient: typeof sampleCorrelation, a: ArrayLike<number>, b: ArrayLike<number>): number {
  const sides = [Array.from(a), Array.from(b)] as const;
  if (sides.some((side) => side.every((value) => value === side[0]))) return Number.NaN;
  return Math.max(-1, Math.min(1, coefficient(...sides)));
}
