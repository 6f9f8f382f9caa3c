import type { StageEvent } from '../events.ts';
import type { TrainStageOptions } from '../schema.ts';
import type { Made, StageContext } from './context.ts';
import type { Start } from './start.ts';
import { trainModel } from './training.ts';

/** Trains a classifier on the true labels. */
export async function* trainStage(
  context: StageContext,
  { model, config, findings }: Start,
  options: TrainStageOptions,
): AsyncGenerator<StageEvent, Made> {
  const loss = { kind: 'cross-entropy', labelSmoothing: options.labelSmoothing } as const;
  const trained = yield* trainModel(context, model, context.prepared.encode('train'), loss, options);
  return { ...trained, config, quantized: false, findings };
}
