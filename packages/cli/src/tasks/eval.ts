import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluatePredictions, type StageEvent } from '@slm-compress/compress';
import { readDataFolder } from '@slm-compress/text';
import { dataFolderOf, type ModelEntry, readEntry } from '../measure/model-entry.ts';
import { predictExamples } from '../measure/predictions.ts';
import { openData } from './data.ts';
import type { EvaluationOutcome, Task } from './task.ts';

/** Evaluates a model folder on one split of its data. */
export async function* evaluateFolder(
  task: Extract<Task, { kind: 'eval' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, EvaluationOutcome> {
  const entry = await readEntry(task.folder);
  const splits = yield* readData(entry, task.data, task.seed, signal);
  yield { kind: 'progress', stage: 'eval', phase: `evaluating ${entry.name}`, done: 0, total: 0 };
  const { predicted, expected } = await predictExamples(
    entry,
    splits,
    splits[task.split],
    availableParallelism(),
    signal,
  );
  const evaluation = evaluatePredictions(predicted, expected, splits.labels, { seed: task.seed });
  return { folder: task.folder, split: task.split, labels: splits.labels, evaluation };
}

/** The data of a command: the folder named or recorded, or raw data prepared in a temporary folder. */
export async function* readData(entry: ModelEntry, given: string | undefined, seed: number, signal: AbortSignal) {
  const data = await dataFolderOf(entry, given);
  const temporary = await mkdtemp(join(tmpdir(), 'slm-compress-'));
  try {
    return await readDataFolder(yield* openData(data, join(temporary, 'data'), seed, signal));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
