import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readStageManifest, type StageManifest } from '@slm-compress/compress';
import { SlmError } from '@slm-compress/onnx';
import { type ModelFolder, readModelFolder } from '@slm-compress/runtime';

/** A model to measure. */
export interface ModelEntry {
  /** Name of its row. */
  readonly name: string;
  readonly folder: string;
  /** Row it was made from. */
  readonly parent?: string;
  readonly files: ModelFolder;
  /** Lineage, where a run made the folder. */
  readonly manifest: StageManifest | undefined;
}

/** Opens a model folder for measuring; a folder of another tool has no lineage. Throws as `readModelFolder` does. */
export async function readEntry(folder: string, name = basename(resolve(folder))): Promise<ModelEntry> {
  const files = await readModelFolder(folder);
  const manifest = await readStageManifest(folder).catch(() => undefined);
  return { name, folder, files, manifest };
}

/**
 * The data for a model: `given` as it is, else the folder that its manifest names.
 * Throws `DATA_MISSING` with what to give when neither is there, `MANIFEST_INVALID` when the manifest is needed and is
 * not one that a run wrote.
 */
export async function dataFolderOf(entry: ModelEntry, given: string | undefined): Promise<string> {
  if (given === undefined && entry.manifest === undefined) await readStageManifest(entry.folder);
  if (given !== undefined) return given;
  const folder = entry.manifest?.data === undefined ? undefined : join(entry.folder, entry.manifest.data.folder);
  if (folder !== undefined && (await stat(folder).catch(() => undefined)) !== undefined) return folder;
  const got = folder === undefined ? 'no record of any' : `no folder ${folder}`;
  throw new SlmError(
    'DATA_MISSING',
    `${entry.folder}: expected the data it was made from, got ${got} (give --data with a data folder, a data file or a recipe)`,
  );
}
