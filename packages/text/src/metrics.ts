import { SlmError } from '@slm-compress/onnx';

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
  if (predicted.length !== expected.length || predicted.length === 0) {
    throw new SlmError(
      'METRICS_INPUT',
      `predicted and expected: expected equal lengths above 0, got ${predicted.length} and ${expected.length}`,
    );
  }
  const confusion = labels.map(() => new Array<number>(labels.length).fill(0));
  for (let i = 0; i < expected.length; i++) {
    const row = confusion[expected[i]!];
    if (row?.[predicted[i]!] === undefined) {
      throw new SlmError(
        'METRICS_INPUT',
        `row ${i}: expected class ids below ${labels.length}, got ${predicted[i]} for ${expected[i]}`,
      );
    }
    row[predicted[i]!]!++;
  }
  const perClass = labels.map((label, c) => {
    const hits = confusion[c]![c]!;
    const support = confusion[c]!.reduce((a, b) => a + b, 0);
    const found = confusion.reduce((total, row) => total + row[c]!, 0);
    const metrics = {
      label,
      precision: ratio(hits, found),
      recall: ratio(hits, support),
      f1: ratio(2 * hits, support + found),
      support,
    };
    return { metrics, present: support + found > 0 };
  });
  const present = perClass.filter((entry) => entry.present);
  return {
    accuracy: confusion.reduce((total, row, c) => total + row[c]!, 0) / expected.length,
    macroF1: present.reduce((total, entry) => total + entry.metrics.f1, 0) / present.length,
    perClass: perClass.map((entry) => entry.metrics),
    confusion,
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
