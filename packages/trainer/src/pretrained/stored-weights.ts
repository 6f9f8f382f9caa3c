import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { float32, SlmError, type Tensor, toNumbers } from '@slm-compress/onnx';
import { readSafetensors } from '../safetensors.ts';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * The weights of a Hugging Face model folder by stored name, from `model.safetensors` or from the shards that
 * `model.safetensors.index.json` lists; float16 and bfloat16 are widened to float32.
 *
 * Throws `PRETRAINED_FORMAT` for a folder without safetensors or an index that lies, `FILE_NOT_FOUND` for a missing
 * shard, `SAFETENSORS_CORRUPT`.
 */
export async function readStoredWeights(folder: string): Promise<ReadonlyMap<string, Tensor>> {
  const present = new Set(await readdir(folder).catch(() => []));
  if (present.has(SINGLE)) return widened((await readSafetensors(join(folder, SINGLE))).tensors);
  if (present.has(INDEX)) return widened(await readShards(folder));
  const pickle = [...present].find((name) => /^pytorch_model.*\.bin$/.test(name));
  const got = pickle ?? 'no weights';
  const hint = pickle ? 'a pickle can run code when it is read; save it as safetensors' : 'check the path';
  throw new SlmError('PRETRAINED_FORMAT', `${folder}: expected ${SINGLE} or ${INDEX}, got ${got} (${hint})`);
}

async function readShards(folder: string): Promise<ReadonlyMap<string, Tensor>> {
  const path = join(folder, INDEX);
  const fail = (message: string): never => {
    throw new SlmError('PRETRAINED_FORMAT', `${path}: ${message}`);
  };
  let index: { readonly weight_map?: unknown } | null = null;
  try {
    index = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    fail('expected JSON, got something else');
  }
  const map = index?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) fail('expected weight_map to be an object');
  const byShard = new Map<string, string[]>();
  for (const [name, shard] of Object.entries(map as Record<string, unknown>)) {
    if (typeof shard !== 'string' || !/^[\w.-]+\.safetensors$/.test(shard)) {
      fail(`expected "${name}" in a .safetensors file of the folder, got ${JSON.stringify(shard)}`);
    }
    byShard.set(shard as string, [...(byShard.get(shard as string) ?? []), name]);
  }
  const weights = new Map<string, Tensor>();
  for (const [shard, names] of byShard) {
    const { tensors } = await readSafetensors(join(folder, shard));
    for (const name of names) {
      weights.set(name, tensors.get(name) ?? fail(`expected "${name}" in ${shard}, got no such tensor`));
    }
  }
  return weights;
}

function widened(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const half = tensor.type === 'float16' || tensor.type === 'bfloat16';
      return [name, half ? float32(Float32Array.from(toNumbers(tensor)), tensor.dims) : tensor];
    }),
  );
}
