import type { Model, OpenEngine, OpenPool } from '@slm-compress/onnx';
import { SlmError } from '@slm-compress/onnx';
import type { Loss } from './loss.ts';
import type { Optimizer } from './optimizer.ts';
import type { ParameterRule } from './parameter-groups.ts';
import type { Schedule } from './schedule.ts';
import type { TrainingStep } from './training-step.ts';

/** Tokenized examples with their class ids. */
export interface TrainingData {
  /** Token ids of each example, special tokens included, without padding. */
  readonly ids: readonly Int32Array[];
  /** Class id of each example. */
  readonly labels: Int32Array;
  /** Teacher's logits `[examples, labels]`, for the distillation loss. */
  readonly teacherLogits?: Float32Array;
}

export interface TrainOptions {
  /** A classifier with inputs `input_ids`, `attention_mask` and output `logits`; its weights are the start. */
  readonly model: Model;
  readonly loss: Loss;
  readonly train: TrainingData;
  readonly validation: TrainingData;
  /** Opens the workers that run the step. */
  readonly openPool: OpenPool;
  /** Opens the engine of the calling thread, used when `workers` is 0. */
  readonly open?: OpenEngine;
  /** Worker threads; changes nothing in the result. The pool's default when absent; 0 runs in the calling thread. */
  readonly workers?: number;
  /** Parts each batch is cut into, whatever the number of workers; changes the rounding of the result. 4 by default. */
  readonly shards?: number;
  readonly epochs: number;
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
  /**
   * Share of the training tokens replaced by `maskId`, drawn anew at every step; 0 by default. The first and the last
   * token of an example stay, as `[CLS]` and `[SEP]` stand there. Keeps small data sets from being learned by heart.
   */
  readonly tokenDropout?: number;
  /** Token id that stands for a dropped token (`[MASK]`); needed when `tokenDropout` is above 0. */
  readonly maskId?: number;
  /** Token id of padding; 0 by default. */
  readonly padId?: number;
  /** Stops after this many epochs without a better one; never by default. */
  readonly patience?: number;
  /** Folder of `checkpoint.safetensors`; a checkpoint of the same training found there is continued. */
  readonly checkpointDir?: string;
  /** Steps between checkpoints; only at the end of each epoch by default. */
  readonly checkpointEverySteps?: number;
  /** Stops between steps, after writing a checkpoint: the generator throws `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** One epoch as it is kept in the history. */
export interface EpochRecord {
  /** Counted from 1. */
  readonly epoch: number;
  /** Mean of the training loss over the epoch's steps, dropout on. */
  readonly trainingLoss: number;
  /** Mean cross-entropy of the validation labels. */
  readonly validationLoss: number;
  readonly validationAccuracy: number;
  /** Whether it was the best epoch so far: highest accuracy, of equals the lowest loss. */
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
      /** Tokens that are not padding, over the last steps. */
      readonly usefulTokensPerSecond: number;
      /** Milliseconds left if all epochs are run, validation not counted. */
      readonly etaMs: number;
    }
  | ({ readonly kind: 'epoch' } & EpochRecord)
  | { readonly kind: 'resumed'; readonly step: number; readonly totalSteps: number }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly path: string };

export interface TrainResult {
  /** The model with the weights of the best epoch. */
  readonly model: Model;
  readonly bestEpoch: number;
  readonly history: readonly EpochRecord[];
  /** Steps run, those before a resume included. */
  readonly steps: number;
}

/** Every option, defaults filled in. */
export type ResolvedOptions = Omit<Required<TrainOptions>, Unset> & Pick<TrainOptions, Unset>;

type Unset = 'open' | 'workers' | 'averageDecay' | 'checkpointDir' | 'signal';

/** Fills in defaults; throws `TRAIN_OPTIONS` for a value out of its range. */
export function resolveOptions(options: TrainOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    shards: 4,
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
    tokenDropout: 0,
    maskId: -1,
    padId: 0,
    patience: Number.MAX_SAFE_INTEGER,
    checkpointEverySteps: Number.MAX_SAFE_INTEGER,
    ...options,
  };
  const check = (field: keyof ResolvedOptions, expected: string, fits: (value: number) => boolean) => {
    const value = resolved[field];
    if (typeof value === 'number' && fits(value)) return;
    throw new SlmError('TRAIN_OPTIONS', `train: ${field} must be ${expected}, got ${String(value)}`);
  };
  const natural = (value: number) => Number.isSafeInteger(value) && value >= 1;
  for (const field of ['shards', 'epochs', 'tokenBudget', 'maxBatch', 'patience', 'checkpointEverySteps'] as const) {
    check(field, 'a positive integer', natural);
  }
  check('learningRate', 'above 0', (value) => value > 0 && Number.isFinite(value));
  check('clipNorm', 'above 0', (value) => value > 0);
  check('weightDecay', 'at least 0', (value) => value >= 0 && Number.isFinite(value));
  check('seed', 'an integer', Number.isSafeInteger);
  check('tokenDropout', 'in [0, 1)', (value) => value >= 0 && value < 1);
  if (resolved.tokenDropout > 0) check('maskId', 'a token id when tokenDropout is above 0', (value) => value >= 0);
  if (resolved.averageDecay !== undefined) check('averageDecay', 'in (0, 1)', (value) => value > 0 && value < 1);
  if (resolved.workers === 0 && resolved.open === undefined) {
    throw new SlmError('TRAIN_OPTIONS', 'train: workers 0 needs open, got none');
  }
  return resolved;
}

/** Throws `TRAIN_DATA` unless `data` fits the step; `name` (`train`, `validation`) starts the message. */
export function checkData(name: string, data: TrainingData, step: TrainingStep): void {
  const fail = (message: string) => {
    throw new SlmError('TRAIN_DATA', `${name} data: ${message}`);
  };
  const count = data.ids.length;
  if (count === 0) fail('expected at least one example, got none');
  if (data.labels.length !== count) fail(`expected ${count} labels, got ${data.labels.length}`);
  const wrong = data.labels.findIndex((label) => label < 0 || label >= step.labels);
  if (wrong >= 0) fail(`example ${wrong}: expected a label below ${step.labels}, got ${data.labels[wrong]}`);
  const empty = data.ids.findIndex((ids) => ids.length === 0);
  if (empty >= 0) fail(`example ${empty}: expected at least one token, got none`);
  const limit = step.maxPositions ?? Number.POSITIVE_INFINITY;
  const long = data.ids.findIndex((ids) => ids.length > limit);
  if (long >= 0) fail(`example ${long}: expected at most ${limit} tokens, got ${data.ids[long]!.length} (truncate it)`);
  if (name === 'train' && step.loss.kind === 'distillation' && data.teacherLogits?.length !== count * step.labels) {
    fail(
      `expected ${count * step.labels} teacher logits for distillation, got ${data.teacherLogits?.length ?? 'none'}`,
    );
  }
}
