import { rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  type DataOptions,
  dataSchema,
  dataStage,
  digestOf,
  findSealed,
  readDataRecipe,
  type StageEvent,
  sourceDigest,
} from '@slm-compress/compress';
import { toolVersions } from '../host.ts';

/** Raw data and where its relative paths start. */
export interface RawData {
  readonly options: DataOptions;
  readonly baseDir: string;
  readonly seed: number;
}

/**
 * A data folder for what a command line names: the folder itself, or raw data (a file, folder or pattern, `npm:…`, or a recipe,
 * of which its data section and seed count) prepared into `target`, once for the same files, options and seed.
 */
export async function* openData(
  data: string,
  target: string,
  seed: number,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, string> {
  if (await isDataFolder(data)) return data;
  yield* prepareRaw(await rawData(data, seed), target, signal);
  return join(target);
}

/** Whether a path is a folder that `data prepare` or a run has written. */
export async function isDataFolder(path: string): Promise<boolean> {
  return (await stat(join(path, 'dataset.json')).catch(() => undefined))?.isFile() === true;
}

/** What a path to raw data or a recipe stands for. Throws as `readDataRecipe` does. */
export async function rawData(path: string, seed: number): Promise<RawData> {
  if (!/\.ya?ml$/i.test(path)) {
    return { options: dataSchema.parse({ source: path }), baseDir: resolve('.'), seed };
  }
  const recipe = await readDataRecipe(path);
  return { options: recipe.data, baseDir: dirname(resolve(path)), seed: recipe.seed };
}

/** Prepares raw data into a folder, unless it holds them already; says which. */
export async function* prepareRaw(
  { options, baseDir, seed }: RawData,
  target: string,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, 'done' | 'cached'> {
  const versions = toolVersions();
  const key = digestOf({ source: await sourceDigest(options, baseDir), options, seed, versions });
  const out = resolve(target);
  if ((await findSealed(out, key)) !== undefined) return 'cached';
  const work = `${out}.work`;
  try {
    yield* dataStage({ key, seed, versions, work, out, signal }, options, baseDir);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return 'done';
}
