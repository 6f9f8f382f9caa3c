import { float32, SlmError } from '@slm-compress/onnx';
import { spearman } from '@slm-compress/text';
import { predictLogits } from '../predict.ts';
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

/** Tokenized texts with a number each. */
export interface ScoredTexts {
  readonly ids: readonly Int32Array[];
  readonly scores: Float32Array;
}

export interface RegressionOptions extends SequenceOptions {
  readonly train: ScoredTexts;
  readonly validation: ScoredTexts;
  /** The model's output `[batch, 1]`; `logits` by default. */
  readonly output?: string;
}

/**
 * Learns a number for every text by its squared error. The validation's loss is the mean squared error, its metric
 * `spearman`; better is a lower loss. Throws `TRAIN_OPTIONS`; the training throws `STEP_MODEL` and `TRAIN_DATA`.
 */
export function regression(options: RegressionOptions): Task {
  const { train, validation, output = 'logits', padId = 0, tokenDropout = 0, maskId } = options;
  checkSequenceOptions(options);
  return {
    train: sequenceExamples(train.ids, options, (indices) => {
      const scores = Float32Array.from(indices, (index) => train.scores[index]!);
      return { tensors: { targets: float32(scores, [indices.length, 1]) }, weight: indices.length };
    }),
    appendLoss(g, model, scale) {
      const width = outputDims(model, output, ['batch', '1'])[1];
      if (width !== 1) {
        throw new SlmError('STEP_MODEL', `training step: expected output ${output} [batch, 1], got ${width} columns`);
      }
      return g.scope('loss/', () => {
        const targets = g.input('targets', 'float32', ['batch', 1]);
        const error = g.op('Sub', [output, targets]);
        const sum = g.op('ReduceSum', [g.op('Mul', [error, error])], { keepdims: 0 });
        return { loss: g.op('Mul', [sum, scale], {}, { name: 'scale', outputs: ['loss'] }) };
      });
    },
    check({ maxPositions }) {
      for (const [name, { ids, scores }] of Object.entries({ train, validation })) {
        checkSequences(name, ids, maxPositions);
        checkTargets(name, 'scores', scores.length, ids.length);
        const wrong = scores.findIndex((score) => !Number.isFinite(score));
        if (wrong >= 0) throw dataError(name, `example ${wrong}: expected a finite score, got ${scores[wrong]}`);
      }
    },
    async evaluate(engine, { tokenBudget }) {
      const made = await predictLogits(engine, validation.ids, { padId, tokenBudget, output });
      const squares = made.reduce((sum, value, i) => sum + (value - validation.scores[i]!) ** 2, 0);
      return { loss: squares / made.length, metrics: { spearman: spearman([...validation.scores], [...made]) } };
    },
    better: (a, b) => a.loss < b.loss,
    hash(update) {
      update(JSON.stringify({ output, padId, tokenDropout, maskId }));
      for (const { ids, scores } of [train, validation]) {
        hashSequences(ids, update);
        update(bytesOf(scores));
      }
    },
  };
}
