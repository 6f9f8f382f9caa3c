import type { Finding, Model } from '@slm-compress/onnx';
import type { BertConfig } from '@slm-compress/trainer';
import { scoreHeadsAndNeurons } from '../../prune/importance.ts';
import { pruneMagnitude } from '../../prune/magnitude.ts';
import { pruneStructured } from '../../prune/structured.ts';
import type { StageEvent } from '../events.ts';
import type { PruneStageOptions } from '../schema.ts';
import type { Made, ParentModel, StageContext } from './context.ts';
import { relay } from './relay.ts';
import { sampleTraining } from './sample.ts';
import { withTeacher } from './teacher.ts';
import { trainModel } from './training.ts';
import { validate } from './validate.ts';

interface Cut {
  readonly model: Model;
  readonly config: BertConfig;
  readonly findings: readonly Finding[];
}

/** Removes heads and neurons (or zeroes weights) and, when asked, trains what is left. */
export async function* pruneStage(
  context: StageContext,
  parent: ParentModel,
  teacher: ParentModel | undefined,
  options: PruneStageOptions,
): AsyncGenerator<StageEvent, Made> {
  const { sparsity, scope, recovery } = options;
  const cut: Cut =
    sparsity === undefined
      ? yield* structured(context, parent, options)
      : { ...pruneMagnitude(parent.model, { sparsity, scope }), config: parent.config };
  const { validationAccuracy } = yield* validate(context, cut.model);
  const made = { config: cut.config, quantized: false, findings: cut.findings } as const;
  if (recovery === undefined) return { ...made, model: cut.model, metrics: { validationAccuracy }, history: [] };
  const data = teacher === undefined ? context.prepared.encode('train') : yield* withTeacher(context, teacher);
  const { temperature, hardWeight } = recovery;
  const loss =
    teacher === undefined
      ? ({ kind: 'cross-entropy' } as const)
      : ({ kind: 'distillation', temperature, hardWeight } as const);
  const trained = yield* trainModel(context, cut.model, data, loss, recovery);
  const metrics = { ...trained.metrics, validationAccuracyBeforeRecovery: validationAccuracy };
  return { ...made, model: trained.model, metrics, history: trained.history };
}

async function* structured(
  context: StageContext,
  parent: ParentModel,
  options: PruneStageOptions,
): AsyncGenerator<StageEvent, Cut> {
  const { stage, host, signal } = context;
  const importance = yield* relay(stage, 'importance', (report) =>
    scoreHeadsAndNeurons(parent.model, parent.config, sampleTraining(context, options.samples), {
      open: host.open,
      onProgress: ({ done, total }) => report(done, total),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
  return pruneStructured(parent.model, parent.config, importance, {
    heads: options.heads ?? 1,
    intermediate: options.intermediate ?? 1,
  });
}
