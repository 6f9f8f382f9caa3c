import type { Engine, Model, Tensor } from '@slm-compress/onnx';
import { SlmError, trainableParameters } from '@slm-compress/onnx';
import { epochByLength } from '@slm-compress/text';
import { readCheckpoint, trainingDigest, writeCheckpoint } from './checkpoint.ts';
import { divergence, watchDivergence } from './divergence.ts';
import { resolveOptimizer } from './optimizer.ts';
import { openOptimizerState } from './optimizer-state.ts';
import { groupParameters } from './parameter-groups.ts';
import { createProgressMeter } from './progress-meter.ts';
import { createSchedule } from './schedule.ts';
import { createFeeds, maskBytes, reserveMasks } from './shard-feeds.ts';
import {
  type ResolvedOptions,
  resolveOptions,
  type TrainEvent,
  type TrainOptions,
  type TrainResult,
  type ValidationRecord,
} from './train-options.ts';
import { buildTrainingStep } from './training-step.ts';

/**
 * Trains a model on a task; yields what happens, returns the model with the weights of the best validation.
 *
 * Every batch is cut into a fixed number of shards that workers run, and whose gradients are added in their order:
 * the same options and data give the same bytes whatever the number of workers, also when the training was killed and
 * continues from its checkpoint. Steps are: gradients of one or more batches, clipping by the global norm, the
 * optimizer, the moving average.
 *
 * Errors: `TRAIN_OPTIONS`, `TRAIN_DATA`, `TRAIN_MEMORY`; `TRAINING_DIVERGED` for a loss or gradient that is not finite, or a
 * loss that explodes; `CHECKPOINT_WRITE`, `CHECKPOINT_CORRUPT`, `CHECKPOINT_MISMATCH`; `ABORTED` after the checkpoint of a stop by `signal` was written; what
 * the task, the engines and `buildTrainingStep` throw.
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent, TrainResult, void> {
  const settings = resolveOptions(options);
  const { model, task, tokenBudget, shards, seed, checkpointDir, signal } = settings;
  const optimizer = resolveOptimizer(settings.optimizer);
  const groups = groupParameters(
    trainableParameters(model)
      .map((name) => ({ name, ...model.graph.initializers.get(name)! }))
      .filter(({ type }) => type === 'float32'),
    { weightDecay: settings.weightDecay, rules: settings.parameterRules, layerDecay: settings.layerDecay },
  );
  const parameters = [...groups].filter(([, { frozen }]) => !frozen).map(([name]) => name);
  const step = buildTrainingStep(model, task, { dropout: settings.dropout, parameters });
  task.check?.(step);
  const plan = planSteps(settings);
  const totalSteps = plan.length;
  const learningRateOf = createSchedule({
    schedule: settings.schedule,
    peak: settings.learningRate,
    warmup: settings.warmup,
    totalSteps,
  });
  const { state, reserved: masks } = openOptimizerState(step, model.graph.initializers, {
    rows: tokenBudget,
    optimizer,
    settings: groups,
    ...(settings.averageDecay !== undefined && { averageDecay: settings.averageDecay }),
    reserve: (arenaPlan) => reserveMasks(arenaPlan, maskBytes(step, tokenBudget, shards)),
  });
  const feeds = createFeeds({ step, examples: task.train, shards, seed, arena: state.arena, masks });
  const prepareStep = (index: number) => {
    const begun = performance.now();
    const { parts, tokens } = feeds.prepare(plan[index]!.batches, index);
    const masked = feeds.withMasks(parts[0]!, index);
    return { parts, tokens, masked, batchMs: performance.now() - begun };
  };

  let done = 0;
  let lossSum = 0;
  const history: ValidationRecord[] = [];
  let best: Float32Array | undefined;
  const digest = checkpointDir === undefined ? '' : trainingDigest(settings, step);
  const saved = checkpointDir && (await readCheckpoint(checkpointDir, digest, state.flat));
  if (saved) {
    done = saved.progress.step;
    lossSum = saved.progress.lossSum;
    history.push(...saved.progress.history);
    for (const [name, region] of Object.entries(state.flat)) region.set(saved.tensors[name]!);
    best = saved.tensors.best;
    yield { kind: 'resumed', step: done, totalSteps };
  }
  const save = async (): Promise<TrainEvent & { kind: 'checkpoint' }> => {
    const progress = { step: done, lossSum, history };
    const tensors = { ...state.flat, ...(best && { best }) };
    const path = await writeCheckpoint(checkpointDir!, digest, progress, tensors, settings.keepCheckpoints);
    return { kind: 'checkpoint', step: done, path };
  };
  const stopIfAborted = async () => {
    if (!signal?.aborted) return;
    if (checkpointDir !== undefined) await save();
    const hint = checkpointDir === undefined ? '' : ' (run it again to continue from the checkpoint)';
    throw new SlmError('ABORTED', `train: stopped by its signal after step ${done}${hint}`, { cause: signal.reason });
  };

  const engines = lazyEngines(settings);
  try {
    const meter = createProgressMeter(totalSteps);
    const divergedBy = watchDivergence();
    // Feeds are made in this thread, while an engine opens or runs the step before: no step waits for its own.
    let ahead: ReturnType<typeof prepareStep> | undefined;
    while (done < totalSteps && !exhausted(history, settings.patience)) {
      await stopIfAborted();
      const { epoch } = plan[done]!;
      const opening = engines.open('step', step.model);
      opening.catch(() => undefined);
      ahead ??= prepareStep(done);
      const engine = await opening;
      const { parts, tokens, batchMs } = ahead;
      let { masked } = ahead;
      state.clear();
      let stepLoss = 0;
      for (let part = 0; part < parts.length; part++) {
        const shardFeeds = masked;
        const runs = shardFeeds.map((shard) => engine.run({ ...shard, ...state.weights }));
        // A later shard may fail while an earlier one is awaited.
        for (const run of runs) run.catch(() => undefined);
        // While the workers run: the masks of the next part, or the feeds of the next step.
        if (part + 1 < parts.length) masked = feeds.withMasks(parts[part + 1]!, done);
        else if (done + 1 < totalSteps) ahead = prepareStep(done + 1);
        for (const [index, run] of runs.entries()) {
          const made = await run;
          stepLoss += (made.loss!.data as Float32Array)[0]!;
          state.accumulate(made, shardFeeds[index]!);
        }
      }
      const gradientNorm = state.norm();
      const reason = divergedBy(stepLoss, gradientNorm);
      if (reason !== undefined) {
        const shards = parts.flatMap((part) => part.map(({ tensors }) => tensors));
        throw await divergence({ step: done + 1, reason, examples: plan[done]!.batches, shards }, checkpointDir);
      }
      const learningRate = learningRateOf(done);
      state.update(done + 1, learningRate, Math.min(1, settings.clipNorm / gradientNorm));
      done++;
      lossSum += stepLoss;
      const pace = meter.step(tokens, done);
      yield {
        kind: 'step',
        step: done,
        totalSteps,
        epoch,
        loss: stepLoss,
        learningRate,
        gradientNorm,
        batchMs,
        ...pace,
      };
      if (validationIsDue()) {
        const record = await validate(epoch);
        history.push(record);
        if (record.best) best = Float32Array.from(state.evaluated.flat);
        lossSum = 0;
        yield { kind: 'validation', ...record };
        if (checkpointDir !== undefined) yield await save();
        meter.resume();
      } else if (checkpointDir !== undefined && done % settings.checkpointEverySteps === 0) {
        yield await save();
      }
    }
  } finally {
    await engines.close();
  }
  const chosen = history.findLast((record) => record.best)!;
  return { model: withWeights(model, state.unflatten(best!)), best: chosen, history, steps: done };

  function validationIsDue(): boolean {
    if (done === totalSteps) return true;
    if (settings.validateEverySteps < Number.MAX_SAFE_INTEGER) return done % settings.validateEverySteps === 0;
    return plan[done]!.epoch !== plan[done - 1]!.epoch;
  }

  async function validate(epoch: number): Promise<ValidationRecord> {
    const engine = await engines.open('evaluation', step.evaluation);
    const run: Engine['run'] = (fed, runOptions) => engine.run({ ...fed, ...state.evaluated.tensors }, runOptions);
    const { loss, metrics } = await task.evaluate({ run }, { tokenBudget });
    if (!Number.isFinite(loss)) {
      const reason = `expected a finite validation loss, got ${loss}`;
      throw await divergence({ step: done, reason, examples: [], shards: [] }, undefined);
    }
    const leader = history.findLast((record) => record.best);
    const better =
      leader === undefined || task.better({ loss, metrics }, { loss: leader.validationLoss, metrics: leader.metrics });
    const steps = done - (history.at(-1)?.step ?? 0);
    return { step: done, epoch, trainingLoss: lossSum / steps, validationLoss: loss, metrics, best: better };
  }
}

/** The batches of every step: a function of the seed, not of what happened before. */
function planSteps(
  settings: ResolvedOptions,
): readonly { readonly epoch: number; readonly batches: readonly (readonly number[])[] }[] {
  const { task, tokenBudget, maxBatch, accumulate, maxSteps, seed } = settings;
  const steps: { epoch: number; batches: readonly (readonly number[])[] }[] = [];
  for (let epoch = 0; epoch < settings.epochs && steps.length < maxSteps; epoch++) {
    const batches = epochByLength(task.train.lengths, { tokenBudget, maxBatch }, { seed, epoch });
    for (let at = 0; at < batches.length; at += accumulate) {
      steps.push({ epoch: epoch + 1, batches: batches.slice(at, at + accumulate) });
    }
  }
  return steps.slice(0, maxSteps);
}

/** Whether the best validation lies `patience` validations back. */
function exhausted(history: readonly ValidationRecord[], patience: number): boolean {
  const leader = history.findLastIndex((record) => record.best);
  return leader >= 0 && history.length - 1 - leader >= patience;
}

function lazyEngines({ workers, open, openPool }: ResolvedOptions) {
  const opened = new Map<string, Engine>();
  return {
    async open(name: string, model: Model): Promise<Engine> {
      const found = opened.get(name);
      if (found) return found;
      const engine =
        workers === 0
          ? await open!(model, { memoryPattern: false })
          : await openPool(model, { memoryPattern: false, ...(workers !== undefined && { workers }) });
      opened.set(name, engine);
      return engine;
    },
    async close(): Promise<void> {
      await Promise.all([...opened.values()].map((engine) => engine[Symbol.asyncDispose]()));
    },
  };
}

function withWeights(model: Model, weights: ReadonlyMap<string, Tensor>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, tensor] of weights) initializers.set(name, tensor);
  return { ...model, graph: { ...model.graph, initializers } };
}
