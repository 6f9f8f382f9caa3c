import type { Engine, Model, Tensor } from '@slm-compress/onnx';
import { createRng, SlmError } from '@slm-compress/onnx';
import { batchByLength } from '@slm-compress/text';
import { readCheckpoint, trainingDigest, writeCheckpoint } from './checkpoint.ts';
import { resolveOptimizer } from './optimizer.ts';
import { openOptimizerState } from './optimizer-state.ts';
import { groupParameters } from './parameter-groups.ts';
import { predictLogits, scoreLogits } from './predict.ts';
import { createProgressMeter } from './progress-meter.ts';
import { createSchedule } from './schedule.ts';
import { createFeeds, maskBytes, type PreparedBatch, reserveMasks } from './shard-feeds.ts';
import {
  checkData,
  type EpochRecord,
  type ResolvedOptions,
  resolveOptions,
  type TrainEvent,
  type TrainOptions,
  type TrainResult,
} from './train-options.ts';
import { buildTrainingStep, trainableParameters } from './training-step.ts';

/**
 * Trains a classifier; yields what happens, returns the model with the best epoch's weights.
 *
 * Every batch is cut into a fixed number of shards that workers run, and whose gradients are added in their order:
 * the same options and data give the same bytes whatever the number of workers, also when the training was killed and
 * continues from its checkpoint. Steps are: gradients, clipping by the global norm, the
 * optimizer, the moving average.
 *
 * Errors: `TRAIN_OPTIONS`, `TRAIN_DATA`, `TRAIN_MEMORY`; `TRAINING_DIVERGED` for a loss or gradient that is not finite;
 * `CHECKPOINT_CORRUPT`, `CHECKPOINT_MISMATCH`; `ABORTED` after the checkpoint of a stop by `signal` was written; what
 * the engines and `buildTrainingStep` throw.
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent, TrainResult, void> {
  const settings = resolveOptions(options);
  const { model, loss, train: data, validation, epochs, tokenBudget, shards, checkpointDir, signal } = settings;
  const optimizer = resolveOptimizer(settings.optimizer);
  const groups = groupParameters(
    trainableParameters(model).map((name) => ({ name, dims: model.graph.initializers.get(name)!.dims })),
    { weightDecay: settings.weightDecay, rules: settings.parameterRules, layerDecay: settings.layerDecay },
  );
  const parameters = [...groups].filter(([, { frozen }]) => !frozen).map(([name]) => name);
  const step = buildTrainingStep(model, loss, { dropout: settings.dropout, parameters });
  checkData('train', data, step);
  checkData('validation', validation, step);
  const plan = planBatches(settings);
  const totalSteps = plan.reduce((sum, batches) => sum + batches.length, 0);
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
  const { padId, tokenDropout, maskId, seed } = settings;
  const prepare = createFeeds({ step, data, shards, padId, tokenDropout, maskId, seed, arena: state.arena, masks });

  let done = 0;
  let lossSum = 0;
  const history: EpochRecord[] = [];
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
    const path = await writeCheckpoint(checkpointDir!, digest, progress, { ...state.flat, ...(best && { best }) });
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
    for (let epoch = history.length; epoch < epochs && !exhausted(history, settings.patience); epoch++) {
      const batches = plan[epoch]!;
      const firstStep = plan.slice(0, epoch).reduce((sum, earlier) => sum + earlier.length, 0);
      const engine = await engines.open('step', step.model);
      let prepared: PreparedBatch | undefined;
      meter.resume();
      for (let at = done - firstStep; at < batches.length; at++) {
        await stopIfAborted();
        const { shards: feeds, tokens } = prepared ?? prepare(batches[at]!, done);
        const runs = feeds.map((shard) => engine.run({ ...shard, ...state.weights }));
        // A later shard may fail while an earlier one is awaited.
        for (const run of runs) run.catch(() => undefined);
        prepared = at + 1 < batches.length ? prepare(batches[at + 1]!, done + 1) : undefined;
        state.clear();
        let stepLoss = 0;
        for (const [index, run] of runs.entries()) {
          const made = await run;
          stepLoss += (made.loss!.data as Float32Array)[0]!;
          state.accumulate(made, feeds[index]!);
        }
        const gradientNorm = state.norm();
        if (!Number.isFinite(stepLoss) || !Number.isFinite(gradientNorm)) {
          throw diverged(
            `step ${done + 1}: expected a finite loss and gradient, got loss ${stepLoss}, norm ${gradientNorm}`,
          );
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
          epoch: epoch + 1,
          loss: stepLoss,
          learningRate,
          gradientNorm,
          ...pace,
        };
        if (checkpointDir !== undefined && done % settings.checkpointEverySteps === 0 && at + 1 < batches.length) {
          yield await save();
        }
      }
      const record = await validate(
        await engines.open('evaluation', step.evaluation),
        epoch + 1,
        lossSum / batches.length,
      );
      history.push(record);
      if (record.best) best = Float32Array.from(state.evaluated.flat);
      lossSum = 0;
      yield { kind: 'epoch', ...record };
      if (checkpointDir !== undefined) yield await save();
    }
  } finally {
    await engines.close();
  }
  const bestEpoch = history.findLast((record) => record.best)!.epoch;
  return { model: withWeights(model, state.unflatten(best!)), bestEpoch, history, steps: done };

  async function validate(engine: Engine, epoch: number, trainingLoss: number): Promise<EpochRecord> {
    const run: Engine['run'] = (feeds, runOptions) => engine.run({ ...feeds, ...state.evaluated.tensors }, runOptions);
    const score = scoreLogits(await predictLogits({ run }, validation.ids, { padId, tokenBudget }), validation.labels);
    if (!Number.isFinite(score.loss))
      throw diverged(`epoch ${epoch}: expected a finite validation loss, got ${score.loss}`);
    const leader = history.findLast((record) => record.best);
    const better =
      leader === undefined ||
      score.accuracy > leader.validationAccuracy ||
      (score.accuracy === leader.validationAccuracy && score.loss < leader.validationLoss);
    return { epoch, trainingLoss, validationLoss: score.loss, validationAccuracy: score.accuracy, best: better };
  }
}

/** The batches of every epoch: a function of the seed, not of what happened before. */
function planBatches(settings: ResolvedOptions): readonly (readonly (readonly number[])[])[] {
  const lengths = settings.train.ids.map((ids) => ids.length);
  const { tokenBudget, maxBatch } = settings;
  const rng = createRng(settings.seed).fork('batches');
  return Array.from({ length: settings.epochs }, (_, epoch) =>
    batchByLength(lengths, { tokenBudget, maxBatch, rng: rng.fork(epoch) }),
  );
}

/** Whether the best epoch lies `patience` epochs back. */
function exhausted(history: readonly EpochRecord[], patience: number): boolean {
  const leader = history.findLast((record) => record.best);
  return leader !== undefined && history.length - leader.epoch >= patience;
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

function diverged(message: string): SlmError {
  return new SlmError('TRAINING_DIVERGED', `train, ${message} (lower the learning rate or clipNorm, lengthen warmup)`);
}
