import type { Example } from './dataset.ts';
import {
  type CountedFeatures,
  countFeatures,
  type FeatureCounts,
  featuresOf,
  logJointOf,
  type NaiveBayes,
  type NaiveBayesOptions,
  naiveBayesFromCounts,
} from './naive-bayes.ts';
import { wholeText } from './whole-text.ts';

/** Values that {@link chooseNaiveBayes} tries, every combination of them. */
export interface NaiveBayesSearch {
  readonly counts: readonly NonNullable<NaiveBayesOptions['counts']>[];
  readonly apostrophes: readonly boolean[];
  readonly minimumTexts: readonly number[];
  readonly smoothing: readonly number[];
}

/** The defaults of {@link naiveBayes} come first, so a tie keeps them. */
export const naiveBayesSearch: NaiveBayesSearch = {
  counts: ['occurrences', 'presence'],
  apostrophes: [false, true],
  minimumTexts: [1, 2],
  smoothing: [1, 0.5, 0.25, 0.1],
};

export interface NaiveBayesChoice {
  /** Trained on `train` alone. */
  readonly model: NaiveBayes;
  readonly options: Required<NaiveBayesOptions>;
  /** Share of the validation texts that it answers rightly; 0 without any. */
  readonly validationAccuracy: number;
  /** Combinations tried, in the order of the search. */
  readonly trials: readonly { readonly options: Required<NaiveBayesOptions>; readonly accuracy: number }[];
}

/**
 * Naive Bayes with the settings that answer most validation texts rightly, the first of the search on a tie or without
 * validation texts. Deterministic: no chance is involved. Every text is counted once per way of counting, whatever the number
 * of smoothings. Throws what {@link naiveBayes} throws.
 */
export function chooseNaiveBayes(
  train: readonly Example[],
  validation: readonly Example[],
  labels: readonly string[],
  search: NaiveBayesSearch = naiveBayesSearch,
): NaiveBayesChoice {
  const trials: { options: Required<NaiveBayesOptions>; accuracy: number }[] = [];
  let best: { counted: CountedFeatures; options: Required<NaiveBayesOptions>; right: number } | undefined;
  for (const counts of search.counts) {
    for (const apostrophes of search.apostrophes) {
      const counted = countFeatures(train, labels, { counts, apostrophes });
      const candidates = search.minimumTexts.flatMap((minimumTexts) => {
        const { totals, size } = kept(counted, minimumTexts, labels.length);
        return search.smoothing.map((smoothing) => ({
          options: { counts, apostrophes, minimumTexts, smoothing },
          jointOf: logJointOf(counted.documents, totals, size, smoothing),
          right: 0,
        }));
      });
      for (const row of validation) {
        const truth = labels.indexOf(row.label);
        const known = [...featuresOf(wholeText(row), { counts, apostrophes })].flatMap(
          (name) => counted.features.get(name) ?? [],
        );
        for (const candidate of candidates) {
          const sums = candidate.jointOf(countsOf(known, candidate.options.minimumTexts));
          if (sums.indexOf(Math.max(...sums)) === truth) candidate.right++;
        }
      }
      for (const { options, right } of candidates) {
        trials.push({ options, accuracy: right / Math.max(1, validation.length) });
        if (!best || right > best.right) best = { counted, options, right };
      }
    }
  }
  const { counted, options, right } = best!;
  return {
    model: naiveBayesFromCounts(counted, labels, options),
    options,
    validationAccuracy: right / Math.max(1, validation.length),
    trials,
  };
}

function kept({ features }: CountedFeatures, minimumTexts: number, classes: number) {
  const totals = new Array<number>(classes).fill(0);
  let size = 0;
  for (const { counts, texts } of features.values()) {
    if (texts < minimumTexts) continue;
    size++;
    for (let c = 0; c < classes; c++) totals[c]! += counts[c]!;
  }
  return { totals, size };
}

function* countsOf(features: readonly FeatureCounts[], minimumTexts: number): Generator<readonly number[]> {
  for (const { counts, texts } of features) if (texts >= minimumTexts) yield counts;
}
