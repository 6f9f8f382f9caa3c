import { int64, SlmError, scalar } from '@slm-compress/onnx';
import { meanScore, predictLogits, scoreRow } from '../predict.ts';
import type { Task } from '../task.ts';
import { outputDims } from './outputs.ts';
import {
  checkSequenceOptions,
  checkSequences,
  checkTargets,
  hashSequences,
  type SequenceOptions,
  sequenceFeeds,
} from './sequences.ts';

/** Pairs of tokenized texts that mean the same, belong together, answer one another. */
export interface TextPairs {
  readonly anchors: readonly Int32Array[];
  readonly positives: readonly Int32Array[];
}

export interface ContrastiveOptions extends SequenceOptions {
  readonly train: TextPairs;
  readonly validation: TextPairs;
  /** Similarities are divided by it; 0.05 by default. */
  readonly temperature?: number;
  /** The model's output `[batch, width]`, of length 1 each; `sentence_embedding` by default. */
  readonly output?: string;
}

/**
 * Learns embeddings in which an anchor is nearer to its own positive than to those of the other pairs of its shard (InfoNCE:
 * van den Oord et al., 2018). Fewer shards mean more texts to tell apart. The validation compares every anchor with
 * every positive of the validation pairs: its metric is `accuracy`, the share of anchors whose own positive is nearest;
 * better is a lower loss. Throws `TRAIN_OPTIONS`; the training throws `STEP_MODEL` and `TRAIN_DATA`.
 */
export function contrastive(options: ContrastiveOptions): Task {
  const { train, validation, temperature = 0.05, output = 'sentence_embedding' } = options;
  const { padId = 0, tokenDropout = 0, maskId } = options;
  checkSequenceOptions(options);
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new SlmError('TRAIN_OPTIONS', `train, contrastive: temperature must be above 0, got ${temperature}`);
  }
  const both = [...train.anchors, ...train.positives];
  return {
    train: {
      lengths: train.anchors.map((anchor, i) => 2 * Math.max(anchor.length, train.positives[i]?.length ?? 0)),
      feeds(indices, draw) {
        const rows = [...indices, ...indices.map((index) => index + train.anchors.length)];
        return { ...sequenceFeeds(both, rows, options, draw), weight: indices.length };
      },
    },
    appendLoss(g, model, scale) {
      const width = outputDims(model, output, ['batch', 'width'])[1]!;
      return g.scope('loss/', () => {
        const halves = g.op('Reshape', [output, g.constant('halves', int64([2, -1, width]))]);
        const half = (at: number) => g.op('Gather', [halves, g.constant(`half_${at}`, int64([at], []))], { axis: 0 });
        const [anchors, positives] = [half(0), half(1)];
        const divisor = g.constant('temperature', scalar(temperature));
        const similarity = g.op('MatMul', [anchors, g.op('Transpose', [positives], { perm: [1, 0] })]);
        const logits = g.op('Div', [similarity, divisor]);
        const logProbabilities = g.op('LogSoftmax', [logits], { axis: -1 });
        const own = g.op('Mul', [logProbabilities, g.op('EyeLike', [logits])]);
        const sum = g.op('Neg', [g.op('ReduceSum', [own], { keepdims: 0 })]);
        return { loss: g.op('Mul', [sum, scale], {}, { name: 'scale', outputs: ['loss'] }) };
      });
    },
    check({ maxPositions }) {
      for (const [name, { anchors, positives }] of Object.entries({ train, validation })) {
        checkSequences(`${name} anchors`, anchors, maxPositions);
        checkSequences(`${name} positives`, positives, maxPositions);
        checkTargets(name, 'positives', positives.length, anchors.length);
      }
    },
    async evaluate(engine, { tokenBudget }) {
      const { anchors, positives } = validation;
      const made = await predictLogits(engine, [...anchors, ...positives], { padId, tokenBudget, output });
      const count = anchors.length;
      const width = made.length / (2 * count);
      const row = (index: number) => made.subarray(index * width, (index + 1) * width);
      const scores = anchors.map((_, i) => {
        const similarities = Float64Array.from({ length: count }, (_, j) => dot(row(i), row(count + j)) / temperature);
        return scoreRow(similarities, i);
      });
      const { loss, accuracy } = meanScore(scores);
      return { loss, metrics: { accuracy } };
    },
    better: (a, b) => a.loss < b.loss,
    hash(update) {
      update(JSON.stringify({ temperature, output, padId, tokenDropout, maskId }));
      for (const { anchors, positives } of [train, validation]) {
        hashSequences(anchors, update);
        hashSequences(positives, update);
      }
    },
  };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
