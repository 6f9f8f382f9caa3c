import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
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

/** The checkpoint files of a folder, the newest first. */
async function checkpointFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((name) => /^checkpoint-\d+\.safetensors$/.test(name));
  return files.sort((a, b) => stepOf(b) - stepOf(a)).map((name) => join(folder, name));
}

function stepOf(name: string): number {
  return Number(/checkpoint-(\d+)\./.exec(name)![1]);
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

/**
 * Writes `checkpoint-STEP.safetensors` by way of a temporary file, then removes all but the newest `keep`; returns its path.
 * Throws `CHECKPOINT_WRITE` when the file cannot be written (a full disk); earlier checkpoints are then as they were.
 */
export async function writeCheckpoint(
  folder: string,
  digest: string,
  progress: TrainProgress,
  tensors: TrainTensors,
  keep = 1,
): Promise<string> {
  const path = join(folder, `checkpoint-${String(progress.step).padStart(7, '0')}.safetensors`);
  const copies = new Map<string, Tensor>();
  for (const [name, data] of Object.entries(tensors)) copies.set(name, float32(Float32Array.from(data)));
  const checksum = checksumOf(copies);
  try {
    await mkdir(folder, { recursive: true });
    await writeSafetensors(path, copies, { [KEY]: JSON.stringify({ format: FORMAT, digest, checksum, progress }) });
  } catch (cause) {
    throw new SlmError(
      'CHECKPOINT_WRITE',
      `${path}: expected to write a checkpoint, got ${(cause as Error).message} (free some space; the last checkpoint is intact)`,
      { cause },
    );
  }
  const files = await checkpointFiles(folder);
  const others = files.filter((file) => file !== path);
  // Of another training's leftovers the ones with a higher step go first.
  const older = others.filter((file) => stepOf(file) < progress.step);
  const stale = [...others.filter((file) => stepOf(file) > progress.step), ...older.slice(keep - 1)];
  for (const file of stale) await rm(file, { force: true });
  return path;
}

/**
 * Reads the newest checkpoint of a folder, whose tensors have the names and sizes of `shape`; `undefined` when there is none.
 * A damaged one is passed over when an older one is there. Throws `CHECKPOINT_CORRUPT` when all are damaged and
 * `CHECKPOINT_MISMATCH` for that of another training.
 */
export async function readCheckpoint(
  folder: string,
  digest: string,
  shape: TrainTensors,
): Promise<{ progress: TrainProgress; tensors: TrainTensors } | undefined> {
  let damage: SlmError | undefined;
  for (const path of await checkpointFiles(folder)) {
    try {
      return await readOne(path, digest, shape);
    } catch (error) {
      if (!isSlmError(error) || error.code !== 'CHECKPOINT_CORRUPT') throw error;
      damage ??= error;
    }
  }
  if (damage) throw damage;
  return undefined;
}

async function readOne(
  path: string,
  digest: string,
  shape: TrainTensors,
): Promise<{ progress: TrainProgress; tensors: TrainTensors }> {
  const corrupt = (message: string, cause?: unknown) =>
    new SlmError('CHECKPOINT_CORRUPT', `${path}: ${message} (delete it to start from the beginning)`, { cause });
  let file: Awaited<ReturnType<typeof readSafetensors>>;
  try {
    file = await readSafetensors(path);
  } catch (error) {
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
