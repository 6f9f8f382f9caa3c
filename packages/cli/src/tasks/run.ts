import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { runRecipe, type StageEvent } from '@slm-compress/compress';
import { createHost } from '../host.ts';
import { checkGates } from '../measure/gates.ts';
import { runReport } from '../measure/run-report.ts';
import { readRun } from '../read-run.ts';
import { requireWritable } from './check-out.ts';
import type { RunOutcome, Task } from './task.ts';

type RunTask = Extract<Task, { kind: 'run' }>;

/** Runs a recipe, then measures what it made and checks the gates. */
export async function* run(task: RunTask, signal: AbortSignal): AsyncGenerator<StageEvent, RunOutcome> {
  const { recipe, out, baseDir } = await readRun(task);
  await requireWritable(out);
  const force = task.force.filter((name) => name !== 'report');
  const result = yield* runRecipe(recipe, {
    out,
    baseDir,
    host: createHost(task.workers, task.engine),
    force,
    signal,
    laterStages: 1,
  });
  const count = result.stages.length + 1;
  const start = performance.now();
  yield { kind: 'stage-start', stage: 'report', stageKind: 'report', index: count - 1, count };
  const { report, status } = yield* runReport({
    folder: out,
    name: recipe.name,
    seed: recipe.seed,
    stages: recipe.stages.map(({ name }) => name),
    reference: recipe.report.reference,
    command: `slm-compress run ${task.recipe}`,
    cached: new Set(result.stages.flatMap((stage) => (stage.status === 'cached' ? [stage.name] : []))),
    workers: task.workers,
    force: task.force.includes('report'),
    signal,
  });
  const seconds = (performance.now() - start) / 1000;
  yield { kind: 'stage-end', stage: 'report', status, seconds, metrics: {} };
  return {
    folder: out,
    stages: [...result.stages, { name: 'report', status, seconds }],
    report,
    status,
    files: [join(out, 'report.json'), join(out, 'report.html')],
    gates: checkGates(report, recipe.report.gates, recipe.report),
  };
}
