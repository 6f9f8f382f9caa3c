import { float32, SlmError } from '@slm-compress/onnx';
import { appendLoss, checkLoss, exampleWeight, type Loss, targetDistributions } from '../loss.ts';
import { predictLogits, scoreLogits } from '../predict.ts';
import type { Task } from '../task.ts';
import { outputDims } from './outputs.ts';
import {
  bytesOf,
  checkSequenceOptions,
  checkSequences,
  checkTargets,
  dataError,
  hashSequences,
  type SequenceOptions,
  sequenceExamples,
} from './sequences.ts';

/** Tokenized examples with their class ids. */
export interface TrainingData {
  /** Token ids of each example, special tokens included, without padding. */
  readonly ids: readonly Int32Array[];
  /** Class id of each example. */
  readonly labels: Int32Array;
  /** Teacher's logits `[examples, labels]`, for the distillation loss. */
  readonly teacherLogits?: Float32Array;
}

export interface ClassificationOptions extends SequenceOptions {
  readonly loss: Loss;
  readonly train: TrainingData;
  readonly validation: TrainingData;
  /** The model's output `[batch, classes]`; `logits` by default. */
  readonly output?: string;
}

/**
 * Learns one class a text, with a model of inputs `input_ids` and `attention_mask`. Better is a higher accuracy, of equals
 * the lower loss. Throws `TRAIN_OPTIONS`; the training throws `STEP_MODEL` and `TRAIN_DATA`.
 */
export function classification(options: ClassificationOptions): Task {
  const { loss, train, validation, output = 'logits', padId, tokenDropout = 0, maskId } = options;
  checkLoss(loss);
  checkSequenceOptions(options);
  let classes = 0;
  const weightsOf = (labels: readonly number[]) => labels.reduce((sum, label) => sum + exampleWeight(label, loss), 0);
  return {
    train: sequenceExamples(train.ids, options, (indices) => {
      const labels = indices.map((index) => train.labels[index]!);
      const targets = float32(targetDistributions(labels, classes, loss), [labels.length, classes]);
      const taught = loss.kind === 'distillation' && {
        teacher_logits: rowsOf(train.teacherLogits!, indices, classes),
      };
      return { tensors: { targets, ...taught }, weight: weightsOf(labels) };
    }),
    appendLoss(g, model, scale) {
      classes = outputDims(model, output, ['batch', 'labels'])[1]!;
      checkClassWeights(loss, classes);
      return { loss: appendLoss(g, output, classes, loss, scale) };
    },
    check({ maxPositions }) {
      for (const [name, data] of Object.entries({ train, validation })) {
        checkSequences(name, data.ids, maxPositions);
        checkLabels(name, data, classes);
      }
      const wanted = train.ids.length * classes;
      if (loss.kind !== 'distillation' || train.teacherLogits?.length === wanted) return;
      throw dataError(
        'train',
        `expected ${wanted} teacher logits for distillation, got ${train.teacherLogits?.length ?? 'none'}`,
      );
    },
    async evaluate(engine, { tokenBudget }) {
      const padding = { tokenBudget, output, ...(padId !== undefined && { padId }) };
      const logits = await predictLogits(engine, validation.ids, padding);
      const { loss: mean, accuracy } = scoreLogits(logits, validation.labels);
      return { loss: mean, metrics: { accuracy } };
    },
    better: (a, b) =>
      a.metrics.accuracy! > b.metrics.accuracy! || (a.metrics.accuracy === b.metrics.accuracy && a.loss < b.loss),
    hash(update) {
      update(JSON.stringify({ loss, output, padId, tokenDropout, maskId }));
      for (const { ids, labels, teacherLogits } of [train, validation]) {
        hashSequences(ids, update);
        update(bytesOf(labels));
        if (teacherLogits) update(bytesOf(teacherLogits));
      }
    },
  };
}

function checkLabels(name: string, { ids, labels }: TrainingData, classes: number): void {
  checkTargets(name, 'labels', labels.length, ids.length);
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) throw dataError(name, `example ${wrong}: expected a label below ${classes}, got ${labels[wrong]}`);
}

function checkClassWeights(loss: Loss, classes: number): void {
  const weights = loss.kind === 'cross-entropy' ? loss.classWeights : undefined;
  if (weights === undefined || weights.length === classes) return;
  throw new SlmError('TRAIN_OPTIONS', `train: expected ${classes} class weights, got ${weights.length}`);
}

function rowsOf(logits: Float32Array, indices: readonly number[], classes: number) {
  const rows = new Float32Array(indices.length * classes);
  for (const [row, index] of indices.entries()) {
    rows.set(logits.subarray(index * classes, (index + 1) * classes), row * classes);
  }
  return float32(rows, [indices.length, classes]);
}
