import type { Model } from '@slm-compress/onnx';
import { classification, type Loss, recordTraining, type TrainingData, train } from '@slm-compress/trainer';
import type { StageEvent } from '../events.ts';
import type { Lineage } from '../lineage.ts';
import type { TrainStageOptions } from '../schema.ts';
import type { StageContext } from './context.ts';
import { stepOptionsOf, withoutUpdates, withUpdates } from './step-options.ts';

export type Optimization = Omit<
  TrainStageOptions,
  'architecture' | 'from' | 'pooling' | 'labelSmoothing' | 'classWeights'
>;

export interface Trained {
  readonly model: Model;
  readonly history: Lineage['history'];
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * Trains a model on the training split (with the teacher's logits where `data` has them), validates after every epoch
 * and returns the best weights. Goes on from the checkpoint in the stage's work folder.
 */
export async function* trainModel(
  context: StageContext,
  model: Model,
  data: TrainingData,
  loss: Loss,
  options: Optimization,
): AsyncGenerator<StageEvent, Trained> {
  const { stage, host, prepared, seed, work, logs, signal } = context;
  const unrecorded = train({
    model: withUpdates(model, options, seed),
    task: classification({
      loss,
      train: data,
      validation: prepared.encode('validation'),
      tokenDropout: options.tokenDropout,
      ...(prepared.tokenizer.maskId === undefined ? {} : { maskId: prepared.tokenizer.maskId }),
      padId: prepared.tokenizer.padId,
    }),
    open: host.open,
    openPool: host.openTraining ?? host.openPool,
    workers: host.workers,
    epochs: options.epochs,
    ...stepOptionsOf(options),
    seed,
    checkpointDir: work,
    ...(signal === undefined ? {} : { signal }),
  });
  const training = logs === undefined ? unrecorded : recordTraining(unrecorded, logs);
  for (;;) {
    const next = await training.next();
    if (next.done === true) {
      const { model: trained, best, history, steps } = next.value;
      return {
        model: withoutUpdates(trained, options),
        history: history.map((record) => ({
          epoch: record.epoch,
          trainLoss: record.trainingLoss,
          validationLoss: record.validationLoss,
          validationAccuracy: record.metrics.accuracy!,
          best: record === best,
        })),
        metrics: { steps, validationAccuracy: best.metrics.accuracy!, validationLoss: best.validationLoss },
      };
    }
    yield { kind: 'train', stage, event: next.value };
  }
}
