import { checkRows } from './check-rows.ts';
import { classCounts, confusionMatrix } from './class-averages.ts';

/** Share of rows predicted right. Throws SlmError `METRICS_INPUT` for no rows or unequal lengths. */
export function accuracy(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  const rows = checkRows('accuracy', predicted, expected);
  let hits = 0;
  for (let i = 0; i < rows; i++) if (predicted[i] === expected[i]) hits++;
  return hits / rows;
}

/**
 * Mean recall over the classes that occur in `expected`; `adjusted` so that chance is 0 and perfect is 1 (NaN
 * or −∞ with one class). Throws SlmError `METRICS_INPUT` as {@link confusionMatrix}.
 */
export function balancedAccuracy(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  classes: number,
  options: { readonly adjusted?: boolean } = {},
): number {
  const present = classCounts(confusionMatrix(predicted, expected, classes)).filter(({ support }) => support > 0);
  const score = present.reduce((total, { hits, support }) => total + hits / support, 0) / present.length;
  const chance = 1 / present.length;
  return options.adjusted ? (score - chance) / (1 - chance) : score;
}

/**
 * Matthews correlation coefficient of any number of classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006);
 * 0 when all rows are of one class or predicted as one. Throws SlmError `METRICS_INPUT` as {@link confusionMatrix}.
 */
export function matthewsCorrelation(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  classes: number,
): number {
  const rows = expected.length;
  let hits = 0;
  let both = 0;
  let found2 = 0;
  let support2 = 0;
  for (const one of classCounts(confusionMatrix(predicted, expected, classes))) {
    hits += one.hits;
    both += one.found * one.support;
    found2 += one.found ** 2;
    support2 += one.support ** 2;
  }
  const spread = Math.sqrt(rows ** 2 - found2) * Math.sqrt(rows ** 2 - support2);
  return spread === 0 ? 0 : (hits * rows - both) / spread;
}
