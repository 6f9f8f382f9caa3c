import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { SlmError } from '@slm-compress/onnx';
import writeFileAtomic from 'write-file-atomic';
import { earlierSeconds, keepSeconds } from './elapsed.ts';
import type { StageEvent, StageState } from './events.ts';
import type { Host } from './host.ts';
import { findSealed, type StageManifest } from './lineage.ts';
import { lockFolder } from './lock.ts';
import { makeModel } from './make.ts';
import { type PlannedStage, planRecipe } from './plan.ts';
import { openPrepared, type Prepared } from './prepared.ts';
import { pretrainedFolders } from './pretrained-folder.ts';
import { type Recipe, startFolderOf } from './schema.ts';
import { sourceDigest } from './source.ts';
import { baselineStage } from './stages/baseline.ts';
import { dataStage } from './stages/data.ts';
import { tokenizerStage } from './stages/tokenizer.ts';

export interface RunOptions {
  /** Folder of the run: `data`, `tokenizer`, `naive-bayes`, a folder for each stage, and `logs` with one for each that trains. */
  readonly out: string;
  /** Folder that relative data sources are resolved from: the recipe's. */
  readonly baseDir: string;
  readonly host: Host;
  /** Names of stages to run again although nothing changed. */
  readonly force?: readonly string[];
  /** Stages that the caller adds after those of the recipe; counted in the events. 0 by default. */
  readonly laterStages?: number;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly folder: string;
  /** `seconds` add up over the sessions of a stage that was interrupted. */
  readonly stages: readonly { readonly name: string; readonly status: 'done' | 'cached'; readonly seconds: number }[];
}

/**
 * What a run would do: the plan with the state of each stage's folder.
 * Throws `STAGE_UNKNOWN` for a name in `force` that is no stage, `DATA_TASK` for data that
 * no stage learns from, and as {@link sourceDigest} does.
 */
export async function inspectRun(recipe: Recipe, options: RunOptions): Promise<readonly StageState[]> {
  const { out, baseDir, host, force = [] } = options;
  if (recipe.data.task !== 'classification') {
    const message = 'expected classification, which all stages learn, got';
    throw new SlmError('DATA_TASK', `data.task: ${message} ${recipe.data.task} (data prepare makes such data)`);
  }
  const planned = planRecipe(recipe, {
    sourceDigest: await sourceDigest(recipe.data, baseDir),
    pretrained: await pretrainedFolders(recipe, baseDir),
    versions: host.versions,
    durations: await readDurations(out),
    workers: host.workers,
  });
  const names = planned.map(({ name }) => name);
  for (const name of force) {
    if (!names.includes(name)) {
      throw new SlmError('STAGE_UNKNOWN', `--force: expected one of ${names.join(', ')}, got "${name}"`);
    }
  }
  const states: StageState[] = [];
  for (const stage of planned) {
    const sealed = force.includes(stage.name) ? undefined : await findSealed(join(out, stage.name), stage.key);
    const started = sealed === undefined && (await hasEntries(workFolder(out, stage)));
    states.push({ ...stage, status: sealed !== undefined ? 'cached' : started ? 'resume' : 'run' });
  }
  return states;
}

/**
 * Runs a recipe stage by stage. A stage whose folder was made with the same key is not run again; a training stage that
 * was interrupted goes on from its checkpoint. The same recipe and seed give the same bytes, whatever the number of
 * workers, also after an interruption.
 *
 * Throws `RUN_LOCKED` while another process works in the folder, and what the stages throw; rejects with the signal's
 * reason when aborted.
 */
export async function* runRecipe(recipe: Recipe, options: RunOptions): AsyncGenerator<StageEvent, RunResult> {
  const { out, signal } = options;
  await using _lock = await lockFolder(out);
  await removeLeftovers(out);
  const stages = await inspectRun(recipe, options);
  yield { kind: 'plan', run: recipe.name, folder: out, stages };
  const done: { name: string; status: 'done' | 'cached'; seconds: number }[] = [];
  let prepared: Prepared | undefined;
  for (const [index, stage] of stages.entries()) {
    signal?.throwIfAborted();
    const { name, kind, key } = stage;
    yield {
      kind: 'stage-start',
      stage: name,
      stageKind: kind,
      index,
      count: stages.length + (options.laterStages ?? 0),
    };
    const start = performance.now();
    let before = 0;
    let manifest = stage.status === 'cached' ? await findSealed(join(out, name), key) : undefined;
    const status = manifest === undefined ? 'done' : 'cached';
    if (manifest === undefined) {
      const work = workFolder(out, stage);
      if (options.force?.includes(name) === true) await rm(work, { recursive: true, force: true });
      await mkdir(work, { recursive: true });
      before = await earlierSeconds(work);
      if (kind === 'data' || kind === 'tokenizer' || kind === 'baseline') {
        manifest = yield* commonStage(recipe, stage, work, options);
      } else {
        prepared ??= await openPrepared(join(out, 'data'), join(out, 'tokenizer'), recipe.tokenizer.maxLength);
        const { host } = options;
        const cache = join(out, '.work', 'cache');
        const context = {
          stage: name,
          seed: recipe.seed,
          host,
          prepared,
          work,
          cache,
          logs: join(out, 'logs', name),
          ...(signal === undefined ? {} : { signal }),
        };
        const model = recipe.stages.find((candidate) => candidate.name === name)!;
        const folders = Object.fromEntries(recipe.stages.map((other) => [other.name, join(out, other.name)]));
        const start = startFolderOf(model);
        if (start !== undefined) folders[start] = resolve(options.baseDir, start);
        const making = makeModel(context, model, { key, out: join(out, name), folders });
        manifest = yield* keepSeconds(making, work, before);
      }
      await rm(work, { recursive: true, force: true });
    }
    const seconds = before + (performance.now() - start) / 1000;
    if (status === 'done') await recordDuration(out, stage, seconds);
    done.push({ name, status, seconds });
    yield { kind: 'stage-end', stage: name, status, seconds, metrics: manifest.metrics };
  }
  return { folder: out, stages: done };
}

async function* commonStage(
  recipe: Recipe,
  stage: PlannedStage,
  work: string,
  options: RunOptions,
): AsyncGenerator<StageEvent, StageManifest> {
  const { out, host, signal, baseDir } = options;
  const context = {
    key: stage.key,
    seed: recipe.seed,
    versions: host.versions,
    work,
    out: join(out, stage.name),
    ...(signal === undefined ? {} : { signal }),
  };
  switch (stage.kind) {
    case 'data':
      return yield* dataStage(context, recipe.data, baseDir);
    case 'tokenizer': {
      const { tokenizer } = recipe;
      const from = 'from' in tokenizer ? resolve(baseDir, tokenizer.from) : undefined;
      return yield* tokenizerStage(context, tokenizer, join(out, 'data'), from);
    }
    default:
      return yield* baselineStage(context, join(out, 'data'));
  }
}

/** The work folder carries the key, so that a changed recipe does not go on from another recipe's checkpoint. */
function workFolder(out: string, stage: PlannedStage): string {
  return join(out, '.work', `${stage.name}-${stage.key.slice(0, 16)}`);
}

/** Removes what a killed process left beside the stages' folders. */
async function removeLeftovers(out: string): Promise<void> {
  for (const name of await readdir(out).catch(() => [])) {
    if (/^\..+\.\d+\.(new|old)$/.test(name)) await rm(join(out, name), { recursive: true, force: true });
  }
}

async function hasEntries(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [])).length > 0;
}

const durationsFile = (out: string) => join(out, '.work', 'durations.json');

/** Seconds of earlier runs, by key and by stage name. */
export async function readDurations(out: string): Promise<Readonly<Record<string, number>>> {
  try {
    return JSON.parse(await readFile(durationsFile(out), 'utf8')) as Record<string, number>;
  } catch {
    return {};
  }
}

async function recordDuration(out: string, stage: PlannedStage, seconds: number): Promise<void> {
  const durations = { ...(await readDurations(out)), [stage.key]: seconds, [stage.name]: seconds };
  await mkdir(join(out, '.work'), { recursive: true });
  await writeFileAtomic(durationsFile(out), `${JSON.stringify(durations, undefined, 2)}\n`);
}
