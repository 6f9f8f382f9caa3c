import type { StageEvent } from '../events.ts';
import type { DistillStageOptions } from '../schema.ts';
import type { Made, ParentModel, StageContext } from './context.ts';
import type { Start } from './start.ts';
import { withTeacher } from './teacher.ts';
import { trainModel } from './training.ts';

/** Trains a student on the labels and the teacher's softened probabilities. */
export async function* distillStage(
  context: StageContext,
  teacher: ParentModel,
  { model, config, findings }: Start,
  options: DistillStageOptions,
): AsyncGenerator<StageEvent, Made> {
  const data = yield* withTeacher(context, teacher);
  const { temperature, hardWeight } = options;
  const loss = { kind: 'distillation', temperature, hardWeight } as const;
  const trained = yield* trainModel(context, model, data, loss, options);
  return { ...trained, config, quantized: false, findings };
}
