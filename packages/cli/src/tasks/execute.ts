import type { StageEvent } from '@slm-compress/compress';
import { bench } from './bench.ts';
import { compare } from './compare.ts';
import { evaluateFolder } from './eval.ts';
import { makeFolder } from './make-folder.ts';
import { prepareFolder } from './prepare.ts';
import { pruneTokenizerTask } from './prune-tokenizer.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import type { Task, TaskResults } from './task.ts';
import { trainTokenizerTask } from './train-tokenizer.ts';

/** Does a task; yields its events and returns its result. */
export function executeTask(task: Task, signal: AbortSignal): AsyncGenerator<StageEvent, TaskResults[Task['kind']]> {
  switch (task.kind) {
    case 'run':
      return run(task, signal);
    case 'train':
    case 'distill':
    case 'prune':
    case 'quantize':
      return makeFolder(task, signal);
    case 'eval':
      return evaluateFolder(task, signal);
    case 'bench':
      return bench(task, signal);
    case 'report':
      return report(task, signal);
    case 'compare':
      return compare(task, signal);
    case 'prepare':
      return prepareFolder(task, signal);
    case 'tokenizer':
      return trainTokenizerTask(task, signal);
    case 'prune-tokenizer':
      return pruneTokenizerTask(task, signal);
  }
}
