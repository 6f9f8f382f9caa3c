import type { Rng, Tensor, Tensors } from '@slm-compress/onnx';
import { createRng, float32, int64, scalar } from '@slm-compress/onnx';
import { padBatch } from '@slm-compress/text';
import type { Arena, ArenaPlan, Region } from './arena.ts';
import { keepThreshold } from './dropout.ts';
import { targetDistributions } from './loss.ts';
import type { TrainingData } from './train-options.ts';
import type { TrainingStep } from './training-step.ts';

/** The feeds of one batch, shard by shard, without the weights. */
export interface PreparedBatch {
  readonly shards: readonly Tensors[];
  /** Tokens that are not padding. */
  readonly tokens: number;
}

/** Bytes of dropout masks that a batch of `rows` padded tokens and `examples` examples needs, in `shards` shards. */
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
  readonly data: TrainingData;
  readonly shards: number;
  readonly padId: number;
  /** Share of the inner tokens replaced by `maskId`. */
  readonly tokenDropout: number;
  readonly maskId: number;
  readonly seed: number;
  readonly arena: Arena;
  readonly masks: readonly [Region, Region];
}

/**
 * Makes the feeds of batches. Every shard is padded to its own longest example. Dropout masks depend on seed, step,
 * shard, site and element alone, and dropped tokens on seed, step and shard, so that a resumed training draws those of
 * an uninterrupted one.
 */
export function createFeeds(options: FeedOptions): (batch: readonly number[], stepIndex: number) => PreparedBatch {
  const { step, data, shards, padId, tokenDropout, maskId, seed, arena, masks } = options;
  const dropoutRng = createRng(seed).fork('dropout');
  const tokenRng = createRng(seed).fork('token-dropout');
  const threshold = keepThreshold(step.dropout);
  return (batch, stepIndex) => {
    const region = masks[stepIndex % 2]!;
    const stepRng = dropoutRng.fork(stepIndex);
    let maskOffset = region.offset;
    let tokens = 0;
    const mask = (dims: readonly number[], key: number): Tensor => {
      const count = dims.reduce((product, dim) => product * dim, 1);
      arena.kernels.dropoutMask(maskOffset, count, key, threshold);
      const view = new Uint8Array(arena.buffer, maskOffset, count);
      maskOffset += Math.ceil(count / 16) * 16;
      return { type: 'uint8', dims, data: view as unknown as Uint8Array };
    };
    const feeds = cutShards(batch, shards).map((shard, shardIndex) => {
      const ids = shard.map((index) => data.ids[index]!);
      const rng = tokenRng.fork(stepIndex).fork(shardIndex);
      const padded = padBatch(tokenDropout > 0 ? ids.map((row) => dropTokens(row, tokenDropout, maskId, rng)) : ids, {
        padId,
      });
      tokens += padded.tokens;
      const [count, length] = padded.inputIds.dims as [number, number];
      const labels = shard.map((index) => data.labels[index]!);
      const made: Record<string, Tensor> = {
        input_ids: padded.inputIds,
        attention_mask: padded.attentionMask,
        targets: float32(targetDistributions(labels, step.labels, step.loss), [count, step.labels]),
        loss_scale: scalar(1 / batch.length),
      };
      if (step.maxPositions !== undefined) made.position_ids = int64(Array.from({ length }, (_, at) => at));
      if (step.loss.kind === 'distillation') made.teacher_logits = teacherRows(data.teacherLogits!, shard, step.labels);
      const shardRng = stepRng.fork(shardIndex);
      for (const [siteIndex, site] of step.sites.entries()) {
        const dims = site.dims.map((dim) => (dim === 'batch' ? count : dim === 'sequence' ? length : (dim as number)));
        made[site.input] = mask(dims, shardRng.fork(siteIndex).integer(2 ** 32) | 0);
      }
      return made;
    });
    return { shards: feeds, tokens };
  };
}

/** A copy of `ids` with a share of the tokens between the first and the last replaced by `maskId`. */
function dropTokens(ids: Int32Array, share: number, maskId: number, rng: Rng): Int32Array {
  return ids.map((id, at) => (at > 0 && at < ids.length - 1 && rng.uniform() < share ? maskId : id));
}

function teacherRows(logits: Float32Array, shard: readonly number[], classes: number): Tensor {
  const rows = new Float32Array(shard.length * classes);
  for (const [row, index] of shard.entries()) {
    rows.set(logits.subarray(index * classes, (index + 1) * classes), row * classes);
  }
  return float32(rows, [shard.length, classes]);
}
