import { averagesOf, classCounts, confusionMatrix } from './metrics/class-averages.ts';

/** How one class fared. A ratio whose denominator is 0 is 0, as in scikit-learn. */
export interface ClassMetrics {
  readonly label: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Rows of this class. */
  readonly support: number;
}

export interface ClassificationMetrics {
  readonly accuracy: number;
  /** Mean of the classes' F1, over classes that were expected or predicted at least once. */
  readonly macroF1: number;
  readonly perClass: readonly ClassMetrics[];
  /** `confusion[expected][predicted]`, rows counted. */
  readonly confusion: readonly (readonly number[])[];
}

/**
 * Accuracy, macro F1, precision and recall per class, and the confusion matrix of predicted against expected class ids.
 * Throws SlmError `METRICS_INPUT` for no rows, unequal lengths or an id outside `labels`.
 */
export function classificationMetrics(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  labels: readonly string[],
): ClassificationMetrics {
  const confusion = confusionMatrix(predicted, expected, labels.length);
  const { perClass, macro } = averagesOf(classCounts(confusion));
  return {
    accuracy: confusion.reduce((total, row, c) => total + row[c]!, 0) / expected.length,
    macroF1: macro.f1,
    perClass: perClass.map((one, c) => ({ label: labels[c]!, ...one })),
    confusion,
  };
}
