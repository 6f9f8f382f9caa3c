import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor, Tensors } from '@slm-compress/onnx';
import { SlmError } from '@slm-compress/onnx';
import { writeSafetensors } from './safetensors.ts';

/** Steps over which an exploding loss is told from a single bad batch. */
const WINDOW = 8;
/** An average this many times the first loss is an explosion. */
const FACTOR = 50;

/**
 * Watches the losses of a training: says why a step shows that it has diverged, `undefined` while all is well. It has when loss
 * or gradient are not finite, and when the mean of the last 8 losses is 50 times the first loss or more.
 */
export function watchDivergence(): (loss: number, gradientNorm: number) => string | undefined {
  const recent: number[] = [];
  let first: number | undefined;
  return (loss, gradientNorm) => {
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      return `expected a finite loss and gradient, got loss ${loss}, norm ${gradientNorm}`;
    }
    first ??= Math.max(loss, 1e-3);
    recent.push(loss);
    if (recent.length > WINDOW) recent.shift();
    const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
    if (recent.length < WINDOW || mean < FACTOR * first) return undefined;
    return `expected a loss near ${first.toFixed(3)}, got ${mean.toFixed(3)} on average of the last ${WINDOW} steps`;
  };
}

/** The batches of the step that diverged. */
export interface DivergedStep {
  /** Counted from 1. */
  readonly step: number;
  readonly reason: string;
  /** Numbers of the examples, batch by batch. */
  readonly examples: readonly (readonly number[])[];
  /** The feeds of every shard, without weights. */
  readonly shards: readonly Tensors[];
}

/**
 * The error that ends a training that diverged. With a folder, the batch is saved there first, as
 * `diverged-STEP.safetensors`: tensors `shard.N/INPUT`, and step, reason and examples in the metadata.
 */
export async function divergence(diverged: DivergedStep, folder: string | undefined): Promise<SlmError> {
  const { step, reason, examples, shards } = diverged;
  let saved = '';
  if (folder !== undefined) {
    const path = join(folder, `diverged-${step}.safetensors`);
    const tensors = new Map<string, Tensor>();
    for (const [index, shard] of shards.entries()) {
      for (const [name, tensor] of Object.entries(shard)) tensors.set(`shard.${index}/${name}`, tensor);
    }
    try {
      await mkdir(folder, { recursive: true });
      await writeSafetensors(path, tensors, { step: String(step), reason, examples: JSON.stringify(examples) });
      saved = `; its batch is in ${path}`;
    } catch (error) {
      saved = `; its batch could not be saved: ${(error as Error).message}`;
    }
  }
  const hint = `(lower the learning rate or clipNorm, lengthen warmup${saved})`;
  return new SlmError('TRAINING_DIVERGED', `train, step ${step}: ${reason} ${hint}`);
}
