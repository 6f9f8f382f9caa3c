import { type PrepareOptions, prepareData, writeDataFolder } from '@slm-compress/text';
import type { DataOptions } from '../data-schema.ts';
import type { StageEvent } from '../events.ts';
import type { Lineage, StageManifest } from '../lineage.ts';
import { dataInputs } from '../source.ts';
import { writeStageFolder } from '../staging.ts';
import { relay } from './relay.ts';

/** What the stages before the models work with. */
export interface CommonContext {
  readonly key: string;
  readonly seed: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly work: string;
  readonly out: string;
  readonly signal?: AbortSignal;
}

const phases = { read: 'reading', deduplicate: 'comparing', split: 'splitting' } as const;

/** What the data section of a recipe says, as `prepareData` takes it. */
export function prepareOptions(options: DataOptions, baseDir: string, seed: number): PrepareOptions {
  const { task, limit, sample, onBadRow, maxRowBytes, cleaning, duplicates, split } = options;
  return {
    ...dataInputs(options, baseDir),
    task,
    seed,
    onBadRow,
    cleaning,
    duplicates,
    split,
    ...(limit === undefined ? {} : { limit }),
    ...(sample === undefined ? {} : { sample }),
    ...(maxRowBytes === undefined ? {} : { maxRowBytes }),
  };
}

/** Reads, cleans, deduplicates and splits the inputs into a data folder. */
export async function* dataStage(
  context: CommonContext,
  options: DataOptions,
  baseDir: string,
): AsyncGenerator<StageEvent, StageManifest> {
  const { seed, work, out, signal } = context;
  const splits = yield* relay('data', 'reading', (report) =>
    prepareData(prepareOptions(options, baseDir, seed), {
      onProgress: ({ stage, part, done, total }) => report(done, total, `${phases[stage]} ${part}`),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
  const { train, validation, test, unlabelled, account } = splits;
  const metrics = {
    read: account.read,
    kept: account.kept,
    train: train.length,
    validation: validation.length,
    test: test.length,
    ...(options.unlabelled === undefined ? {} : { unlabelled: unlabelled.length }),
  };
  return await writeStageFolder(out, work, async (folder) => {
    await writeDataFolder(folder, splits);
    return commonLineage(context, 'data', options, metrics);
  });
}

/** Lineage of an artefact that is not a model. */
export function commonLineage(
  context: CommonContext,
  kind: 'data' | 'tokenizer' | 'baseline',
  options: unknown,
  metrics: Readonly<Record<string, number>>,
): Lineage {
  const { key, seed, versions } = context;
  const name = kind === 'baseline' ? 'naive-bayes' : kind;
  return {
    name,
    kind,
    key,
    seed,
    options,
    parents: [],
    versions: { ...versions },
    metrics: { ...metrics },
    findings: [],
    history: [],
  };
}
