import type { TrainingData } from '@slm-compress/trainer';
import { teacherLogits } from '../../distill/teacher-logits.ts';
import type { StageEvent } from '../events.ts';
import type { ParentModel, StageContext } from './context.ts';
import { relay } from './relay.ts';

/** The training split with the teacher's logits, which are computed once and kept beside the stages' work folders. */
export async function* withTeacher(
  context: StageContext,
  teacher: ParentModel,
): AsyncGenerator<StageEvent, TrainingData> {
  const { stage, host, prepared, cache, signal } = context;
  const data = prepared.encode('train');
  const { logits } = yield* relay(stage, `answers of ${teacher.name}`, (report) =>
    teacherLogits(() => host.openPool(teacher.model, { workers: host.workers }), data.ids, {
      cacheDir: cache,
      key: { model: teacher.digest, data: prepared.splits.digest, tokenizer: prepared.tokenizer.digest },
      padId: prepared.tokenizer.padId,
      onProgress: report,
      ...(signal === undefined ? {} : { signal }),
    }),
  );
  return { ...data, teacherLogits: logits };
}
