import { join } from 'node:path';
import type { StageEvent } from '@slm-compress/compress';
import { naiveBayes } from '@slm-compress/text';
import writeFileAtomic from 'write-file-atomic';
import { buildReport } from '../measure/build-report.ts';
import { readEntry } from '../measure/model-entry.ts';
import { htmlReport } from '../report/index.ts';
import { readData } from './eval.ts';
import type { ReportOutcome, Task } from './task.ts';

/**
 * Measures any model folders side by side on the data of the first (or on `data`), with naive Bayes trained on the same
 * data. The rows carry the folders' paths as names.
 */
export async function* compare(
  task: Extract<Task, { kind: 'compare' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, ReportOutcome> {
  const entries = await Promise.all(task.folders.map((folder) => readEntry(folder, portable(folder))));
  const splits = yield* readData(entries[0]!, task.data, task.seed, signal);
  const report = yield* buildReport({
    name: 'comparison',
    seed: task.seed,
    folder: '.',
    command: `slm-compress compare ${task.folders.join(' ')}`,
    splits,
    ...(splits.train.length === 0 ? {} : { baseline: naiveBayes(splits.train, splits.labels) }),
    entries: entries.map((entry, index) => (index === 0 ? entry : { ...entry, parent: entries[0]!.name })),
    stages: [],
    workers: task.workers,
    signal,
  });
  if (task.html === undefined) return { report, status: 'done', files: [] };
  await writeFileAtomic(join(task.html), await htmlReport(report));
  return { report, status: 'done', files: [task.html] };
}

function portable(folder: string): string {
  return folder.replaceAll('\\', '/').replace(/\/+$/, '');
}
