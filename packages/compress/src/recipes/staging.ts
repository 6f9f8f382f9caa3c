import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { replaceFolder } from '../folder/replace-folder.ts';
import { type Lineage, printManifest, type StageManifest, sealLineage } from './lineage.ts';

/**
 * Makes an artefact folder whole or not at all: `fill` writes into an empty folder beside the target, then its
 * manifest is added and the folder takes the target's place. A failure leaves the target as it was.
 */
export async function writeStageFolder(
  target: string,
  work: string,
  fill: (folder: string) => Promise<Lineage>,
): Promise<StageManifest> {
  const fresh = resolve(work, 'fresh');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  try {
    const manifest = await sealLineage(fresh, await fill(fresh));
    await writeFile(join(fresh, 'manifest.json'), printManifest(manifest));
    await mkdir(dirname(target), { recursive: true });
    await replaceFolder(fresh, target);
    return manifest;
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
}
