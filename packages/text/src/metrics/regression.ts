import { checkRange, checkRows } from './check-rows.ts';

export interface RegressionScores {
  readonly meanAbsoluteError: number;
  readonly meanSquaredError: number;
  /**
   * 1 − Σ(expected − predicted)² / Σ(expected − mean)². Where `expected` is constant: 1 for a perfect prediction, else
   * 0. NaN for one row.
   */
  readonly r2: number;
}

/** Errors of predicted numbers. Throws SlmError `METRICS_INPUT` for no rows, unequal lengths or numbers not finite. */
export function regressionScores(predicted: ArrayLike<number>, expected: ArrayLike<number>): RegressionScores {
  const rows = checkRows('regression', predicted, expected);
  for (const side of [predicted, expected]) checkRange('regression', side, -Number.MAX_VALUE, Number.MAX_VALUE);
  let mean = 0;
  for (let i = 0; i < rows; i++) mean += expected[i]! / rows;
  let absolute = 0;
  let squared = 0;
  let spread = 0;
  let constant = true;
  for (let i = 0; i < rows; i++) {
    const error = expected[i]! - predicted[i]!;
    absolute += Math.abs(error);
    squared += error * error;
    spread += (expected[i]! - mean) ** 2;
    if (expected[i] !== expected[0]) constant = false;
  }
  const r2 = constant ? (squared === 0 ? 1 : 0) : 1 - squared / spread;
  return {
    meanAbsoluteError: absolute / rows,
    meanSquaredError: squared / rows,
    r2: rows < 2 ? Number.NaN : r2,
  };
}
