/** What a ratio whose denominator is 0 counts as: 0, 1, or NaN, which leaves it out of averages. As in scikit-learn. */
export type ZeroDivision = 0 | 1 | number;

/** `part / whole`, or `zeroDivision` where `whole` is 0. */
export function ratio(part: number, whole: number, zeroDivision: ZeroDivision = 0): number {
  return whole === 0 ? zeroDivision : part / whole;
}
