import { SlmError } from '@slm-compress/onnx';
import type { Example } from './dataset.ts';
import { wholeText } from './whole-text.ts';

/** What is counted, and how unseen features are allowed for. */
export interface NaiveBayesOptions {
  /**
   * How often a feature occurs in a text (the default), or whether it does: better for sentiment (Wang and Manning 2012,
   * aclanthology.org/P12-2018).
   */
  readonly counts?: 'occurrences' | 'presence';
  /** Added to every count; 1 by default (Laplace). Less suits many classes with few texts each. */
  readonly smoothing?: number;
  /** Features in fewer training texts are left out; 1 by default. */
  readonly minimumTexts?: number;
  /** Words keep apostrophes, *don't* being one word; false by default. */
  readonly apostrophes?: boolean;
}

/** A naive-Bayes classifier as JSON: counts per feature and class. */
export interface NaiveBayesJson {
  readonly kind: 'naive-bayes';
  /** As given; absent without any. */
  readonly options?: NaiveBayesOptions;
  readonly labels: readonly string[];
  /** Training texts per class. */
  readonly documents: readonly number[];
  /** Occurrences of all features per class. */
  readonly totals: readonly number[];
  /** Feature, then its occurrences per class. */
  readonly features: readonly (readonly [string, ...number[]])[];
}

export interface NaiveBayes {
  readonly labels: readonly string[];
  /** Distinct unigrams and bigrams. */
  readonly features: number;
  /** The most probable class, the smaller id on a tie, and the posterior probability of each class. */
  predict(text: string): { readonly label: number; readonly scores: number[] };
  /** Log of prior × likelihood per class, before normalisation. */
  logJoint(text: string): number[];
  toJSON(): NaiveBayesJson;
}

/**
 * Multinomial naive Bayes over unigrams and bigrams of lowercase words (runs of letters, digits and `_`), smoothed,
 * priors from the class counts; a pair is one text ({@link wholeText}); features not seen in training are ignored (Manning, Raghavan and Schütze,
 * *Introduction to Information Retrieval*, 13.2). Throws SlmError `DATA_EMPTY` for no examples, `DATA_ONE_CLASS` for
 * fewer than two classes with examples, `DATA_ROW` for a label outside `labels`, `BASELINE_OPTION` for a smoothing that is
 * not a positive number or a `minimumTexts` below 1.
 */
export function naiveBayes(
  train: readonly Example[],
  labels: readonly string[],
  options: NaiveBayesOptions = {},
): NaiveBayes {
  const { smoothing, minimumTexts = 1 } = options;
  if (!isSmoothing(smoothing) || !Number.isInteger(minimumTexts) || minimumTexts < 1) {
    throw new SlmError(
      'BASELINE_OPTION',
      `naive-bayes: expected a positive smoothing and minimumTexts from 1, got ${smoothing} and ${minimumTexts}`,
    );
  }
  return naiveBayesFromCounts(countFeatures(train, labels, options), labels, options);
}

/** How often one feature was seen. */
export interface FeatureCounts {
  /** Per class. */
  readonly counts: number[];
  /** Training texts with the feature. */
  texts: number;
  /** Index of the last of them. */
  last: number;
}

/** What a training set says, before smoothing and pruning. */
export interface CountedFeatures {
  /** Training texts per class. */
  readonly documents: readonly number[];
  readonly features: ReadonlyMap<string, FeatureCounts>;
}

/** Counts what {@link naiveBayes} learns from, with its errors; `smoothing` and `minimumTexts` play no part yet. */
export function countFeatures(
  train: readonly Example[],
  labels: readonly string[],
  options: NaiveBayesOptions,
): CountedFeatures {
  const features = new Map<string, FeatureCounts>();
  const documents = labels.map(() => 0);
  const classes = new Map(labels.map((label, c) => [label, c]));
  for (const [index, { id, label, ...row }] of train.entries()) {
    const c = classes.get(label);
    if (c === undefined) {
      throw new SlmError('DATA_ROW', `${id}: expected one of the labels ${labels.join(', ')}, got ${label}`);
    }
    documents[c]!++;
    for (const name of ngramsOf(wholeText(row), options)) {
      let feature = features.get(name);
      if (!feature) {
        feature = { counts: labels.map(() => 0), texts: 0, last: -1 };
        features.set(name, feature);
      }
      if (feature.last !== index) {
        feature.last = index;
        feature.texts++;
      } else if (options.counts === 'presence') continue;
      feature.counts[c]!++;
    }
  }
  if (train.length === 0) throw new SlmError('DATA_EMPTY', 'naive-bayes: expected examples to learn from, got none');
  if (documents.filter((count) => count > 0).length < 2) {
    throw new SlmError('DATA_ONE_CLASS', 'naive-bayes: expected examples of at least two labels');
  }
  return { documents, features };
}

/** The classifier of features counted with the same `counts` and `apostrophes`. */
export function naiveBayesFromCounts(
  { documents, features }: CountedFeatures,
  labels: readonly string[],
  options: NaiveBayesOptions,
): NaiveBayes {
  const { minimumTexts = 1 } = options;
  const totals = labels.map(() => 0);
  const kept = new Map<string, readonly number[]>();
  for (const [name, { counts, texts }] of features) {
    if (texts < minimumTexts) continue;
    kept.set(name, counts);
    for (let c = 0; c < totals.length; c++) totals[c]! += counts[c]!;
  }
  return fromCounts(labels, documents, totals, kept, options);
}

/** Restores a classifier from its JSON. Throws SlmError `MODEL_CORRUPT` when it is not one. */
export function naiveBayesFromJSON(json: NaiveBayesJson): NaiveBayes {
  const lists = [json?.labels, json?.documents, json?.totals, json?.features];
  const classes = json?.labels?.length;
  if (
    json?.kind !== 'naive-bayes' ||
    !lists.every(Array.isArray) ||
    json.documents.length !== classes ||
    json.totals.length !== classes ||
    !json.features.every((row) => Array.isArray(row) && row.length === classes + 1) ||
    !isSmoothing(json.options?.smoothing)
  ) {
    throw new SlmError(
      'MODEL_CORRUPT',
      'naive-bayes: expected kind "naive-bayes" with labels, documents, totals, features',
    );
  }
  const counts = new Map(json.features.map(([feature, ...row]) => [feature, row] as const));
  return fromCounts(json.labels, json.documents, json.totals, counts, json.options ?? {});
}

function fromCounts(
  labels: readonly string[],
  documents: readonly number[],
  totals: readonly number[],
  counts: ReadonlyMap<string, readonly number[]>,
  options: NaiveBayesOptions,
): NaiveBayes {
  const jointOf = logJointOf(documents, totals, counts.size, options.smoothing);
  const logJoint = (text: string): number[] => {
    const rows: (readonly number[])[] = [];
    for (const feature of featuresOf(text, options)) {
      const row = counts.get(feature);
      if (row) rows.push(row);
    }
    return jointOf(rows);
  };
  return {
    labels,
    features: counts.size,
    logJoint,
    predict(text) {
      const sums = logJoint(text);
      const most = Math.max(...sums);
      const weights = sums.map((sum) => Math.exp(sum - most));
      const total = weights.reduce((a, b) => a + b, 0);
      return { label: sums.indexOf(most), scores: weights.map((weight) => weight / total) };
    },
    toJSON: () => ({
      kind: 'naive-bayes',
      ...(Object.keys(options).length > 0 ? { options } : {}),
      labels,
      documents,
      totals,
      features: [...counts]
        .sort((a, b) => (a[0] < b[0] ? -1 : 1))
        .map(([feature, row]) => [feature, ...row] as [string, ...number[]]),
    }),
  };
}

/**
 * Log of prior × likelihood per class, from the counts per class of a text's features. `features` is the number of distinct
 * ones that make up `totals`.
 */
export function logJointOf(
  documents: readonly number[],
  totals: readonly number[],
  features: number,
  smoothing = 1,
): (rows: Iterable<readonly number[]>) => number[] {
  const texts = documents.reduce((a, b) => a + b, 0);
  const priors = documents.map((count) => Math.log(count / texts));
  const logTotals = totals.map((total) => Math.log(total + smoothing * features));
  return (rows) => {
    const sums = [...priors];
    for (const row of rows) {
      for (let c = 0; c < sums.length; c++) sums[c]! += Math.log(row[c]! + smoothing) - logTotals[c]!;
    }
    return sums;
  };
}

function isSmoothing(smoothing = 1): boolean {
  return Number.isFinite(smoothing) && smoothing > 0;
}

/** A text's features, each once under `presence`. */
export function featuresOf(text: string, options: NaiveBayesOptions): Iterable<string> {
  const features = ngramsOf(text, options);
  return options.counts === 'presence' ? new Set(features) : features;
}

function ngramsOf(text: string, { apostrophes }: NaiveBayesOptions): Generator<string> {
  return ngrams(text, apostrophes ? /[\p{L}\p{N}_']+/gu : /[\p{L}\p{N}_]+/gu);
}

function* ngrams(text: string, words: RegExp): Generator<string> {
  let previous: string | undefined;
  for (const [word] of text.toLowerCase().matchAll(words)) {
    yield word;
    if (previous !== undefined) yield `${previous} ${word}`;
    previous = word;
  }
}
