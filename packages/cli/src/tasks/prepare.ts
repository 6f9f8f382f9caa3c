import { resolve } from 'node:path';
import type { StageEvent } from '@slm-compress/compress';
import { readDataFolder } from '@slm-compress/text';
import { checkDataOut, outError } from './check-out.ts';
import { prepareRaw } from './data.ts';
import { plainPath } from './make-folder.ts';
import type { PreparedData, Task } from './task.ts';

/** Prepares raw data into a folder and gives its account. Throws as `checkDataOut` does, before any work. */
export async function* prepareFolder(
  task: Extract<Task, { kind: 'prepare' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, PreparedData> {
  const { raw } = task;
  const out = plainPath(task.out);
  const { source, inputs = [], validation = [], test = [], unlabelled = [] } = raw.options;
  const paths = [...inputs, ...validation, ...test, ...unlabelled].map(({ path }) => path);
  if (source !== undefined) paths.push(source);
  const files = paths.filter((path) => !path.startsWith('npm:')).map((path) => resolve(raw.baseDir, path));
  await checkDataOut(out, files);
  let status: 'done' | 'cached';
  try {
    status = yield* prepareRaw(raw, out, signal);
  } catch (error) {
    throw outError(out, error);
  }
  const { name, task: dataTask, labels, digest, account, ...parts } = await readDataFolder(out, { task: 'any' });
  const partNames = ['train', 'validation', 'test', 'unlabelled'] as const;
  return {
    folder: out,
    status,
    name,
    task: dataTask,
    digest,
    counts: Object.fromEntries(partNames.map((part) => [part, parts[part].length])),
    labels: labels.map((label) => ({
      label,
      ...Object.fromEntries(partNames.map((part) => [part, parts[part].filter((row) => row.label === label).length])),
    })),
    account,
  };
}
