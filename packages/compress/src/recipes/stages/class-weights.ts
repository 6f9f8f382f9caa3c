import { SlmError } from '@slm-compress/onnx';
import type { TrainStageOptions } from '../schema.ts';

/**
 * The weight of each class in the loss. `balanced` is rows / (classes · rows of the class), so that all classes weigh alike
 * (as scikit-learn's `class_weight="balanced"`); a class without rows weighs 1.
 *
 * Throws SlmError `CLASS_WEIGHTS` for a label that the data do not have.
 */
export function classWeightsOf(
  wanted: NonNullable<TrainStageOptions['classWeights']>,
  labels: readonly string[],
  rows: Int32Array,
): readonly number[] {
  if (wanted === 'balanced') {
    const counts = labels.map(() => 0);
    for (const row of rows) counts[row]!++;
    return counts.map((count) => (count === 0 ? 1 : rows.length / (labels.length * count)));
  }
  const unknown = Object.keys(wanted).find((label) => !labels.includes(label));
  if (unknown !== undefined) {
    const message = `expected a label of the data (${labels.slice(0, 5).join(', ')}), got "${unknown}"`;
    throw new SlmError('CLASS_WEIGHTS', `classWeights: ${message}`);
  }
  return labels.map((label) => (Object.hasOwn(wanted, label) ? wanted[label]! : 1));
}
