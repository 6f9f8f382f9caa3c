import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { TrainEvent } from '../train-options.ts';
import { eventRecord, type Scalar } from './event-file.ts';

/** Lines of `metrics.jsonl`: a step or a validation with the time it ended, in milliseconds since 1970. */
export type MetricsLine = Extract<TrainEvent, { readonly kind: 'step' | 'validation' }> & { readonly time: number };

/** Names of the files in a record's folder. */
export const metricsFile = 'metrics.jsonl';
export const eventsFile = 'events.out.tfevents.slm-compress';

/**
 * Passes the events of a training through and writes its steps and validations to `folder`: as lines of `metrics.jsonl`, and as
 * scalars of a TensorBoard event file (`tensorboard --logdir FOLDER`). A training that resumes goes on where its checkpoint
 * is: what was recorded behind it is dropped, so that no step is there twice; a new one starts new files.
 *
 * Throws SlmError `RECORD_WRITE` when the files cannot be written, and as the training does.
 */
export async function* recordTraining<R>(
  training: AsyncGenerator<TrainEvent, R, void>,
  folder: string,
): AsyncGenerator<TrainEvent, R, void> {
  let files: Awaited<ReturnType<typeof openFiles>> | undefined;
  try {
    for (;;) {
      const next = await training.next();
      if (next.done === true) return next.value;
      const event = next.value;
      files ??= await writing(folder, () => openFiles(folder, event.kind === 'resumed' ? event.step : 0));
      if (event.kind === 'step' || event.kind === 'validation') {
        const line = { ...event, time: Date.now() };
        await writing(folder, () => files!.add(line));
      }
      yield event;
    }
  } finally {
    await training.return(undefined as R).catch(() => undefined);
    await files?.close();
  }
}

/** The lines of a `metrics.jsonl`; a last one that a crash cut off is left out. Empty without such a file. */
export async function readMetrics(folder: string): Promise<readonly MetricsLine[]> {
  const text = await readFile(join(folder, metricsFile), 'utf8').catch(() => '');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as MetricsLine];
    } catch {
      return [];
    }
  });
}

/** Both files, with what they have up to `step`. */
async function openFiles(folder: string, step: number) {
  const kept = (await readMetrics(folder)).filter((line) => line.step <= step);
  await mkdir(folder, { recursive: true });
  const start = (kept[0]?.time ?? Date.now()) / 1000;
  const handles: FileHandle[] = [];
  const rewritten = async (name: string, contents: Uint8Array) => {
    const path = join(folder, name);
    await writeFile(`${path}.new`, contents);
    await rename(`${path}.new`, path);
    const handle = await open(path, 'a');
    handles.push(handle);
    return handle;
  };
  const close = () => Promise.all(handles.map((handle) => handle.close()));
  try {
    const metrics = await rewritten(metricsFile, Buffer.from(kept.map(textOf).join('')));
    const events = await rewritten(eventsFile, Buffer.concat([eventRecord(start, 0, []), ...kept.map(recordOf)]));
    return {
      async add(line: MetricsLine) {
        await metrics.appendFile(textOf(line));
        await events.appendFile(recordOf(line));
      },
      close,
    };
  } catch (error) {
    await close();
    for (const name of [metricsFile, eventsFile]) await rm(join(folder, `${name}.new`), { force: true });
    throw error;
  }
}

const textOf = (line: MetricsLine) => `${JSON.stringify(line)}\n`;

function recordOf(line: MetricsLine): Buffer {
  return eventRecord(line.time / 1000, line.step, scalarsOf(line));
}

function scalarsOf(line: MetricsLine): readonly Scalar[] {
  if (line.kind === 'validation') {
    const metrics = Object.entries(line.metrics).map(([name, value]) => ({ tag: `validation/${name}`, value }));
    return [{ tag: 'validation/loss', value: line.validationLoss }, ...metrics];
  }
  return [
    { tag: 'train/loss', value: line.loss },
    { tag: 'train/learning_rate', value: line.learningRate },
    { tag: 'train/gradient_norm', value: line.gradientNorm },
    { tag: 'train/tokens_per_second', value: line.usefulTokensPerSecond },
  ];
}

async function writing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const message = `${folder}: expected to record the training, got ${(cause as Error).message} (free some space; checkpoints are intact)`;
    throw new SlmError('RECORD_WRITE', message, { cause });
  }
}
