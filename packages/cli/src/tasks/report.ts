import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readStageManifest, type StageEvent, type StageManifest } from '@slm-compress/compress';
import { SlmError } from '@slm-compress/onnx';
import { runReport } from '../measure/run-report.ts';
import { readReport } from '../report/index.ts';
import type { ReportOutcome, Task } from './task.ts';

/**
 * Measures a finished run again and writes its report. Order, reference, seed, name and command are those of the report
 * that is there, so that the recipe's next run finds its own report.
 */
export async function* report(
  task: Extract<Task, { kind: 'report' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, ReportOutcome> {
  const folder = task.run;
  const earlier = await readReport(join(folder, 'report.json')).catch(() => undefined);
  const rows = earlier?.rows.map(({ name }) => name) ?? [];
  const stages = (await modelStages(folder)).sort((a, b) => rows.indexOf(a.name) - rows.indexOf(b.name));
  const reference = earlier?.rows.find(({ speedup }) => speedup !== undefined)?.speedup?.against;
  const { report: made, status } = yield* runReport({
    folder,
    name: earlier?.name ?? basename(resolve(folder)),
    seed: task.seed ?? (typeof earlier?.seed === 'number' ? earlier.seed : 42),
    stages: stages.map(({ name }) => name),
    ...(reference === undefined ? {} : { reference }),
    ...(earlier?.command === undefined ? {} : { command: earlier.command }),
    workers: task.workers,
    force: true,
    signal,
  });
  return { report: made, status, files: [join(folder, 'report.json'), join(folder, 'report.html')] };
}

/**
 * The model stages of a run folder, parents before children and otherwise in the order of their kinds and names.
 * Throws `RUN_MISSING` when there is no such folder and `RUN_INCOMPLETE` when it holds no model, and
 * `MANIFEST_INVALID` when a folder's manifest is damaged.
 */
export async function modelStages(folder: string): Promise<StageManifest[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new SlmError(
      'RUN_MISSING',
      `${folder}: expected the folder of a run, got no folder (slm-compress run RECIPE makes one)`,
      { cause },
    );
  });
  const found: StageManifest[] = [];
  for (const name of names.sort()) {
    const manifest = name.startsWith('.') ? undefined : await readStageManifest(join(folder, name));
    if (manifest !== undefined && kinds.includes(manifest.kind)) found.push(manifest);
  }
  if (found.length === 0)
    throw new SlmError('RUN_INCOMPLETE', `${folder}: expected at least one model folder, got none`);
  found.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  const depth = (manifest: StageManifest): number =>
    1 + Math.max(-1, ...manifest.parents.map((parent) => depthOf(parent.name)));
  const depthOf = (name: string): number => {
    const manifest = found.find((candidate) => candidate.name === name);
    return manifest === undefined ? 0 : depth(manifest);
  };
  const teachers = new Set(found.flatMap(({ parents }) => parents.map(({ name }) => name)));
  return [...found].sort((a, b) => depth(a) - depth(b) || Number(teachers.has(b.name)) - Number(teachers.has(a.name)));
}

const kinds: readonly string[] = ['train', 'distill', 'prune', 'quantize'];
