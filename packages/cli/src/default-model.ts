import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SlmError } from '@slm-compress/onnx';
import { modelStages } from './tasks/report.ts';

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
    const stages = await modelStages(folder).catch(() => []);
    const last = stages.find(({ name }) => name === 'int8') ?? stages.at(-1);
    if (last !== undefined) return join(folder, last.name);
  }
  const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
  for (const base of ['.', join(packageFolder, '..', '..')]) {
    const folder = join(base, 'models', 'spam-filter', 'int8');
    if ((await stat(join(folder, 'config.json')).catch(() => undefined)) !== undefined) return folder;
  }
  throw new SlmError(
    'MODEL_MISSING',
    'runs: expected a finished run, got none (name a model folder, or slm-compress run models/spam-filter/recipe.yaml)',
  );
}
