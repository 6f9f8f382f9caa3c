import { speedRatio } from '@slm-compress/bench';
import type { StageEvent } from '@slm-compress/compress';
import { createRng } from '@slm-compress/onnx';
import { measureEngines } from '../measure/latency.ts';
import { readEntry } from '../measure/model-entry.ts';
import type { BenchRow, Task } from './task.ts';

/** Latency of several models, in turn in one process. */
export async function* bench(
  task: Extract<Task, { kind: 'bench' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, readonly BenchRow[]> {
  const entries = await Promise.all(
    task.folders.map((folder, index) =>
      readEntry(folder, task.folders.indexOf(folder) === index ? folder : `${folder} (${index + 1})`),
    ),
  );
  yield { kind: 'progress', stage: 'bench', phase: 'latency', done: 0, total: 0 };
  const measured = await measureEngines(entries, { length: task.length, rounds: task.rounds, signal });
  return measured.map(({ name, distribution, times }, index) => ({
    name,
    folder: task.folders[index]!,
    latencyMs: distribution,
    ...(index === 0 ? {} : { speedup: speedRatio(measured[0]!.times, times, { rng: createRng('speed-up') }) }),
  }));
}
