import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  artefactDigest,
  readDurations,
  readStageManifest,
  type StageEvent,
  type StageManifest,
} from '@slm-compress/compress';
import { SlmError } from '@slm-compress/onnx';
import { type NaiveBayesJson, naiveBayesFromJSON, readDataFolder } from '@slm-compress/text';
import writeFileAtomic from 'write-file-atomic';
import { htmlReport, type Report, readReport, type StageReport } from '../report/index.ts';
import { BASELINE, buildReport } from './build-report.ts';
import { type ModelEntry, readEntry } from './model-entry.ts';

export interface RunReportOptions {
  /** Folder of a run. */
  readonly folder: string;
  readonly name: string;
  readonly seed: number;
  /** Names of the model stages, in the order of the rows. */
  readonly stages: readonly string[];
  readonly reference?: string;
  readonly command?: string;
  /** Stages that were not run again this time. */
  readonly cached?: ReadonlySet<string>;
  readonly workers: number;
  readonly signal?: AbortSignal;
  /** Measure although nothing changed since the last report. */
  readonly force?: boolean;
}

export interface RunReport {
  readonly report: Report;
  readonly status: 'done' | 'cached';
}

/**
 * Measures the models of a run and writes `report.json` and `report.html` into its folder. When the models are those of
 * the report that is there, that report is kept.
 * Throws `RUN_INCOMPLETE` when a stage's folder is missing.
 */
export async function* runReport(options: RunReportOptions): AsyncGenerator<StageEvent, RunReport> {
  const { folder, stages, workers, signal } = options;
  const entries: ModelEntry[] = [];
  for (const name of stages) {
    const entry = await readEntry(join(folder, name), name);
    entries.push({ ...entry, ...parentOf(entry.manifest) });
  }
  const key = keyOf(options, entries);
  const keyFile = join(folder, '.work', 'report.key');
  const path = join(folder, 'report.json');
  if (options.force !== true && (await readFile(keyFile, 'utf8').catch(() => '')).trim() === key) {
    const kept = await readReport(path).catch(() => undefined);
    if (kept !== undefined) return { report: kept, status: 'cached' };
  }
  const report = yield* buildReport({
    name: options.name,
    seed: options.seed,
    folder,
    ...(options.command === undefined ? {} : { command: options.command }),
    splits: await readDataFolder(join(folder, 'data')),
    ...(await readBaseline(folder)),
    entries,
    ...(options.reference === undefined ? {} : { reference: options.reference }),
    stages: await describeStages(options, entries),
    workers,
    ...(signal === undefined ? {} : { signal }),
  });
  await writeFileAtomic(path, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFileAtomic(join(folder, 'report.html'), await htmlReport(report));
  await writeFileAtomic(keyFile, `${key}\n`);
  return { report, status: 'done' };
}

function parentOf(manifest: StageManifest | undefined): { parent?: string } {
  const parent = manifest?.parents[0];
  return parent === undefined ? {} : { parent: parent.name };
}

/** Digest of what the report is about: models, data (part of the models' keys) and how they are measured. */
function keyOf(options: RunReportOptions, entries: readonly ModelEntry[]): string {
  const parts = entries.map(({ name, manifest }) => [
    name,
    manifest?.key ?? '',
    manifest === undefined ? '' : artefactDigest(manifest),
  ]);
  return createHash('sha256')
    .update(JSON.stringify([4, options.reference, options.seed, parts]))
    .digest('hex');
}

async function readBaseline(folder: string) {
  const path = join(folder, BASELINE, 'model.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new SlmError(
      'RUN_INCOMPLETE',
      `${path}: expected the baseline of a finished run, got no file (run the recipe again)`,
      { cause },
    );
  }
  return { baseline: naiveBayesFromJSON(JSON.parse(text) as NaiveBayesJson) };
}

async function describeStages(options: RunReportOptions, entries: readonly ModelEntry[]): Promise<StageReport[]> {
  const { folder, cached } = options;
  const durations = await readDurations(folder);
  const common = await Promise.all(
    ['data', 'tokenizer', BASELINE].map((name) => readStageManifest(join(folder, name))),
  );
  const manifests = [...common, ...entries.map(({ manifest }) => manifest)].filter((found) => found !== undefined);
  return manifests.map((manifest) => ({
    name: manifest.name,
    kind: manifest.kind,
    ...parentOf(manifest),
    seconds: durations[manifest.key] ?? 0,
    ...(cached?.has(manifest.name) === true ? { reused: true } : {}),
    findings: manifest.findings.map(({ where, message }) => `${where}: ${message}`),
    ...(manifest.history.length === 0 ? {} : { history: manifest.history }),
  })) as StageReport[];
}
