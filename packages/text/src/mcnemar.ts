import { SlmError } from '@slm-compress/onnx';

export interface McNemar {
  /** Rows only the first got right. */
  readonly aOnly: number;
  /** Rows only the second got right. */
  readonly bOnly: number;
  /** Two-sided; 1 when the two disagree nowhere. Above 0.05 the difference is a tie. */
  readonly pValue: number;
}

/**
 * McNemar's paired test of two classifiers on the same rows, in its exact form whatever the number of discordant rows:
 * two-sided binomial, p = min(1, 2 · P(X ≤ min(aOnly, bOnly))) with X ~ B(aOnly + bOnly, ½) (McNemar 1947; Fagerland,
 * Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91). Throws SlmError `METRICS_INPUT` for unequal lengths.
 */
export function mcnemar(aCorrect: readonly boolean[], bCorrect: readonly boolean[]): McNemar {
  if (aCorrect.length !== bCorrect.length) {
    throw new SlmError(
      'METRICS_INPUT',
      `mcnemar: expected the same rows twice, got ${aCorrect.length} and ${bCorrect.length}`,
    );
  }
  let aOnly = 0;
  let bOnly = 0;
  aCorrect.forEach((right, i) => {
    if (right && !bCorrect[i]) aOnly++;
    if (!right && bCorrect[i]) bOnly++;
  });
  return { aOnly, bOnly, pValue: signTest(Math.min(aOnly, bOnly), aOnly + bOnly) };
}

/** 2 · P(X ≤ k), X ~ B(n, ½), summed down from the largest term so that no term of weight underflows. */
function signTest(k: number, n: number): number {
  if (2 * k >= n) return 1;
  let logTerm = -n * Math.LN2;
  for (let i = 1; i <= k; i++) logTerm += Math.log((n - k + i) / i);
  let sum = 0;
  let share = 1;
  for (let i = k; i >= 0 && share > 1e-20; i--) {
    sum += share;
    share *= i / (n - i + 1);
  }
  return Math.min(1, 2 * Math.exp(logTerm) * sum);
}
