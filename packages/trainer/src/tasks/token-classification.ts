import type { Model } from '@slm-compress/onnx';
import { float32, int64, SlmError } from '@slm-compress/onnx';
import { IGNORED_LABEL, padBatch } from '@slm-compress/text';
import { batchesInOrder, inParallel } from '../predict.ts';
import type { Task } from '../task.ts';
import { outputDims } from './outputs.ts';
import {
  bytesOf,
  checkSequenceOptions,
  checkSequences,
  hashSequences,
  type SequenceOptions,
  sequenceFeeds,
} from './sequences.ts';

/** Tokenized texts with a class for every token. */
export interface TokenLabels {
  readonly ids: readonly Int32Array[];
  /** Class id of every token; `IGNORED_LABEL` where none counts (special tokens, inner pieces of words). */
  readonly labels: readonly Int32Array[];
}

export interface TokenClassificationOptions extends SequenceOptions {
  readonly train: TokenLabels;
  readonly validation: TokenLabels;
  /** The model's output `[batch, sequence, classes]`; `logits` by default. */
  readonly output?: string;
}

/**
 * Learns a class for every token (named entities, parts of speech) by cross-entropy. The validation's metric is `accuracy` of
 * the labelled tokens; better is a lower loss. Throws `TRAIN_OPTIONS`; the training throws `STEP_MODEL` and `TRAIN_DATA`.
 */
export function tokenClassification(options: TokenClassificationOptions): Task {
  const { train, validation, output = 'logits', padId = 0, tokenDropout = 0, maskId } = options;
  checkSequenceOptions(options);
  let classes = 0;
  const labelled = (labels: Int32Array) => labels.reduce((sum, label) => sum + (label === IGNORED_LABEL ? 0 : 1), 0);
  return {
    train: {
      lengths: train.ids.map((ids) => ids.length),
      feeds(indices, draw) {
        const { tensors, tokens } = sequenceFeeds(train.ids, indices, options, draw);
        const rows = indices.map((index) => train.labels[index]!);
        const { inputIds } = padBatch(rows, { padId: IGNORED_LABEL });
        const targets = Array.from(inputIds.data as BigInt64Array, Number);
        const weights = Float32Array.from(targets, (label) => (label === IGNORED_LABEL ? 0 : 1));
        const classIds = targets.map((label) => (label === IGNORED_LABEL ? 0 : label));
        return {
          tensors: {
            ...tensors,
            targets: int64(classIds, inputIds.dims),
            target_weights: float32(weights, inputIds.dims),
          },
          tokens,
          weight: rows.reduce((sum, labels) => sum + labelled(labels), 0),
        };
      },
    },
    appendLoss(g, model: Model, scale) {
      classes = outputDims(model, output, ['batch', 'sequence', 'labels'])[2]!;
      return g.scope('loss/', () => {
        const targets = g.input('targets', 'int64', ['batch', 'sequence']);
        const weights = g.input('target_weights', 'float32', ['batch', 'sequence']);
        const last = g.constant('last', int64([-1]));
        const logProbabilities = g.op('LogSoftmax', [output], { axis: -1 });
        const index = g.op('Unsqueeze', [targets, last]);
        const picked = g.op('Squeeze', [g.op('GatherElements', [logProbabilities, index], { axis: -1 }), last]);
        const sum = g.op('ReduceSum', [g.op('Mul', [picked, weights])], { keepdims: 0 });
        return { loss: g.op('Mul', [g.op('Neg', [sum]), scale], {}, { name: 'scale', outputs: ['loss'] }) };
      });
    },
    check({ maxPositions }) {
      for (const [name, { ids, labels }] of Object.entries({ train, validation })) {
        checkSequences(name, ids, maxPositions);
        const wrong = ids.findIndex((row, i) => labels[i]?.length !== row.length);
        const outside = labels.findIndex((row) =>
          row.some((label) => label !== IGNORED_LABEL && !(label >= 0 && label < classes)),
        );
        const fail = (message: string) => {
          throw new SlmError('TRAIN_DATA', `${name} data: ${message}`);
        };
        if (wrong >= 0)
          fail(`example ${wrong}: expected ${ids[wrong]!.length} labels, got ${labels[wrong]?.length ?? 'none'}`);
        if (outside >= 0) fail(`example ${outside}: expected labels below ${classes} or ${IGNORED_LABEL}`);
        if (!labels.some((row) => labelled(row) > 0)) fail('expected a labelled token, got none');
      }
    },
    async evaluate(engine, { tokenBudget, signal }) {
      const batches = batchesInOrder(
        validation.ids.map((ids) => ids.length),
        tokenBudget,
      );
      const sums = await inParallel(batches, { concurrency: 4, ...(signal && { signal }) }, async (batch) => {
        const rows = batch.map((index) => validation.ids[index]!);
        const { inputIds, attentionMask } = padBatch(rows, { padId });
        const feeds = { input_ids: inputIds, attention_mask: attentionMask };
        const made = (await engine.run(feeds, { outputs: [output] }))[output]!;
        const length = made.dims[1]!;
        const sum = { loss: 0, correct: 0, count: 0 };
        for (const [row, index] of batch.entries()) {
          for (const [at, label] of validation.labels[index]!.entries()) {
            if (label === IGNORED_LABEL) continue;
            const from = (row * length + at) * classes;
            score(sum, (made.data as Float32Array).subarray(from, from + classes), label);
          }
        }
        return sum;
      });
      const total = (key: 'loss' | 'correct' | 'count') => sums.reduce((sum, made) => sum + made[key], 0);
      return { loss: total('loss') / total('count'), metrics: { accuracy: total('correct') / total('count') } };
    },
    better: (a, b) => a.loss < b.loss,
    hash(update) {
      update(JSON.stringify({ output, padId, tokenDropout, maskId }));
      for (const { ids, labels } of [train, validation]) {
        hashSequences(ids, update);
        for (const row of labels) update(bytesOf(row));
      }
    },
  };
}

function score(sum: { loss: number; correct: number; count: number }, logits: Float32Array, label: number): void {
  const highest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const mass = logits.reduce((total, value) => total + Math.exp(value - highest), 0);
  sum.loss += Math.log(mass) + highest - logits[label]!;
  if (logits.indexOf(highest) === label) sum.correct++;
  sum.count++;
}
