import type { StageEvent } from '../events.ts';
import type { DistillStageOptions } from '../schema.ts';
import type { Made, ParentModel, StageContext } from './context.ts';
import { withTeacher } from './teacher.ts';
import { bertConfig, initialModel } from './train.ts';
import { trainModel } from './training.ts';

/** Trains a student from scratch on the labels and the teacher's softened probabilities. */
export async function* distillStage(
  context: StageContext,
  teacher: ParentModel,
  options: DistillStageOptions,
): AsyncGenerator<StageEvent, Made> {
  const config = bertConfig(context, options.architecture, options.dropout);
  const data = yield* withTeacher(context, teacher);
  const { temperature, hardWeight } = options;
  const loss = { kind: 'distillation', temperature, hardWeight } as const;
  const trained = yield* trainModel(context, initialModel(context, config), data, loss, options);
  return { ...trained, config, quantized: false, findings: [] };
}
