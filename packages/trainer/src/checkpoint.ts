import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '@slm-compress/onnx';
import { float32, isSlmError, SlmError } from '@slm-compress/onnx';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { bytesOf } from './tasks/sequences.ts';
import type { ResolvedOptions, ValidationRecord } from './train-options.ts';
import type { TrainingStep } from './training-step.ts';

/** Where a training stands, beside its tensors. */
export interface TrainProgress {
  /** Steps done. */
  readonly step: number;
  readonly history: readonly ValidationRecord[];
  /** Sum of the losses of the steps since the last validation. */
  readonly lossSum: number;
}

/** The flat tensors of a training by name; `best` is absent before the first validation. */
export type TrainTensors = Readonly<Record<string, Float32Array>>;

const FORMAT = 2;
const KEY = 'slm_compress_checkpoint';

/** The checkpoint file of a folder. */
export function checkpointPath(folder: string): string {
  return join(folder, 'checkpoint.safetensors');
}

/**
 * SHA-256 of all that determines a training's result: options, task with its data, and initial weights. The number of workers, the
 * folder and the checkpoint interval are not part of it.
 */
export function trainingDigest(options: ResolvedOptions, step: TrainingStep): string {
  const hash = createHash('sha256');
  const { shards, accumulate, epochs, maxSteps, validateEverySteps, tokenBudget, maxBatch } = options;
  const { learningRate, schedule, warmup, optimizer, weightDecay, parameterRules, layerDecay, averageDecay } = options;
  const { clipNorm, seed, dropout, patience } = options;
  const sizes = { shards, accumulate, epochs, maxSteps, validateEverySteps, tokenBudget, maxBatch };
  const rates = { learningRate, schedule, warmup, optimizer, weightDecay, parameterRules, layerDecay, averageDecay };
  hash.update(JSON.stringify({ ...sizes, ...rates, clipNorm: String(clipNorm), seed, dropout, patience }));
  options.task.hash((data) => hash.update(data));
  hash.update(JSON.stringify(step.parameters));
  hash.update(JSON.stringify(step.model.graph.nodes.map((node) => [node.opType, node.inputs, node.outputs])));
  for (const [name, { type, data }] of options.model.graph.initializers) {
    if (type === 'float32') hash.update(name).update(bytesOf(data as Float32Array));
  }
  return hash.digest('hex');
}

/** Writes a checkpoint by way of a temporary file; returns its path. */
export async function writeCheckpoint(
  folder: string,
  digest: string,
  progress: TrainProgress,
  tensors: TrainTensors,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const copies = new Map<string, Tensor>();
  for (const [name, data] of Object.entries(tensors) as [string, Float32Array][]) {
    copies.set(name, float32(Float32Array.from(data)));
  }
  const checksum = checksumOf(copies);
  const path = checkpointPath(folder);
  await writeSafetensors(path, copies, { [KEY]: JSON.stringify({ format: FORMAT, digest, checksum, progress }) });
  return path;
}

/**
 * Reads the checkpoint of a folder, whose tensors have the names and sizes of `shape`; `undefined` when there is none. Throws `CHECKPOINT_CORRUPT` for a damaged file and
 * `CHECKPOINT_MISMATCH` for that of another training.
 */
export async function readCheckpoint(
  folder: string,
  digest: string,
  shape: TrainTensors,
): Promise<{ progress: TrainProgress; tensors: TrainTensors } | undefined> {
  const path = checkpointPath(folder);
  const corrupt = (message: string, cause?: unknown) =>
    new SlmError('CHECKPOINT_CORRUPT', `${path}: ${message} (delete it to start from the beginning)`, { cause });
  let file: Awaited<ReturnType<typeof readSafetensors>>;
  try {
    file = await readSafetensors(path);
  } catch (error) {
    if (isSlmError(error) && error.code === 'FILE_NOT_FOUND') return undefined;
    if (isSlmError(error)) throw corrupt(`expected a checkpoint, got a damaged file: ${error.message}`, error);
    throw error;
  }
  let header: { format: number; digest: string; checksum: string; progress: TrainProgress };
  try {
    header = JSON.parse(file.metadata[KEY] ?? 'null');
  } catch (error) {
    throw corrupt('expected JSON metadata, got something else', error);
  }
  if (header?.format !== FORMAT) throw corrupt(`expected checkpoint format ${FORMAT}, got ${header?.format}`);
  if (checksumOf(file.tensors) !== header.checksum)
    throw corrupt('expected tensors of the recorded checksum, got others');
  if (header.digest !== digest) {
    throw new SlmError(
      'CHECKPOINT_MISMATCH',
      `${path}: expected a checkpoint of this training, got one of another model, data or options ` +
        '(use another folder, or delete it)',
    );
  }
  const tensors: Record<string, Float32Array> = {};
  for (const name of [...Object.keys(shape), ...(file.tensors.has('best') ? ['best'] : [])]) {
    const tensor = file.tensors.get(name);
    const length = shape.weights!.length;
    if (tensor?.type !== 'float32' || tensor.data.length !== length) throw corrupt(`expected ${length} floats ${name}`);
    tensors[name] = tensor.data as Float32Array;
  }
  return { progress: header.progress, tensors };
}

function checksumOf(tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash('sha256');
  for (const [name, tensor] of tensors) hash.update(`${name}\n`).update(bytesOf(tensor.data as Float32Array));
  return hash.digest('hex');
}
