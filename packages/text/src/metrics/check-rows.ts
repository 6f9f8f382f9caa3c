import { SlmError } from '@slm-compress/onnx';

/** The error of every metric: `METRICS_INPUT`, `where: expected, got`. */
export function metricsError(where: string, rest: string): SlmError {
  return new SlmError('METRICS_INPUT', `${where}: ${rest}`);
}

/** Throws `METRICS_INPUT` unless both have the same number of rows, above 0. Returns that number. */
export function checkRows(where: string, a: { readonly length: number }, b: { readonly length: number }): number {
  if (a.length !== b.length || a.length === 0) {
    throw metricsError(where, `expected equal lengths above 0, got ${a.length} and ${b.length}`);
  }
  return a.length;
}

/** Throws `METRICS_INPUT` unless every value is an integer in [0, classes). */
export function checkClasses(where: string, ids: ArrayLike<number>, classes: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (!Number.isInteger(id) || id < 0 || id >= classes) {
      throw metricsError(where, `row ${i}: expected a class id below ${classes}, got ${id}`);
    }
  }
}

/** Throws `METRICS_INPUT` unless every value is a number from `low` to `high`. */
export function checkRange(
  where: string,
  values: ArrayLike<number>,
  low = Number.NEGATIVE_INFINITY,
  high = Number.POSITIVE_INFINITY,
): void {
  for (let i = 0; i < values.length; i++) {
    if (!(values[i]! >= low && values[i]! <= high)) {
      throw metricsError(where, `row ${i}: expected a number from ${low} to ${high}, got ${values[i]}`);
    }
  }
}

/** Throws `METRICS_INPUT` unless there is a row of as many numbers per entry of `ids`, and `ids` are classes of them. */
export function checkScores(where: string, scores: readonly ArrayLike<number>[], ids: ArrayLike<number>): number {
  checkRows(where, scores, ids);
  const classes = scores[0]!.length;
  scores.forEach((row, i) => {
    if (row.length !== classes || classes === 0) {
      throw metricsError(where, `row ${i}: expected ${Math.max(1, classes)} scores, got ${row.length}`);
    }
    checkRange(`${where}, row ${i}`, row);
  });
  checkClasses(where, ids, classes);
  return classes;
}

/** {@link checkScores}, and every value in [0, 1]. */
export function checkProbabilities(
  where: string,
  probabilities: readonly ArrayLike<number>[],
  expected: ArrayLike<number>,
): number {
  const classes = checkScores(where, probabilities, expected);
  probabilities.forEach((row, i) => {
    checkRange(`${where}, row ${i}`, row, 0, 1);
  });
  return classes;
}
