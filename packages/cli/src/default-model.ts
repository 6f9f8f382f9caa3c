import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isSlmError, SlmError } from '@slm-compress/onnx';
import { modelStages } from './tasks/report.ts';

/**
 * The model folder that a path means: a model folder itself, or the last model of a run folder. Any other path is
 * returned as it is, for the error of whoever opens it.
 */
export async function modelFolderOf(path: string): Promise<string> {
  if (await isThere(join(path, 'config.json'))) return path;
  return (await lastModel(path)) ?? path;
}

/**
 * The model to use when none is named: the last stage of the latest run below `runs/` (of the folder the command is
 * called in), else the committed `models/spam-filter/int8`. Throws `MODEL_MISSING` when there is neither.
 */
export async function defaultModel(): Promise<string> {
  const runs: { folder: string; time: number }[] = [];
  for (const name of await readdir('runs').catch(() => [])) {
    const time = (await stat(join('runs', name, 'report.json')).catch(() => undefined))?.mtimeMs;
    if (time !== undefined) runs.push({ folder: join('runs', name), time });
  }
  runs.sort((a, b) => b.time - a.time);
  for (const { folder } of runs) {
    const last = await lastModel(folder).catch(() => undefined);
    if (last !== undefined) return last;
  }
  const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
  for (const base of ['.', join(packageFolder, '..', '..')]) {
    const folder = join(base, 'models', 'spam-filter', 'int8');
    if (await isThere(join(folder, 'config.json'))) return folder;
  }
  throw new SlmError(
    'MODEL_MISSING',
    'runs: expected a finished run, got none (name a model folder, or slm-compress run models/spam-filter/recipe.yaml)',
  );
}

/**
 * The model that a run ends in, `int8` before others; undefined where there is no run.
 * Throws `MANIFEST_INVALID` when a manifest of the run is damaged, rather than choose another model.
 */
export async function lastModel(run: string): Promise<string | undefined> {
  const stages = await modelStages(run).catch((error: unknown) => {
    if (isSlmError(error) && error.code === 'MANIFEST_INVALID') throw error;
    return [];
  });
  const last = stages.find(({ name }) => name === 'int8') ?? stages.at(-1);
  return last === undefined ? undefined : join(run, last.name);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
