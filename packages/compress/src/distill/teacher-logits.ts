import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, isSlmError, SlmError, type Tensor } from '@slm-compress/onnx';
import { decodeSafetensors, predictLogits, writeSafetensors } from '@slm-compress/trainer';
import { sha256 } from '../sha256.ts';

/** Digests of everything the logits depend on. */
export interface TeacherKey {
  /** Of the teacher, see `modelDigest`. */
  readonly model: string;
  /** Of the texts. */
  readonly data: string;
  readonly tokenizer: string;
}

export interface TeacherOptions {
  /** Folder of the cache; made when absent. */
  readonly cacheDir: string;
  readonly key: TeacherKey;
  /** Token id of padding. 0 by default. */
  readonly padId?: number;
  readonly tokenBudget?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface TeacherLogits {
  /** `[texts, labels]`, in the order of the texts. */
  readonly logits: Float32Array;
  /** Whether they came from the cache. */
  readonly cached: boolean;
  /** The cache entry, a safetensors file with the tensor `logits`. */
  readonly path: string;
}

/**
 * The teacher's logits for the training texts, computed once: a later call with the same key and the same token ids reads
 * the file. An entry that is damaged, or of another shape, is computed again and replaced.
 *
 * @param engine an engine of the teacher, or a function that opens one, called only when the cache has no entry
 * @throws SlmError `DATA_EMPTY` without texts, `DISTILL_NAN` when the teacher gives numbers that are not finite
 */
export async function teacherLogits(
  engine: Pick<Engine, 'run'> | (() => Promise<Engine>),
  ids: readonly Int32Array[],
  options: TeacherOptions,
): Promise<TeacherLogits> {
  if (ids.length === 0) throw new SlmError('DATA_EMPTY', 'teacherLogits: expected texts, got none');
  const digest = keyDigest(options.key, ids);
  const path = join(options.cacheDir, `teacher-logits-${digest}.safetensors`);
  const known = await readEntry(path, digest, ids.length);
  if (known !== undefined) return { logits: known, cached: true, path };
  const logits = await compute(engine, ids, options);
  const broken = logits.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    throw new SlmError(
      'DISTILL_NAN',
      `teacherLogits, text ${Math.floor((broken * ids.length) / logits.length)}: expected finite logits, got ${logits[broken]}`,
    );
  }
  await mkdir(options.cacheDir, { recursive: true });
  const tensor: Tensor = { type: 'float32', dims: [ids.length, logits.length / ids.length], data: logits };
  await writeSafetensors(path, new Map([['logits', tensor]]), { key: digest, sha256: sha256(logits) });
  return { logits, cached: false, path };
}

async function compute(
  engine: Pick<Engine, 'run'> | (() => Promise<Engine>),
  ids: readonly Int32Array[],
  options: TeacherOptions,
): Promise<Float32Array> {
  if (typeof engine !== 'function') return predictLogits(engine, ids, options);
  await using opened = await engine();
  return await predictLogits(opened, ids, options);
}

/** The logits of a sound entry; `undefined` when there is none. */
async function readEntry(path: string, digest: string, texts: number): Promise<Float32Array | undefined> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  try {
    const { tensors, metadata } = decodeSafetensors(new Uint8Array(bytes), path);
    const tensor = tensors.get('logits');
    if (!(tensor?.data instanceof Float32Array) || tensor.dims.length !== 2 || tensor.dims[0] !== texts)
      return undefined;
    return metadata.key === digest && metadata.sha256 === sha256(tensor.data) ? tensor.data : undefined;
  } catch (error) {
    if (isSlmError(error) && error.code === 'SAFETENSORS_CORRUPT') return undefined;
    throw error;
  }
}

function keyDigest(key: TeacherKey, ids: readonly Int32Array[]): string {
  const hash = createHash('sha256').update(JSON.stringify([key.model, key.data, key.tokenizer, ids.length]));
  for (const text of ids) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex');
}
