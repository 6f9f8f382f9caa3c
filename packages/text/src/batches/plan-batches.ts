import { createRng, SlmError } from '@slm-compress/onnx';
import { batchByLength } from '../batches.ts';
import type { BatchJob } from './batch-job.ts';
import type { MaskOptions } from './mask-tokens.ts';
import { type PackedPiece, type PackOptions, planPacking } from './pack.ts';

/** Texts of similar length together, each batch padded to its longest. */
export interface LengthBatching {
  readonly kind: 'length';
  /** Upper bound of (padded length × texts) of a batch. */
  readonly tokenBudget: number;
  /** Upper bound of texts in a batch; none by default. */
  readonly maxBatch?: number;
  /** Lengths are rounded up to a multiple of this; 1 by default. */
  readonly padToMultiple?: number;
  /** Where padding goes; `right` by default. */
  readonly side?: 'left' | 'right';
}

/** Full blocks of several texts, in an order drawn anew each epoch. */
export interface PackBatching extends PackOptions {
  readonly kind: 'pack';
  /** Blocks of a batch; the last of an epoch may have fewer. */
  readonly blocks: number;
}

/** How a training's batches are made. */
export interface BatchRecipe {
  readonly batching: LengthBatching | PackBatching;
  readonly padId: number;
  readonly epochs: number;
  /** Masked-language modelling. */
  readonly mask?: Omit<MaskOptions, 'seed'>;
  /** Seeds order and masks. */
  readonly seed: number;
}

/** The batches of a whole training. */
export interface PlannedBatches {
  readonly job: BatchJob;
  /** Steps of each epoch; the job's batches are those of the first epoch, then of the second, … */
  readonly epochSteps: readonly number[];
}

/**
 * Every batch of a training over examples of these lengths (`storedLengths`), for `batchMaker` and `prefetchBatches`. Epoch e's
 * order comes from (seed, e), the masks of step n from (seed, n), nothing from what was done before: a training that goes
 * on from step n has the batches of one that never stopped. What is learnt of a store with labels (replies only, say) is
 * those labels. Throws SlmError `BATCH_OPTION` as `batchByLength` and `planPacking`, and for epochs or blocks below 1.
 */
export function planBatches(lengths: readonly number[], recipe: BatchRecipe): PlannedBatches {
  const { batching, padId, seed } = recipe;
  const epochs = Array.from({ length: positive('epochs', recipe.epochs) }, (_, epoch) => ({ seed, epoch }));
  const mask = recipe.mask && { mask: { ...recipe.mask, seed } };
  if (batching.kind === 'length') {
    const plans = epochs.map((counter) => epochByLength(lengths, batching, counter));
    const { padToMultiple: toMultiple = 1, side = 'right' } = batching;
    const job: BatchJob = { kind: 'pad', batches: plans.flat(), pad: { padId, toMultiple, side }, ...mask };
    return { job, epochSteps: plans.map((batches) => batches.length) };
  }
  const plans = epochs.map((counter) => epochOfBlocks(lengths, batching, counter));
  const job: BatchJob = { kind: 'pack', batches: plans.flat(), blockLength: batching.blockLength, padId, ...mask };
  return { job, epochSteps: plans.map((batches) => batches.length) };
}

/** What an epoch's order is drawn from. */
export interface EpochCounter {
  readonly seed: number;
  /** From 0. */
  readonly epoch: number;
}

/** One epoch of `batchByLength`. */
export function epochByLength(
  lengths: readonly number[],
  options: Omit<LengthBatching, 'kind' | 'side'>,
  counter: EpochCounter,
): readonly (readonly number[])[] {
  return batchByLength(lengths, { ...options, rng: orderOf(counter) });
}

function epochOfBlocks(
  lengths: readonly number[],
  options: PackBatching,
  counter: EpochCounter,
): (readonly (readonly PackedPiece[])[])[] {
  const size = positive('blocks', options.blocks);
  const rng = orderOf(counter);
  const order = rng.shuffle(lengths.map((_, i) => i));
  const plan = planPacking(
    order.map((example) => lengths[example]!),
    options,
  );
  const blocks = rng.shuffle(
    plan.blocks.map((pieces) => pieces.map((piece) => ({ ...piece, example: order[piece.example]! }))),
  );
  return Array.from({ length: Math.ceil(blocks.length / size) }, (_, i) => blocks.slice(i * size, (i + 1) * size));
}

function orderOf({ seed, epoch }: EpochCounter) {
  return createRng(seed).fork('batches').fork(epoch);
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new SlmError('BATCH_OPTION', `${name}: expected a positive integer, got ${value}`);
}
