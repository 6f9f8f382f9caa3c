import { checkProbabilities } from './check-rows.ts';

/**
 * Mean −ln of the probability given to the right class, in nats; probabilities are clipped to [2⁻⁵², 1 − 2⁻⁵²].
 * `probabilities` is `[rows][classes]` and is not normalised.
 * Throws SlmError `METRICS_INPUT` for no rows, ragged rows, ids out of range or values outside [0, 1].
 */
export function logLoss(probabilities: readonly ArrayLike<number>[], expected: ArrayLike<number>): number {
  checkProbabilities('log-loss', probabilities, expected);
  let sum = 0;
  probabilities.forEach((row, i) => {
    sum -= Math.log(Math.min(Math.max(row[expected[i]!]!, Number.EPSILON), 1 - Number.EPSILON));
  });
  return sum / probabilities.length;
}

/**
 * Brier score: mean over rows of Σ (probability − indicator)², halved for two classes, where it is then the mean squared
 * error of the positive class's probability (scikit-learn's `scale_by_half="auto"`).
 * Throws SlmError `METRICS_INPUT` as {@link logLoss}.
 */
export function brierScore(probabilities: readonly ArrayLike<number>[], expected: ArrayLike<number>): number {
  const classes = checkProbabilities('brier', probabilities, expected);
  let sum = 0;
  probabilities.forEach((row, i) => {
    for (let c = 0; c < classes; c++) sum += (row[c]! - (expected[i] === c ? 1 : 0)) ** 2;
  });
  return sum / probabilities.length / (classes < 3 ? 2 : 1);
}
