import type { StageEvent } from '@slm-compress/compress';
import { encodeExamples } from '@slm-compress/compress';
import { SlmError } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { type DataSplits, type Example, loadTokenizer } from '@slm-compress/text';
import { predictLogits } from '@slm-compress/trainer';
import type { ModelEntry } from './model-entry.ts';

/** Class ids that a model gives for a split, beside the right ones. */
export interface Predictions {
  readonly predicted: readonly number[];
  readonly expected: readonly number[];
}

/**
 * Runs a model over examples. Throws `LABEL_MISMATCH` when the model's labels are not those of the data and
 * `DATA_EMPTY` without an example.
 */
export async function predictExamples(
  entry: ModelEntry,
  splits: Pick<DataSplits, 'name' | 'labels'>,
  examples: readonly Example[],
  workers: number,
  signal?: AbortSignal,
): Promise<Predictions> {
  const { labels, maxLength, modelPath } = entry.files;
  if (labels.join('\n') !== splits.labels.join('\n')) {
    const got = labels.join(', ');
    throw new SlmError(
      'LABEL_MISMATCH',
      `${entry.folder}: expected the labels of ${splits.name} (${splits.labels.join(', ')}), got ${got}`,
    );
  }
  if (examples.length === 0)
    throw new SlmError('DATA_EMPTY', `${splits.name}: expected examples to evaluate on, got none`);
  const tokenizer = await loadTokenizer(entry.folder);
  const { ids, labels: expected } = encodeExamples(examples, labels, tokenizer, maxLength, splits.name);
  await using engine = await openPool(modelPath, { workers });
  const logits = await predictLogits(engine, ids, {
    padId: tokenizer.padId,
    ...(signal === undefined ? {} : { signal }),
  });
  const width = labels.length;
  const predicted = ids.map((_, row) => {
    let best = 0;
    for (let label = 1; label < width; label++) {
      if (logits[row * width + label]! > logits[row * width + best]!) best = label;
    }
    return best;
  });
  return { predicted, expected: [...expected] };
}

/** Progress of a phase of measuring as an event. */
export function phase(name: string, done: number, total: number): StageEvent {
  return { kind: 'progress', stage: 'report', phase: name, done, total };
}
