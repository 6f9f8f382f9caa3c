import { createRng, type Model } from '@slm-compress/onnx';
import { addLora, loraRules, mergeLora, type TrainOptions } from '@slm-compress/trainer';
import type { Optimization } from './training.ts';

/** How the steps of a stage are made. */
export type StepOptions = Omit<TrainOptions, 'model' | 'task' | 'openPool' | 'epochs' | 'seed'>;

/** What the options of a stage are for the trainer; what is absent there is absent here. */
export function stepOptionsOf(options: Optimization): StepOptions {
  const { optimizer, parameterRules, lora } = options;
  // The first rule that says something of a parameter holds: those of the recipe go before those of LoRA.
  const rules = [...(parameterRules ?? []), ...(lora === undefined ? [] : loraRules(['classifier.*']))];
  return {
    tokenBudget: options.tokenBudget,
    learningRate: options.learningRate,
    schedule: options.schedule,
    warmup: options.warmup,
    weightDecay: options.weightDecay,
    clipNorm: options.clipNorm,
    dropout: options.dropout,
    checkpointEverySteps: options.checkpointEverySteps,
    ...(optimizer !== undefined && { optimizer: { kind: optimizer } }),
    ...present(options, ['accumulate', 'maxSteps', 'validateEverySteps', 'patience', 'averageDecay', 'layerDecay']),
    ...(rules.length > 0 && { parameterRules: rules.map((rule) => present(rule, ruleKeys)) }),
  };
}

const ruleKeys = ['match', 'frozen', 'learningRateScale', 'weightDecay'] as const;

/** The model that is trained: with low-rank updates, where the options ask for them. */
export function withUpdates(model: Model, { lora }: Optimization, seed: number): Model {
  if (lora === undefined) return model;
  return addLora(model, { rank: lora.rank, ...present(lora, ['alpha', 'match']), rng: createRng(seed).fork('lora') });
}

/** The trained model in the form that {@link withUpdates} was given. */
export function withoutUpdates(model: Model, { lora }: Optimization): Model {
  return lora === undefined ? model : mergeLora(model);
}

type Present<T, K extends keyof T> = { [P in K]: Exclude<T[P], undefined> };

/** These fields of an object, without those that are undefined. */
function present<T extends object, const K extends keyof T>(object: T, keys: readonly K[]): Present<T, K> {
  const entries = keys.map((key) => [key, object[key]] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Present<T, K>;
}
