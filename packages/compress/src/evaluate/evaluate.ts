import { createRng, type Engine, SlmError } from '@slm-compress/onnx';
import {
  bootstrapInterval,
  type ClassMetrics,
  classificationMetrics,
  type Example,
  type Interval,
  type McNemar,
  mcnemar,
  type NaiveBayes,
  wholeText,
} from '@slm-compress/text';
import { predictLogits, type TrainingData } from '@slm-compress/trainer';

/** How a classifier did on a set of labelled texts. */
export interface Evaluation {
  readonly examples: number;
  /** Class ids in the order of the texts. */
  readonly predictions: readonly number[];
  readonly accuracy: number;
  /** 95 % bootstrap interval. */
  readonly accuracyInterval: Interval;
  readonly macroF1: number;
  readonly macroF1Interval: Interval;
  readonly perClass: readonly ClassMetrics[];
  /** `confusion[expected][predicted]`. */
  readonly confusion: readonly (readonly number[])[];
  /** Against the parent's predictions, where given. */
  readonly flips?: Flips;
  /** Paired test against another's predictions, where given: `aOnly` is this classifier. */
  readonly mcnemar?: McNemar;
}

/** Texts whose predicted class differs from the parent's. */
export interface Flips {
  readonly changed: number;
  /** Wrong before, right now. */
  readonly gained: number;
  /** Right before, wrong now. */
  readonly lost: number;
}

export interface EvaluateOptions {
  /** Predictions of the model this one was made from. */
  readonly parentPredictions?: readonly number[];
  /** Predictions to compare with by McNemar's test, of naive Bayes for instance. */
  readonly against?: readonly number[];
  /** Of the bootstrap. 0 by default. */
  readonly seed?: number;
  /** Bootstrap resamples. 2000 by default. */
  readonly samples?: number;
}

export interface EvaluateEngineOptions extends EvaluateOptions {
  /** Token id of padding. 0 by default. */
  readonly padId?: number;
  readonly tokenBudget?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Logits `[texts, labels]` of tokenized texts. */
export type Predict = (ids: readonly Int32Array[]) => Promise<Float32Array>;

/**
 * Evaluates a classifier, given as an engine with the inputs `input_ids` and `attention_mask` or as a function.
 *
 * @throws SlmError `DATA_EMPTY` without texts, `EVALUATE_LOGITS` when the model gives another number of classes or a NaN,
 *   and as {@link evaluatePredictions}
 */
export async function evaluate(
  source: Pick<Engine, 'run'> | Predict,
  data: Pick<TrainingData, 'ids' | 'labels'>,
  labels: readonly string[],
  options: EvaluateEngineOptions = {},
): Promise<Evaluation> {
  if (data.ids.length === 0) throw new SlmError('DATA_EMPTY', 'evaluate: expected labelled texts, got none');
  const logits = typeof source === 'function' ? await source(data.ids) : await predictLogits(source, data.ids, options);
  return evaluatePredictions(argmaxRows(logits, data.ids.length, labels.length), data.labels, labels, options);
}

/** Evaluates naive Bayes on the same texts, in the same shape. */
export function evaluateNaiveBayes(
  model: Pick<NaiveBayes, 'predict'>,
  examples: readonly Example[],
  labels: readonly string[],
  options: EvaluateOptions = {},
): Evaluation {
  if (examples.length === 0) throw new SlmError('DATA_EMPTY', 'evaluate: expected labelled texts, got none');
  const predictions = examples.map((example) => model.predict(wholeText(example)).label);
  const expected = examples.map((example) => labels.indexOf(example.label));
  return evaluatePredictions(predictions, expected, labels, options);
}

/**
 * The evaluation of given predictions.
 *
 * @throws SlmError `METRICS_INPUT` for no rows, an id that is no class, or another number of rows
 */
export function evaluatePredictions(
  predictions: readonly number[],
  expected: ArrayLike<number>,
  labels: readonly string[],
  options: EvaluateOptions = {},
): Evaluation {
  const { parentPredictions, against, seed = 0, samples = 2000 } = options;
  const metrics = classificationMetrics(predictions, expected, labels);
  const rng = createRng(seed);
  const rows = { predicted: predictions, expected, labels };
  const correct = correctness(predictions, expected);
  return {
    examples: predictions.length,
    predictions,
    accuracy: metrics.accuracy,
    accuracyInterval: bootstrapInterval(correct, { metric: 'accuracy', samples, rng: rng.fork('accuracy') }),
    macroF1: metrics.macroF1,
    macroF1Interval: bootstrapInterval(rows, { metric: 'macroF1', samples, rng: rng.fork('macro-f1') }),
    perClass: metrics.perClass,
    confusion: metrics.confusion,
    ...(parentPredictions && { flips: flipsOf(predictions, parentPredictions, expected) }),
    ...(against && { mcnemar: mcnemar(correct, correctness(against, expected)) }),
  };
}

/** Which rows differ between two models' predictions. @throws SlmError `METRICS_INPUT` for another number of rows */
export function flipsOf(predictions: readonly number[], parent: readonly number[], expected: ArrayLike<number>): Flips {
  const before = correctness(parent, expected);
  const after = correctness(predictions, expected);
  const changed = predictions.filter((label, row) => label !== parent[row]).length;
  const gained = after.filter((right, row) => right && !before[row]).length;
  return { changed, gained, lost: before.filter((right, row) => right && !after[row]).length };
}

function correctness(predictions: readonly number[], expected: ArrayLike<number>): readonly boolean[] {
  if (predictions.length !== expected.length) {
    throw new SlmError(
      'METRICS_INPUT',
      `evaluate: expected predictions of the same ${expected.length} texts, got ${predictions.length}`,
    );
  }
  return predictions.map((label, row) => label === expected[row]);
}

/** Index of the largest logit of each row; the first among equals. */
function argmaxRows(logits: Float32Array, rows: number, classes: number): number[] {
  if (logits.length !== rows * classes) {
    throw new SlmError(
      'EVALUATE_LOGITS',
      `evaluate: expected ${rows} × ${classes} logits, got ${logits.length} (do the labels belong to this model?)`,
    );
  }
  return Array.from({ length: rows }, (_, row) => {
    const values = logits.subarray(row * classes, (row + 1) * classes);
    if (values.some((value) => Number.isNaN(value))) {
      throw new SlmError(
        'EVALUATE_LOGITS',
        `evaluate, text ${row}: expected numbers as logits, got NaN (the model is broken)`,
      );
    }
    return values.indexOf(Math.max(...values));
  });
}
