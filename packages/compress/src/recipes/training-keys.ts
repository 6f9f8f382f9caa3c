import { z } from 'zod';

const count = z.number().int().positive();
const pattern = z.string().min(1);

const parameterRule = z
  .strictObject({
    /** Names of parameters; `*` stands for any characters. */
    match: pattern,
    frozen: z.boolean().optional(),
    learningRateScale: z.number().min(0).optional(),
    weightDecay: z.number().min(0).max(1).optional(),
  })
  .refine((rule) => Object.keys(rule).length > 1, {
    message: 'expected frozen, learningRateScale or weightDecay beside match',
  });

/** A low-rank update that is trained instead of the matrices, and added to them at the end. */
const lora = z.strictObject({
  rank: count.max(1024).default(8),
  /** The update is multiplied by alpha / rank; `rank` by default. */
  alpha: z.number().gt(0).optional(),
  /** Names of the matrices; all linear layers by default. */
  match: z.array(pattern).min(1).optional(),
});

/**
 * Keys of a training that have no default, so that what leaves them out keeps its key and its bytes. What is absent is as in
 * `TrainOptions` of the trainer.
 */
export const trainingKeys = {
  optimizer: z.enum(['adamw', 'adam', 'sgd']).optional(),
  /** Batches whose gradients make one step. */
  accumulate: count.optional(),
  /** Stops after this many steps, where the schedule then ends. */
  maxSteps: count.optional(),
  /** Validates after every so many steps instead of every epoch. */
  validateEverySteps: count.optional(),
  /** Stops after this many validations without a better one. */
  patience: count.optional(),
  /** Decay of a moving average of the weights, which is validated and kept instead of them. */
  averageDecay: z.number().gt(0).lt(1).optional(),
  /** Every layer learns this much slower than the one above it. */
  layerDecay: z.number().gt(0).max(1).optional(),
  parameterRules: z.array(parameterRule).min(1).optional(),
  lora: lora.optional(),
} as const;

/** `balanced`, or the weights of classes by label; a label that is not named weighs 1. */
export const classWeights = z.union(
  [z.literal('balanced'), z.record(z.string(), z.number().gt(0))],
  'expected "balanced" or weights by label ({ spam: 2 })',
);
