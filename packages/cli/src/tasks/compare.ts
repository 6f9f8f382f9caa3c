import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StageEvent } from '@slm-compress/compress';
import { SlmError } from '@slm-compress/onnx';
import { chooseNaiveBayes, type DataSplits, mcnemar, readDataFolder } from '@slm-compress/text';
import writeFileAtomic from 'write-file-atomic';
import { lastModel } from '../default-model.ts';
import { buildReport } from '../measure/build-report.ts';
import { dataFolderOf, type ModelEntry, readEntry } from '../measure/model-entry.ts';
import { phase, predictExamples } from '../measure/predictions.ts';
import { type Comparison, compareReports, htmlReport, type Report, readReport, verdictOf } from '../report/index.ts';
import { shortNames } from '../row-names.ts';
import { packageVersion } from '../version.ts';
import { readData } from './eval.ts';
import type { ReportOutcome, Task } from './task.ts';

type CompareTask = Extract<Task, { kind: 'compare' }>;

/** One side of a comparison: a finished run with its report, or a model folder to measure. */
type Side =
  | { readonly kind: 'run'; readonly name: string; readonly report: Report; readonly final: ModelEntry }
  | { readonly kind: 'model'; readonly name: string; readonly entry: ModelEntry };

/**
 * Compares model folders, run folders, or both. Model folders are measured side by side on the data of the first (or on
 * `data`), with naive Bayes trained on the same data. Runs come with the figures of their reports; where they stand on
 * the same data, the last models are tested in pairs on it.
 */
export async function* compare(task: CompareTask, signal: AbortSignal): AsyncGenerator<StageEvent, ReportOutcome> {
  const names = shortNames(task.folders);
  const sides = await Promise.all(task.folders.map((folder, index) => openSide(folder, names[index]!)));
  const runs = sides.filter((side) => side.kind === 'run');
  const models = sides.flatMap((side, index) => {
    if (side.kind === 'run') return [];
    return [runs.length === 0 ? side.entry : { ...side.entry, name: task.folders[index]! }];
  });
  const command = `slm-compress compare ${task.folders.join(' ')}`;
  const measured = models.length === 0 ? undefined : yield* measureModels(task, command, models, runs[0], signal);
  let report = measured;
  if (runs.length > 0) {
    const sources = [
      ...runs.map(({ name, report: known }) => ({ name, report: known })),
      ...(measured === undefined ? [] : [{ name: 'models', report: measured }]),
    ];
    const compared = compareReports(sources, { command, createdBy: `slm-compress ${packageVersion}` });
    report = {
      ...compared,
      comparisons: [...compared.comparisons, ...(yield* testRuns(task, compared, runs, signal))],
    };
  }
  if (task.html === undefined) return { report: report!, status: 'done', files: [] };
  await writeFileAtomic(task.html, await htmlReport(report!));
  return { report: report!, status: 'done', files: [task.html] };
}

async function openSide(folder: string, name: string): Promise<Side> {
  const isModel = (await stat(join(folder, 'config.json')).catch(() => undefined)) !== undefined;
  if (isModel) return { kind: 'model', name, entry: await readEntry(folder, name) };
  const path = join(folder, 'report.json');
  const hasReport = (await stat(path).catch(() => undefined)) !== undefined;
  const report = hasReport ? await readReport(path) : undefined;
  const last = await lastModel(folder);
  if (report !== undefined && last !== undefined) return { kind: 'run', name, report, final: await readEntry(last) };
  if (report === undefined && last === undefined) return { kind: 'model', name, entry: await readEntry(folder, name) };
  throw new SlmError(
    'RUN_INCOMPLETE',
    report === undefined
      ? `${folder}: expected a run with a report, got none (slm-compress report ${folder})`
      : `${folder}: expected a run with its models, got report.json alone (run its recipe again)`,
  );
}

async function* measureModels(
  task: CompareTask,
  command: string,
  entries: readonly ModelEntry[],
  run: Extract<Side, { kind: 'run' }> | undefined,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, Report> {
  const splits = yield* readData(run?.final ?? entries[0]!, task.data, task.seed, signal);
  return yield* buildReport({
    name: 'comparison',
    seed: task.seed,
    folder: '.',
    command,
    splits,
    ...(splits.train.length === 0
      ? {}
      : { baseline: chooseNaiveBayes(splits.train, splits.validation, splits.labels).model }),
    entries: entries.map((entry, index) => (index === 0 ? entry : { ...entry, parent: entries[0]!.name })),
    stages: [],
    workers: task.workers,
    signal,
  });
}

/** Paired tests of the runs' last models against that of the first run, where both stand on the same data. */
async function* testRuns(
  task: CompareTask,
  compared: Report,
  runs: readonly Extract<Side, { kind: 'run' }>[],
  signal: AbortSignal,
): AsyncGenerator<StageEvent, Comparison[]> {
  const [first, ...others] = runs;
  const same = others.filter(({ report }) => report.data.digest === first!.report.data.digest);
  if (same.length === 0) return [];
  const splits: DataSplits = await readDataFolder(await dataFolderOf(first!.final, undefined));
  const right = async ({ final }: { readonly final: ModelEntry }) => {
    const { predicted, expected } = await predictExamples(final, splits, splits.test, task.workers, signal);
    return predicted.map((label, row) => label === expected[row]);
  };
  const names = new Set(compared.rows.map(({ name }) => name));
  const rowOf = ({ name, final }: { readonly name: string; readonly final: ModelEntry }) =>
    names.has(`${name}/${final.name}`) ? `${name}/${final.name}` : final.name;
  yield phase(`testing ${first!.name}`, 0, same.length + 1);
  const base = await right(first!);
  const tests: Comparison[] = [];
  for (const [index, run] of same.entries()) {
    yield phase(`testing ${run.name}`, index + 1, same.length + 1);
    const { aOnly, bOnly, pValue } = mcnemar(await right(run), base);
    const [a, b] = [rowOf(run), rowOf(first!)];
    if (names.has(a) && names.has(b))
      tests.push({ a, b, aOnly, bOnly, pValue, verdict: verdictOf(aOnly, bOnly, pValue) });
  }
  return tests;
}
