import { prepareData, writeDataFolder } from '@slm-compress/text';
import type { DataOptions } from '../data-schema.ts';
import type { StageEvent } from '../events.ts';
import type { Lineage, StageManifest } from '../lineage.ts';
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

/** Reads, cleans, deduplicates and splits the source into a data folder. */
export async function* dataStage(
  context: CommonContext,
  options: DataOptions,
  baseDir: string,
): AsyncGenerator<StageEvent, StageManifest> {
  const { seed, work, out, signal } = context;
  const { source, inputs, columns = {}, duplicates, split } = options;
  const held = { validation: split.validation ?? 0.15, test: split.test ?? 0.15 };
  const splits = yield* relay('data', 'texts', (report) =>
    prepareData(
      {
        source: source ?? inputs![0]!.path,
        baseDir,
        seed,
        split: { train: 1 - held.validation - held.test, ...held },
        ...(duplicates.near === false ? {} : { nearDuplicates: { threshold: duplicates.near } }),
        ...(columns.text === undefined ? {} : { textColumn: columns.text }),
        ...(columns.label === undefined ? {} : { labelColumn: columns.label }),
      },
      { onProgress: ({ done, total }) => report(done, total), ...(signal === undefined ? {} : { signal }) },
    ),
  );
  const { train, validation, test, account } = splits;
  const metrics = {
    read: account.read,
    kept: account.kept,
    train: train.length,
    validation: validation.length,
    test: test.length,
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
