import { checkRows, metricsError } from './check-rows.ts';
import { type AverageOptions, averagesOf, type ClassAverages } from './class-averages.ts';
import { ratio } from './zero-division.ts';

export interface MultiLabelScores extends Omit<ClassAverages, 'perClass'> {
  /** By label. */
  readonly perLabel: ClassAverages['perClass'];
  /** Mean F1 of the rows' label sets; rows whose F1 is undefined count as `zeroDivision`, or not at all if NaN. */
  readonly samplesF1: number;
  /** Share of rows whose whole set is right. */
  readonly exactMatch: number;
  /** Share of single decisions that are wrong. */
  readonly hammingLoss: number;
}

/**
 * Scores of label sets, each row a list of 0 or 1 per label. Averages run over all labels, as in scikit-learn.
 * Throws SlmError `METRICS_INPUT` for no rows, rows of unequal length, or other values.
 */
export function multiLabelScores(
  predicted: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
  options: Pick<AverageOptions, 'zeroDivision'> = {},
): MultiLabelScores {
  const rows = checkRows('multi-label', predicted, expected);
  const labels = expected[0]!.length;
  const counts = Array.from({ length: labels }, () => ({ hits: 0, found: 0, support: 0 }));
  let wrong = 0;
  let exact = 0;
  const rowF1: number[] = [];
  for (let r = 0; r < rows; r++) {
    const [p, e] = [predicted[r]!, expected[r]!];
    if (p.length !== labels || e.length !== labels || labels === 0) {
      throw metricsError('multi-label', `row ${r}: expected ${labels} labels above 0, got ${p.length} and ${e.length}`);
    }
    const row = { hits: 0, sizes: 0, wrong: 0 };
    for (let c = 0; c < labels; c++) {
      const [a, b] = [p[c]!, e[c]!];
      if ((a !== 0 && a !== 1) || (b !== 0 && b !== 1)) {
        throw metricsError('multi-label', `row ${r}: expected 0 or 1, got ${a} and ${b}`);
      }
      const count = counts[c]!;
      count.hits += a * b;
      count.found += a;
      count.support += b;
      row.hits += a * b;
      row.sizes += a + b;
      if (a !== b) row.wrong++;
    }
    wrong += row.wrong;
    if (row.wrong === 0) exact++;
    rowF1.push(ratio(2 * row.hits, row.sizes, options.zeroDivision));
  }
  const { perClass, ...averages } = averagesOf(counts, { ...options, over: 'all' });
  const defined = rowF1.filter((value) => !Number.isNaN(value));
  return {
    ...averages,
    perLabel: perClass,
    samplesF1: defined.reduce((a, b) => a + b, 0) / defined.length,
    exactMatch: exact / rows,
    hammingLoss: wrong / (rows * labels),
  };
}
