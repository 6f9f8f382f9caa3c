import type { Loss, TrainingData } from '@slm-compress/trainer';
import type { StageEvent } from '../events.ts';
import type { TrainStageOptions } from '../schema.ts';
import { classWeightsOf } from './class-weights.ts';
import type { Made, StageContext } from './context.ts';
import type { Start } from './start.ts';
import { trainModel } from './training.ts';

/** Trains a classifier on the true labels. */
export async function* trainStage(
  context: StageContext,
  { model, config, findings }: Start,
  options: TrainStageOptions,
): AsyncGenerator<StageEvent, Made> {
  const data = context.prepared.encode('train');
  const trained = yield* trainModel(context, model, data, lossOf(config.labels, data, options), options);
  return { ...trained, config, quantized: false, findings };
}

/** The loss that a stage's options name. */
export function lossOf(labels: readonly string[], data: TrainingData, options: TrainStageOptions): Loss {
  const { labelSmoothing, classWeights } = options;
  return {
    kind: 'cross-entropy',
    labelSmoothing,
    ...(classWeights === undefined ? {} : { classWeights: classWeightsOf(classWeights, labels, data.labels) }),
  };
}
