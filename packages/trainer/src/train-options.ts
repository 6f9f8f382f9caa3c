import type { Model, OpenEngine, OpenPool } from '@slm-compress/onnx';
import { SlmError } from '@slm-compress/onnx';
import type { Optimizer } from './optimizer.ts';
import type { ParameterRule } from './parameter-groups.ts';
import type { Schedule } from './schedule.ts';
import type { Task } from './task.ts';

export interface TrainOptions {
  /** Its weights are the start. */
  readonly model: Model;
  /** What is learned: `classification({...})`, `languageModel({...})`, … */
  readonly task: Task;
  /** Opens the workers that run the step. */
  readonly openPool: OpenPool;
  /** Opens the engine of the calling thread, used when `workers` is 0. */
  readonly open?: OpenEngine;
  /** Worker threads; changes nothing in the result. The pool's default when absent; 0 runs in the calling thread. */
  readonly workers?: number;
  /** Parts each batch is cut into, whatever the number of workers; changes the rounding of the result. 4 by default. */
  readonly shards?: number;
  /** Batches whose gradients make one step; 1 by default. */
  readonly accumulate?: number;
  /** Passes over the examples. */
  readonly epochs: number;
  /** Stops after this many steps, and the schedule ends there, when the epochs have more. */
  readonly maxSteps?: number;
  /** Validates after every so many steps, and after the last; at the end of each epoch by default. */
  readonly validateEverySteps?: number;
  /** Tokens of a batch, padding included; 4096 by default. */
  readonly tokenBudget?: number;
  /** Most examples in a batch; no bound by default. */
  readonly maxBatch?: number;
  /** Peak of the schedule. */
  readonly learningRate: number;
  /** `linear` by default. */
  readonly schedule?: Schedule;
  /** Fraction of all steps when below 1, else steps; 0.1 by default. */
  readonly warmup?: number;
  /** AdamW by default. */
  readonly optimizer?: Optimizer;
  /** Weight decay of matrices and tables; 0.01 by default. */
  readonly weightDecay?: number;
  /** What differs for parameters by name: frozen ones, rates, decay. */
  readonly parameterRules?: readonly ParameterRule[];
  /** Every layer learns this much slower than the one above it; 1 by default. */
  readonly layerDecay?: number;
  /**
   * Decay of an exponential moving average of the weights, which then is what is validated and returned; none by default.
   */
  readonly averageDecay?: number;
  /** Largest global norm of the gradient; 1 by default, Infinity for none. */
  readonly clipNorm?: number;
  /** Seeds the order of examples and the dropout masks. */
  readonly seed: number;
  /** Share of hidden activations dropped at each site; 0.1 by default. */
  readonly dropout?: number;
  /** Stops after this many validations without a better one; never by default. */
  readonly patience?: number;
  /** Folder of `checkpoint-STEP.safetensors`; the newest checkpoint of the same training found there is continued. */
  readonly checkpointDir?: string;
  /** Steps between checkpoints; after each validation in any case. */
  readonly checkpointEverySteps?: number;
  /** Checkpoints that are kept, the newest; 1 by default. */
  readonly keepCheckpoints?: number;
  /** Stops between steps, after writing a checkpoint: the generator throws `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** One validation as it is kept in the history. */
export interface ValidationRecord {
  /** Steps done. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** Mean of the training loss over the steps since the last validation, dropout on. */
  readonly trainingLoss: number;
  /** Mean loss of the validation examples. */
  readonly validationLoss: number;
  /** What else the task measures, by name: `accuracy`, `perplexity`, … */
  readonly metrics: Readonly<Record<string, number>>;
  /** Whether it was the best so far, as the task says. */
  readonly best: boolean;
}

export type TrainEvent =
  | {
      readonly kind: 'step';
      /** Steps done, counted from the start of the training. */
      readonly step: number;
      readonly totalSteps: number;
      readonly epoch: number;
      readonly loss: number;
      readonly learningRate: number;
      /** Norm of the whole gradient before clipping. */
      readonly gradientNorm: number;
      /** Milliseconds it took to make the feeds, while the step before it ran (the first: while the engine opened). */
      readonly batchMs: number;
      /** Tokens that are not padding, over the last steps. */
      readonly usefulTokensPerSecond: number;
      /** Milliseconds left if all epochs are run, validation not counted. */
      readonly etaMs: number;
    }
  | ({ readonly kind: 'validation' } & ValidationRecord)
  | { readonly kind: 'resumed'; readonly step: number; readonly totalSteps: number }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly path: string };

export interface TrainResult {
  /** The model with the weights of the best validation. */
  readonly model: Model;
  readonly best: ValidationRecord;
  readonly history: readonly ValidationRecord[];
  /** Steps run, those before a resume included. */
  readonly steps: number;
}

/** Every option, defaults filled in. */
export type ResolvedOptions = Omit<Required<TrainOptions>, Unset> & Pick<TrainOptions, Unset>;

type Unset = 'open' | 'workers' | 'averageDecay' | 'checkpointDir' | 'signal';

const counts = [
  'shards',
  'accumulate',
  'epochs',
  'maxSteps',
  'validateEverySteps',
  'tokenBudget',
  'maxBatch',
  'patience',
  'checkpointEverySteps',
  'keepCheckpoints',
] as const;

/** Fills in defaults; throws `TRAIN_OPTIONS` for a value out of its range. */
export function resolveOptions(options: TrainOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    shards: 4,
    accumulate: 1,
    maxSteps: Number.MAX_SAFE_INTEGER,
    validateEverySteps: Number.MAX_SAFE_INTEGER,
    tokenBudget: 4096,
    maxBatch: Number.MAX_SAFE_INTEGER,
    schedule: 'linear',
    warmup: 0.1,
    optimizer: { kind: 'adamw' },
    weightDecay: 0.01,
    parameterRules: [],
    layerDecay: 1,
    clipNorm: 1,
    dropout: 0.1,
    patience: Number.MAX_SAFE_INTEGER,
    checkpointEverySteps: Number.MAX_SAFE_INTEGER,
    keepCheckpoints: 1,
    ...options,
  };
  const check = (field: keyof ResolvedOptions, expected: string, fits: (value: number) => boolean) => {
    const value = resolved[field];
    if (typeof value === 'number' && fits(value)) return;
    throw new SlmError('TRAIN_OPTIONS', `train: ${field} must be ${expected}, got ${String(value)}`);
  };
  const natural = (value: number) => Number.isSafeInteger(value) && value >= 1;
  for (const field of counts) check(field, 'a positive integer', natural);
  check('learningRate', 'above 0', (value) => value > 0 && Number.isFinite(value));
  check('clipNorm', 'above 0', (value) => value > 0);
  check('weightDecay', 'at least 0', (value) => value >= 0 && Number.isFinite(value));
  check('seed', 'an integer', Number.isSafeInteger);
  if (resolved.averageDecay !== undefined) check('averageDecay', 'in (0, 1)', (value) => value > 0 && value < 1);
  if (resolved.workers === 0 && resolved.open === undefined) {
    throw new SlmError('TRAIN_OPTIONS', 'train: workers 0 needs open, got none');
  }
  return resolved;
}
