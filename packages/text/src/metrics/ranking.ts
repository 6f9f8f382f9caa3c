import { checkRange, checkRows, checkScores, metricsError } from './check-rows.ts';

/** How the scores of one class against the rest are averaged: alike, or weighted by rows of the class. */
export type OneVsRestAverage = 'macro' | 'weighted';

/**
 * Area under the ROC curve of scores, higher for the positive class, ties counted half (Mann–Whitney). `positive` is 1
 * or true for rows of the positive class. NaN when all rows are of one class.
 * Throws SlmError `METRICS_INPUT` for no rows, unequal lengths or scores that are no numbers.
 */
export function rocAuc(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): number {
  let below = 0;
  let wins = 0;
  let positives = 0;
  // From the highest score down, every negative counts the positives above it, and half of those it ties with.
  for (const group of tieGroups('roc-auc', scores, positive)) {
    const negatives = group.rows - group.positives;
    wins += negatives * (positives + group.positives / 2);
    positives += group.positives;
    below += negatives;
  }
  return positives === 0 || below === 0 ? Number.NaN : wins / (positives * below);
}

/**
 * Average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores from the highest down, without interpolation. 0 when no
 * row is positive. Throws SlmError `METRICS_INPUT` as {@link rocAuc}.
 */
export function averagePrecision(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): number {
  let positives = 0;
  let rows = 0;
  let sum = 0;
  for (const group of tieGroups('average-precision', scores, positive)) {
    positives += group.positives;
    rows += group.rows;
    sum += group.positives * (positives / rows);
  }
  return positives === 0 ? 0 : sum / positives;
}

/**
 * {@link rocAuc} of each class against the rest, averaged. `scores` is `[rows][classes]`. A class that no row or every
 * row has makes the macro average NaN; weighted leaves classes without rows out.
 * Throws SlmError `METRICS_INPUT` for no rows, ragged scores or ids out of range.
 */
export function rocAucOneVsRest(
  scores: readonly ArrayLike<number>[],
  expected: ArrayLike<number>,
  average: OneVsRestAverage = 'macro',
): number {
  return oneVsRest('roc-auc', rocAuc, scores, expected, average);
}

/** {@link averagePrecision} of each class against the rest, averaged as in {@link rocAucOneVsRest}. */
export function averagePrecisionOneVsRest(
  scores: readonly ArrayLike<number>[],
  expected: ArrayLike<number>,
  average: OneVsRestAverage = 'macro',
): number {
  return oneVsRest('average-precision', averagePrecision, scores, expected, average);
}

/**
 * Share of rows whose class is among the `k` highest of `scores` `[rows][classes]`; of equal scores the higher class id
 * comes first, as in scikit-learn. Throws SlmError `METRICS_INPUT` for no rows, ragged scores, ids out of range, k < 1.
 */
export function topKAccuracy(scores: readonly ArrayLike<number>[], expected: ArrayLike<number>, k: number): number {
  const classes = checkScores('top-k', scores, expected);
  if (!Number.isInteger(k) || k < 1) throw metricsError('top-k', `expected a positive integer k, got ${k}`);
  let hits = 0;
  scores.forEach((row, i) => {
    const own = expected[i]!;
    let above = 0;
    for (let c = 0; c < classes; c++) if (row[c]! > row[own]! || (row[c] === row[own] && c > own)) above++;
    if (above < k) hits++;
  });
  return hits / scores.length;
}

function oneVsRest(
  where: string,
  metric: (scores: Float64Array, positive: Uint8Array) => number,
  scores: readonly ArrayLike<number>[],
  expected: ArrayLike<number>,
  average: OneVsRestAverage,
): number {
  const classes = checkScores(where, scores, expected);
  let sum = 0;
  let weights = 0;
  for (let c = 0; c < classes; c++) {
    const positive = Uint8Array.from(expected, (id) => (id === c ? 1 : 0));
    const support = positive.reduce((a, b) => a + b, 0);
    const weight = average === 'macro' ? 1 : support;
    if (weight === 0) continue;
    sum +=
      weight *
      metric(
        Float64Array.from(scores, (row) => row[c]!),
        positive,
      );
    weights += weight;
  }
  return sum / weights;
}

/** Rows of equal score, from the highest score down. */
function* tieGroups(
  where: string,
  scores: ArrayLike<number>,
  positive: ArrayLike<number | boolean>,
): Generator<{ rows: number; positives: number }> {
  const rows = checkRows(where, scores, positive);
  checkRange(where, scores);
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  for (let i = 0; i < rows; ) {
    const score = scores[order[i]!]!;
    const group = { rows: 0, positives: 0 };
    for (; i < rows && scores[order[i]!] === score; i++) {
      group.rows++;
      if (positive[order[i]!]) group.positives++;
    }
    yield group;
  }
}
