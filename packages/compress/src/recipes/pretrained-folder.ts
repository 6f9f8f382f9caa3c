import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { digestOf } from './keys.ts';
import { artefactDigest, readStageManifest } from './lineage.ts';
import type { Architecture, Recipe } from './schema.ts';
import { startFolderOf } from './schema.ts';
import { fileDigest } from './source.ts';

/** A folder that training starts from. */
export interface PretrainedFolder {
  /** Of all its files that count: configuration, weights, tokenizer. */
  readonly digest: string;
  /** Of its encoder, as far as `config.json` says. */
  readonly shape?: Pick<Architecture, 'layers' | 'hiddenSize' | 'intermediateSize'>;
}

const counted =
  /^(config\.json|.*\.safetensors|.*\.safetensors\.index\.json|tokenizer[^/]*\.\w+|vocab\..*|merges\.txt|special_tokens_map\.json|added_tokens\.json|.*\.model|1_Pooling\/config\.json)$/;

/**
 * The folders that a recipe's tokenizer and stages start from, by the paths as they stand in it.
 * Throws `FILE_NOT_FOUND` for one that is not there.
 */
export async function pretrainedFolders(
  recipe: Pick<Recipe, 'tokenizer' | 'stages'>,
  baseDir: string,
): Promise<Readonly<Record<string, PretrainedFolder>>> {
  const paths = recipe.stages.flatMap((stage) => startFolderOf(stage) ?? []);
  if ('from' in recipe.tokenizer) paths.push(recipe.tokenizer.from);
  const found: Record<string, PretrainedFolder> = {};
  for (const path of new Set(paths)) found[path] = await describePretrained(resolve(baseDir, path));
  return found;
}

/** Digest and shape of a Hugging Face folder, or of a model folder of ours. Throws `FILE_NOT_FOUND` when it is not there. */
export async function describePretrained(folder: string): Promise<PretrainedFolder> {
  const shape = await shapeOf(folder);
  const manifest = await readStageManifest(folder).catch(() => undefined);
  if (manifest !== undefined) return { digest: artefactDigest(manifest), ...(shape && { shape }) };
  const digests: Record<string, string> = {};
  for (const name of await fileNames(folder)) digests[name] = await fileDigest(join(folder, name));
  return { digest: digestOf(digests), ...(shape && { shape }) };
}

async function fileNames(folder: string): Promise<readonly string[]> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new SlmError(
      'FILE_NOT_FOUND',
      `${folder}: expected the folder of a model or tokenizer, got none (check "from")`,
    );
  }
  const names = await readdir(folder);
  if (names.includes('1_Pooling')) names.push('1_Pooling/config.json');
  return names.filter((name) => counted.test(name)).sort();
}

async function shapeOf(folder: string): Promise<PretrainedFolder['shape']> {
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => 'null');
  try {
    const {
      num_hidden_layers: layers,
      hidden_size: hiddenSize,
      intermediate_size: intermediateSize,
    } = JSON.parse(text);
    if ([layers, hiddenSize, intermediateSize].every(Number.isSafeInteger))
      return { layers, hiddenSize, intermediateSize };
  } catch {}
  return undefined;
}
