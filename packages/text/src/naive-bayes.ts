import { SlmError } from '@slm-compress/onnx';
import type { Example } from './dataset.ts';

/** A naive-Bayes classifier as JSON: counts per feature and class. */
export interface NaiveBayesJson {
  readonly kind: 'naive-bayes';
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
 * Multinomial naive Bayes over unigrams and bigrams of lowercase words (runs of letters, digits and `_`), Laplace
 * smoothing 1, priors from the class counts; features not seen in training are ignored (Manning, Raghavan and Schütze,
 * *Introduction to Information Retrieval*, 13.2). Throws SlmError `DATA_EMPTY` for no examples, `DATA_ONE_CLASS` for
 * fewer than two classes with examples, `DATA_ROW` for a label outside `labels`.
 */
export function naiveBayes(train: readonly Example[], labels: readonly string[]): NaiveBayes {
  const counts = new Map<string, number[]>();
  const documents = labels.map(() => 0);
  const totals = labels.map(() => 0);
  for (const { id, text, label } of train) {
    const c = labels.indexOf(label);
    if (c < 0) throw new SlmError('DATA_ROW', `${id}: expected one of the labels ${labels.join(', ')}, got ${label}`);
    documents[c]!++;
    for (const feature of ngrams(text)) {
      let row = counts.get(feature);
      if (!row) {
        row = labels.map(() => 0);
        counts.set(feature, row);
      }
      row[c]!++;
      totals[c]!++;
    }
  }
  if (train.length === 0) throw new SlmError('DATA_EMPTY', 'naive-bayes: expected examples to learn from, got none');
  if (documents.filter((count) => count > 0).length < 2) {
    throw new SlmError('DATA_ONE_CLASS', 'naive-bayes: expected examples of at least two labels');
  }
  return fromCounts(labels, documents, totals, counts);
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
    !json.features.every((row) => Array.isArray(row) && row.length === classes + 1)
  ) {
    throw new SlmError(
      'MODEL_CORRUPT',
      'naive-bayes: expected kind "naive-bayes" with labels, documents, totals, features',
    );
  }
  const counts = new Map(json.features.map(([feature, ...row]) => [feature, row] as const));
  return fromCounts(json.labels, json.documents, json.totals, counts);
}

function fromCounts(
  labels: readonly string[],
  documents: readonly number[],
  totals: readonly number[],
  counts: ReadonlyMap<string, readonly number[]>,
): NaiveBayes {
  const rows = documents.reduce((a, b) => a + b, 0);
  const priors = documents.map((count) => Math.log(count / rows));
  const logTotals = totals.map((total) => Math.log(total + counts.size));
  const logJoint = (text: string): number[] => {
    const sums = [...priors];
    for (const feature of ngrams(text)) {
      const row = counts.get(feature);
      if (row) for (let c = 0; c < sums.length; c++) sums[c]! += Math.log(row[c]! + 1) - logTotals[c]!;
    }
    return sums;
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
      labels,
      documents,
      totals,
      features: [...counts]
        .sort((a, b) => (a[0] < b[0] ? -1 : 1))
        .map(([feature, row]) => [feature, ...row] as [string, ...number[]]),
    }),
  };
}

function* ngrams(text: string): Generator<string> {
  let previous: string | undefined;
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}_]+/gu)) {
    yield word;
    if (previous !== undefined) yield `${previous} ${word}`;
    previous = word;
  }
}
