import { z } from 'zod';
import { type DataOptions, dataSchema } from './data-schema.ts';
import { classWeights, trainingKeys } from './training-keys.ts';

const fraction = z.number().min(0).max(1);
const keptFraction = z.number().gt(0).max(1);
const count = z.number().int().positive();
const rowName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected lower-case letters, digits, ".", "_" or "-", because it names a folder');

/** A folder, from the recipe's; the slash tells it from the name of a stage. */
const folderPath = z.string().regex(/[\\/]/, 'expected the path of a folder, with a slash ("./name")');

/** A trained vocabulary, or with `from` the one of a folder in any form that `loadTokenizer` reads. */
export const tokenizerSchema = z
  .strictObject({
    from: folderPath.optional(),
    kind: z.literal('wordpiece').optional(),
    vocabSize: z.number().int().min(100).max(200_000).optional(),
    /** Tokens a text is cut to, special tokens included. */
    maxLength: z.number().int().min(8).max(4096).default(128),
    lowercase: z.boolean().optional(),
    minFrequency: count.optional(),
  })
  .transform(({ from, ...trained }, context) => {
    const { maxLength, ...others } = trained;
    if (from === undefined)
      return { ...trained, kind: trained.kind ?? 'wordpiece', vocabSize: trained.vocabSize ?? 4096 };
    for (const key of Object.keys(others)) {
      const message = 'expected no such key beside "from", whose vocabulary is taken as it is';
      context.issues.push({ code: 'custom', path: [key], message, input: key });
    }
    return { from, maxLength };
  });

/** Shape of a BERT encoder with a classification head. */
export const architectureSchema = z
  .strictObject({
    layers: z.number().int().min(1).max(48),
    hiddenSize: z.number().int().min(4).max(4096),
    heads: z.number().int().min(1).max(64),
    intermediateSize: z.number().int().min(4).max(16_384),
    pooling: z.enum(['mean', 'cls']).default('mean'),
  })
  .refine((architecture) => architecture.hiddenSize % architecture.heads === 0, {
    message: 'expected hiddenSize to be a multiple of heads',
    path: ['heads'],
  });

const learningRate = z.number().gt(0).max(1);

const optimization = {
  epochs: z.number().int().min(1).max(1000).default(4),
  learningRate: learningRate.default(5e-4),
  schedule: z.enum(['linear', 'cosine', 'constant']).default('linear'),
  /** Share of the steps in which the learning rate rises from 0. */
  warmup: fraction.default(0.1),
  weightDecay: z.number().min(0).max(1).default(0.01),
  /** Largest norm of the whole gradient. */
  clipNorm: z.number().gt(0).default(1),
  dropout: z.number().min(0).lt(1).default(0.1),
  /** Share of the training tokens replaced by [MASK], drawn anew at every step. */
  tokenDropout: z.number().min(0).lt(1).default(0),
  /** Padded tokens of one batch. */
  tokenBudget: count.default(4096),
  checkpointEverySteps: count.default(50),
  ...trainingKeys,
} as const;

const softTargets = {
  temperature: z.number().gt(0).max(100).default(2),
  /** Weight of the true labels; the teacher's probabilities weigh the rest. */
  hardWeight: fraction.default(0.5),
} as const;

/** What a model starts as: new, or with the weights of an earlier stage or of a folder. */
const start = {
  architecture: architectureSchema.optional(),
  from: z
    .union([rowName, folderPath], 'expected the name of an earlier stage or the path of a folder ("./name")')
    .optional(),
  /** With `from`: what the classifier reads. */
  pooling: z.enum(['mean', 'cls']).optional(),
  /** 5e-4 for new weights, 5e-5 with `from`. */
  learningRate: learningRate.optional(),
} as const;

interface Start {
  readonly architecture?: unknown;
  readonly from?: string | undefined;
  readonly pooling?: unknown;
  readonly learningRate?: number | undefined;
}

function withRate<T extends Start>(options: T): T & { learningRate: number } {
  return { ...options, learningRate: options.learningRate ?? (options.from === undefined ? 5e-4 : 5e-5) };
}

const startsOnce = (options: Start) => (options.architecture === undefined) !== (options.from === undefined);
const poolsOnce = (options: Start) => options.pooling === undefined || options.from !== undefined;
const startsOnceError = {
  message: 'expected either architecture (new weights) or from (those of a stage or a folder)',
};
const poolsOnceError = { message: 'expected pooling inside architecture, where the model is new', path: ['pooling'] };

export const trainSchema = z
  .strictObject({
    ...optimization,
    ...start,
    labelSmoothing: z.number().min(0).lt(1).default(0),
    classWeights: classWeights.optional(),
  })
  .refine(startsOnce, startsOnceError)
  .refine(poolsOnce, poolsOnceError)
  .transform(withRate);

export const distillSchema = z
  .strictObject({ teacher: rowName, ...optimization, ...start, ...softTargets })
  .refine(startsOnce, startsOnceError)
  .refine(poolsOnce, poolsOnceError)
  .transform(withRate);

/** Training that follows pruning: with a teacher by distillation, without one on the labels. */
export const recoverySchema = z.strictObject({ teacher: rowName.optional(), ...optimization, ...softTargets });

export const pruneSchema = z
  .strictObject({
    from: rowName,
    /** Fraction of the attention heads that stays. */
    heads: keptFraction.optional(),
    /** Fraction of the feed-forward neurons that stays. */
    intermediate: keptFraction.optional(),
    /** Unstructured instead: fraction of the weights that becomes zero. */
    sparsity: z.number().gt(0).lt(1).optional(),
    scope: z.enum(['global', 'layer']).default('global'),
    /** Training examples on which importance is measured. */
    samples: count.default(512),
    recovery: recoverySchema.optional(),
  })
  .refine(
    (prune) => (prune.sparsity === undefined) !== (prune.heads === undefined && prune.intermediate === undefined),
    {
      message: 'expected either heads and/or intermediate (structured) or sparsity (unstructured)',
    },
  )
  .refine((prune) => prune.sparsity === undefined || prune.recovery === undefined, {
    message: 'expected no recovery with sparsity, since training would fill the zeros again',
    path: ['recovery'],
  });

export const calibrationSchema = z.strictObject({
  method: z.enum(['minmax', 'percentile']).default('percentile'),
  /** Percentile at which each tail of the values is cut; for `percentile`. */
  percentile: z.number().gt(50).max(100).default(99.999),
  samples: count.default(256),
});

export const quantizeSchema = z.strictObject({
  from: rowName,
  calibration: calibrationSchema.prefault({}),
});

export const stageSchema = z
  .strictObject({
    name: rowName,
    train: trainSchema.optional(),
    distill: distillSchema.optional(),
    prune: pruneSchema.optional(),
    quantize: quantizeSchema.optional(),
  })
  .refine((stage) => [stage.train, stage.distill, stage.prune, stage.quantize].filter(Boolean).length === 1, {
    message: 'expected exactly one of train, distill, prune, quantize',
  });

/** What the final model must reach; a gate that is not met makes `run` end with exit code 3. */
export const gatesSchema = z.strictObject({
  /** Largest loss of accuracy against the reference, as a fraction (0.01 is one point). */
  maxDrop: fraction.optional(),
  minAccuracy: fraction.optional(),
  /** How many times faster than the reference (`latencyMs` p50) it is at least. */
  minSpeedup: z.number().gt(0).optional(),
  /** How many times smaller than the reference its file is at least. */
  minCompression: z.number().gt(0).optional(),
  maxBytes: count.optional(),
});

export const reportSchema = z.strictObject({
  /** The row the others are compared with; the first stage by default. */
  reference: rowName.optional(),
  /** The row the gates apply to; the last stage by default. */
  final: rowName.optional(),
  gates: gatesSchema.default({}),
});

const seed = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1)
  .default(42);

/** What a recipe says about data; other keys are not looked at. */
export const dataRecipeSchema = z.object({ seed, data: dataSchema });

export const recipeSchema = z.strictObject({
  name: rowName,
  seed,
  data: dataSchema,
  tokenizer: tokenizerSchema.prefault({}),
  stages: z.array(stageSchema).min(1),
  report: reportSchema.prefault({}),
});

export type TokenizerOptions = z.output<typeof tokenizerSchema>;
export type Architecture = z.output<typeof architectureSchema>;
export type TrainStageOptions = z.output<typeof trainSchema>;
export type DistillStageOptions = z.output<typeof distillSchema>;
export type RecoveryOptions = z.output<typeof recoverySchema>;
export type PruneStageOptions = z.output<typeof pruneSchema>;
export type QuantizeStageOptions = z.output<typeof quantizeSchema>;
export type Gates = z.output<typeof gatesSchema>;

/** One model-making stage, a union on `kind`. */
export type Stage =
  | { readonly name: string; readonly kind: 'train'; readonly options: TrainStageOptions }
  | { readonly name: string; readonly kind: 'distill'; readonly options: DistillStageOptions }
  | { readonly name: string; readonly kind: 'prune'; readonly options: PruneStageOptions }
  | { readonly name: string; readonly kind: 'quantize'; readonly options: QuantizeStageOptions };

/** A whole recipe with its defaults filled in. */
export interface Recipe {
  readonly name: string;
  readonly seed: number;
  readonly data: DataOptions;
  readonly tokenizer: TokenizerOptions;
  readonly stages: readonly Stage[];
  readonly report: { readonly reference: string; readonly final: string; readonly gates: Gates };
}

/** Names that a stage cannot take, because a run keeps other things in folders of these names. */
export const reservedNames: ReadonlySet<string> = new Set(['data', 'tokenizer', 'naive-bayes', 'report', 'logs']);

/** Rows whose models a stage starts from or learns from, in the order in which they are named. */
export function parentsOf(stage: Stage): readonly string[] {
  return namedBy(stage).filter((name) => !isFolderPath(name));
}

/** The folder that a stage starts from, if it is not another row. */
export function startFolderOf(stage: Stage): string | undefined {
  return namedBy(stage).find(isFolderPath);
}

function namedBy(stage: Stage): readonly string[] {
  switch (stage.kind) {
    case 'train':
      return [stage.options.from].filter((name) => name !== undefined);
    case 'distill':
      return [stage.options.from, stage.options.teacher].filter((name) => name !== undefined);
    case 'prune': {
      const teacher = stage.options.recovery?.teacher;
      return teacher === undefined ? [stage.options.from] : [stage.options.from, teacher];
    }
    case 'quantize':
      return [stage.options.from];
  }
}

function isFolderPath(name: string): boolean {
  return /[\\/]/.test(name);
}
