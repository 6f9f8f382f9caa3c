import type { Tensor, Tensors } from '@slm-compress/onnx';
import { createRng, int64, scalar } from '@slm-compress/onnx';
import type { Arena, ArenaPlan, Region } from './arena.ts';
import { keepThreshold } from './dropout.ts';
import type { Examples } from './task.ts';
import type { TrainingStep } from './training-step.ts';

/** The feeds of one optimizer step, part by part and shard by shard, without the weights and the dropout masks. */
export interface PreparedStep {
  /** Batches whose gradients are added up, each cut into shards. */
  readonly parts: readonly (readonly PreparedShard[])[];
  /** Tokens that are not padding. */
  readonly tokens: number;
}

interface PreparedShard {
  readonly tensors: Tensors;
  /** Number of the shard in the step. */
  readonly index: number;
}

/** Bytes of dropout masks that a batch of `tokens` padded tokens needs, in `shards` shards. */
export function maskBytes(step: TrainingStep, tokens: number, shards: number): number {
  // Each site of each shard starts on 16 bytes; a batch has at most as many examples as tokens.
  const slack = 16 * shards * step.sites.length;
  return step.sites.reduce((sum, site) => sum + tokens * (site.dims.at(-1) as number), slack);
}

/** Reserves mask memory for two batches: one being run, one being prepared. */
export function reserveMasks(plan: ArenaPlan, bytes: number): readonly [Region, Region] {
  return [plan.reserve(bytes, 1), plan.reserve(bytes, 1)];
}

/** Cuts `batch` into at most `shards` runs of neighbours whose sizes differ by at most one. */
export function cutShards(batch: readonly number[], shards: number): readonly (readonly number[])[] {
  const parts = Math.min(shards, batch.length);
  return Array.from({ length: parts }, (_, part) =>
    batch.slice(Math.floor((part * batch.length) / parts), Math.floor(((part + 1) * batch.length) / parts)),
  );
}

export interface FeedOptions {
  readonly step: TrainingStep;
  readonly examples: Examples;
  readonly shards: number;
  readonly seed: number;
  readonly arena: Arena;
  readonly masks: readonly [Region, Region];
}

/** Makes the feeds of steps. */
export interface StepFeeds {
  /** Every shard is as the examples make it for itself, padded to its own longest text. */
  prepare(batches: readonly (readonly number[])[], step: number): PreparedStep;
  /** The shards of one part with their dropout masks; these last until the part after the next is asked for. */
  withMasks(shards: readonly PreparedShard[], step: number): readonly Tensors[];
}

/**
 * Feeds of steps. Dropout masks depend on seed, step, shard, site and element alone, so that a resumed training draws
 * those of an uninterrupted one.
 */
export function createFeeds(options: FeedOptions): StepFeeds {
  const { step: graph, examples, shards, seed, arena, masks } = options;
  const dropoutRng = createRng(seed).fork('dropout');
  const threshold = keepThreshold(graph.dropout);
  let turn = 0;
  return {
    prepare(batches, step) {
      let index = 0;
      const made = batches.map((batch) =>
        cutShards(batch, shards).map((shard) => {
          const draw = { seed, step, shard: index++ };
          return { ...examples.feeds(shard, draw), index: draw.shard };
        }),
      );
      const every = made.flat();
      const scale = scalar(1 / every.reduce((sum, { weight }) => sum + weight, 0));
      const parts = made.map((part) =>
        part.map(({ tensors, index: number }) => {
          const fed: Record<string, Tensor> = { ...tensors, loss_scale: scale };
          if (graph.countsPositions) fed.position_ids = count(sizesOf(tensors).sequence);
          return { tensors: fed, index: number };
        }),
      );
      return { parts, tokens: every.reduce((sum, { tokens }) => sum + tokens, 0) };
    },
    withMasks(part, step) {
      const region = masks[turn++ % 2]!;
      const stepRng = dropoutRng.fork(step);
      let offset = region.offset;
      const mask = (dims: readonly number[], key: number): Tensor => {
        const bytes = dims.reduce((product, dim) => product * dim, 1);
        arena.kernels.dropoutMask(offset, bytes, key, threshold);
        const view = new Uint8Array(arena.buffer, offset, bytes);
        offset += Math.ceil(bytes / 16) * 16;
        return { type: 'uint8', dims, data: view as unknown as Uint8Array };
      };
      return part.map(({ tensors, index }) => {
        const { batch, sequence } = sizesOf(tensors);
        const shardRng = stepRng.fork(index);
        const drawn = graph.sites.map((site, siteIndex) => {
          const dims = site.dims.map((dim) =>
            dim === 'batch' ? batch : dim === 'sequence' ? sequence : (dim as number),
          );
          return [site.input, mask(dims, shardRng.fork(siteIndex).integer(2 ** 32) | 0)] as const;
        });
        return { ...tensors, ...Object.fromEntries(drawn) };
      });
    },
  };
}

/** What `batch` and `sequence` stand for in the shapes of a shard. */
function sizesOf(tensors: Tensors): { readonly batch: number; readonly sequence: number } {
  const [batch = 1, sequence = 1] = tensors.input_ids?.dims ?? [];
  return { batch, sequence };
}

function count(length: number): Tensor {
  return int64(Array.from({ length }, (_, at) => at));
}
