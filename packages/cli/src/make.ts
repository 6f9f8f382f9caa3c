import { withInterrupts } from './interrupts.ts';
import { formatBytes, print, printJson } from './output.ts';
import { createProgress } from './progress.ts';
import { runTask } from './task-client.ts';
import type { Task } from './tasks/task.ts';

/** The tasks that write one model folder. */
export type MakeTask = Extract<Task, { kind: 'train' | 'distill' | 'prune' | 'quantize' }>;

interface MakeOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  /** Folder for the record of the training. */
  readonly logs?: string;
}

/** Runs a task that writes a model folder, shows its progress and prints what was made. */
export async function runMakeTask(task: MakeTask, options: MakeOptions): Promise<void> {
  const json = options.json === true;
  const progress = createProgress({ json, watch: options.watch === true });
  const made = await withInterrupts((signal) =>
    runTask(options.logs === undefined ? task : { ...task, logs: options.logs }, {
      signal,
      onEvent: (event) => progress.show(event),
    }).finally(() => progress.stop()),
  );
  if (json) {
    printJson({ kind: 'result', ...made });
    return;
  }
  const figures = Object.entries(made.metrics).map(([name, value]) => `${name} ${Number(value.toFixed(4))}`);
  print(`${made.folder}  ${formatBytes(made.bytes)}  ${figures.join('  ')}`);
}
