import { float32, int64 } from '@slm-compress/onnx';
import { IGNORED_LABEL, padBatch } from '@slm-compress/text';
import { batchesInOrder, inParallel, meanScore, scoreRow } from '../predict.ts';
import type { Task } from '../task.ts';
import { outputDims } from './outputs.ts';
import {
  bytesOf,
  checkSequenceOptions,
  checkSequences,
  dataError,
  hashSequences,
  type SequenceOptions,
  sequenceExamples,
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
    train: sequenceExamples(train.ids, options, (indices) => {
      const rows = indices.map((index) => train.labels[index]!);
      const { inputIds } = padBatch(rows, { padId: IGNORED_LABEL });
      const targets = Array.from(inputIds.data as BigInt64Array, Number);
      const weights = Float32Array.from(targets, (label) => (label === IGNORED_LABEL ? 0 : 1));
      const classIds = targets.map((label) => (label === IGNORED_LABEL ? 0 : label));
      return {
        tensors: { targets: int64(classIds, inputIds.dims), target_weights: float32(weights, inputIds.dims) },
        weight: rows.reduce((sum, labels) => sum + labelled(labels), 0),
      };
    }),
    appendLoss(g, model, scale) {
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
        if (wrong >= 0) {
          const got = labels[wrong]?.length ?? 'none';
          throw dataError(name, `example ${wrong}: expected ${ids[wrong]!.length} labels, got ${got}`);
        }
        if (outside >= 0)
          throw dataError(name, `example ${outside}: expected labels below ${classes} or ${IGNORED_LABEL}`);
        if (!labels.some((row) => labelled(row) > 0)) throw dataError(name, 'expected a labelled token, got none');
      }
    },
    async evaluate(engine, { tokenBudget }) {
      const batches = batchesInOrder(
        validation.ids.map((ids) => ids.length),
        tokenBudget,
      );
      const scores = await inParallel(batches, { concurrency: 4 }, async (batch) => {
        const rows = batch.map((index) => validation.ids[index]!);
        const { inputIds, attentionMask } = padBatch(rows, { padId });
        const feeds = { input_ids: inputIds, attention_mask: attentionMask };
        const made = (await engine.run(feeds, { outputs: [output] }))[output]!;
        const length = made.dims[1]!;
        const logits = made.data as Float32Array;
        return batch.flatMap((index, row) =>
          Array.from(validation.labels[index]!).flatMap((label, at) => {
            const from = (row * length + at) * classes;
            return label === IGNORED_LABEL ? [] : scoreRow(logits.subarray(from, from + classes), label);
          }),
        );
      });
      const { loss, accuracy } = meanScore(scores.flat());
      return { loss, metrics: { accuracy } };
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
