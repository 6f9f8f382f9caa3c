import { rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { dataSchema, dataStage, digestOf, type StageEvent, sourceDigest } from '@slm-compress/compress';
import { toolVersions } from '../host.ts';

/**
 * A data folder for what a command line names: the folder itself, or a raw source (`.jsonl`, `.csv`, `npm:…`) prepared
 * into `target`, once for the same source and seed.
 */
export async function* openData(
  data: string,
  target: string,
  seed: number,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, string> {
  const isFolder = !data.startsWith('npm:') && (await stat(data).catch(() => undefined))?.isDirectory() === true;
  if (isFolder) return data;
  const options = dataSchema.parse({ source: data });
  const versions = toolVersions();
  const key = digestOf({ source: await sourceDigest(options, '.'), seed, versions });
  const work = resolve(`${target}.work`);
  yield* dataStage({ key, seed, versions, work, out: resolve(target), signal }, options, resolve('.'));
  await rm(work, { recursive: true, force: true });
  return join(target);
}
