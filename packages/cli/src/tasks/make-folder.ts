import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join, normalize, resolve } from 'node:path';
import {
  describePretrained,
  digestOf,
  makeModel,
  openPrepared,
  type Stage,
  type StageEvent,
  type StageManifest,
  tokenizerSchema,
  tokenizerStage,
} from '@slm-compress/compress';
import { createHost, toolVersions } from '../host.ts';
import type { MakeTask } from '../make.ts';
import { dataFolderOf, type ModelEntry, readEntry } from '../measure/model-entry.ts';
import { checkOut, outError } from './check-out.ts';
import { openData } from './data.ts';
import type { MadeFolder } from './task.ts';

/**
 * Makes one model folder from a data set or from another model folder. Checkpoints lie in `OUT.work` until it is done.
 * Throws as `checkOut` does, before any work.
 */
export async function* makeFolder(given: MakeTask, signal: AbortSignal): AsyncGenerator<StageEvent, MadeFolder> {
  const task = { ...given, out: plainPath(given.out) };
  const { out } = task;
  await checkOut(task);
  const name = basename(resolve(out));
  const work = resolve(`${out}.work`);
  yield { kind: 'stage-start', stage: name, stageKind: task.kind, index: 0, count: 1 };
  const start = Date.now();
  const source =
    task.kind === 'train' ? undefined : await readEntry(task.kind === 'distill' ? task.teacher : task.from);
  const data = source === undefined ? task.data! : await dataFolderOf(source, task.data);
  try {
    return yield* makeFrom(task, name, work, source, data, start, signal);
  } catch (error) {
    if (!(await hasFiles(work))) await rm(work, { recursive: true, force: true });
    throw error;
  }
}

async function* makeFrom(
  task: MakeTask,
  name: string,
  work: string,
  source: ModelEntry | undefined,
  data: string,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, MadeFolder> {
  const { out, seed, workers, engine } = task;
  const dataFolder = yield* openData(data, `${out}.data`, seed, signal);
  const tokenizerFolder = task.kind === 'train' ? yield* openTokenizer(task, dataFolder, work, signal) : source!.folder;
  const maxLength = task.kind === 'train' ? task.maxLength : source!.files.maxLength;
  const prepared = await openPrepared(dataFolder, tokenizerFolder, maxLength);
  const folders: Record<string, string> = {};
  if (task.kind === 'distill') folders.teacher = task.teacher;
  if (task.kind === 'prune' || task.kind === 'quantize') folders.from = task.from;
  if (task.kind === 'prune' && task.teacher !== undefined) folders.teacher = task.teacher;
  const pretrained = startFolder(task);
  if (pretrained !== undefined) folders[pretrained] = pretrained;
  const versions = toolVersions(engine);
  const stage = { name, kind: task.kind, options: task.options } as Stage;
  const key = digestOf({
    stage,
    seed,
    versions,
    data: prepared.splits.digest,
    tokenizer: prepared.tokenizer.digest,
    folders,
    ...(pretrained !== undefined && { pretrained: (await describePretrained(pretrained)).digest }),
  });
  const context = {
    stage: name,
    seed,
    host: createHost(workers, engine),
    prepared,
    work: join(work, key.slice(0, 16)),
    cache: join(work, 'cache'),
    ...(task.logs === undefined ? {} : { logs: task.logs }),
    signal,
  };
  await mkdir(context.work, { recursive: true }).catch((error: unknown) =>
    Promise.reject(outError(context.work, error)),
  );
  const manifest = yield* makeModel(context, stage, { key, out, folders });
  await rm(work, { recursive: true, force: true });
  const { metrics, findings } = manifest;
  yield { kind: 'stage-end', stage: name, status: 'done', seconds: (Date.now() - start) / 1000, metrics };
  return { folder: out, bytes: modelBytes(manifest), metrics, findings };
}

async function* openTokenizer(
  task: Extract<MakeTask, { kind: 'train' }>,
  dataFolder: string,
  work: string,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, string> {
  if (task.tokenizer !== undefined) return task.tokenizer;
  const { vocabSize, maxLength, seed } = task;
  const from = startFolder(task);
  const options = tokenizerSchema.parse(from === undefined ? { vocabSize, maxLength } : { from, maxLength });
  const out = join(work, 'tokenizer');
  const context = {
    key: digestOf(options),
    seed,
    versions: toolVersions(),
    work: join(work, 'tokenizer.work'),
    out,
    signal,
  };
  yield* tokenizerStage(context, options, dataFolder);
  return out;
}

/** The folder of the weights that a task starts from, unless they are new. */
function startFolder(task: MakeTask): string | undefined {
  return task.kind === 'train' || task.kind === 'distill' ? task.options.from : undefined;
}

/** The path without `.` and slashes at its end, so that a suffix names a folder beside it, not in it. */
export function plainPath(path: string): string {
  return normalize(path).replace(/(?<=.)[\\/]+$/, '');
}

/** Whether there is something to go on from, such as a checkpoint. */
async function hasFiles(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.some((entry) => entry.isFile());
}

function modelBytes(manifest: StageManifest): number {
  return manifest.files[manifest.file ?? '']?.bytes ?? 0;
}
