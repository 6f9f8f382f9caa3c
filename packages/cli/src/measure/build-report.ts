import { stat } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import { fingerprint, speedRatio } from '@slm-compress/bench';
import type { StageEvent } from '@slm-compress/compress';
import { createRng, readModel, summarizeModel } from '@slm-compress/onnx';
import {
  bootstrapInterval,
  classificationMetrics,
  type DataSplits,
  mcnemar,
  type NaiveBayes,
  wholeText,
} from '@slm-compress/text';
import { toolVersions } from '../host.ts';
import { type Comparison, checkReport, type Report, type Row, type StageReport, verdictOf } from '../report/index.ts';
import { packageVersion } from '../version.ts';
import { measureChild } from './child.ts';
import { measureEngines, measurePool, measureRequests } from './latency.ts';
import type { ModelEntry } from './model-entry.ts';
import { type Predictions, phase, predictExamples } from './predictions.ts';
import { slowerThanParent, type TimedModel } from './speed-warnings.ts';

export interface ReportInput {
  readonly name: string;
  readonly seed: number;
  /** Folder that the rows' folders are given relative to. */
  readonly folder: string;
  readonly command?: string;
  readonly splits: DataSplits;
  readonly baseline?: NaiveBayes;
  readonly entries: readonly ModelEntry[];
  /** Row that speed-ups are measured against; the first model by default. */
  readonly reference?: string;
  readonly stages: readonly StageReport[];
  readonly workers: number;
  readonly signal?: AbortSignal;
}

/** Name of the baseline's row. */
export const BASELINE = 'naive-bayes';

/**
 * Evaluates every model on the test split and measures its speed and memory: predictions, then latency with the models
 * in turn, then throughput and a fresh process for each. Yields progress and returns the report.
 */
export async function* buildReport(input: ReportInput): AsyncGenerator<StageEvent, Report> {
  const { splits, entries, workers, signal, baseline } = input;
  const answers = new Map<string, Predictions>();
  const expected = splits.test.map(({ label }) => splits.labels.indexOf(label));
  if (baseline !== undefined) {
    const predicted = splits.test.map((row) => baseline.predict(wholeText(row)).label);
    answers.set(BASELINE, { predicted, expected });
  }
  for (const [index, entry] of entries.entries()) {
    yield phase(`evaluating ${entry.name}`, index, entries.length);
    answers.set(entry.name, await predictExamples(entry, splits, splits.test, workers, signal));
  }
  const signalOption = signal === undefined ? {} : { signal };
  yield phase('engine latency', 0, 1);
  const engines = await measureEngines(entries, signalOption);
  const texts = splits.test.map(({ text }) => text);
  yield phase('request latency', 0, 1);
  const requests = await measureRequests(entries, texts, signalOption);
  const reference = input.reference ?? entries[0]?.name;
  const referenceIndex = entries.findIndex(({ name }) => name === reference);
  const rows: Row[] = [];
  const timed: TimedModel[] = [];
  if (baseline !== undefined) {
    const measured = { bytes: null, parameters: null, loadMs: null, latencyMs: null, latencySamples: null };
    const rest = { requestMs: null, textsPerSecond: null, peakMemoryBytes: null };
    rows.push({
      name: BASELINE,
      kind: 'baseline',
      ...quality(answers.get(BASELINE)!, splits, input.seed),
      ...measured,
      ...rest,
    });
  }
  for (const [index, entry] of entries.entries()) {
    signal?.throwIfAborted();
    yield phase(`throughput and memory of ${entry.name}`, index, entries.length);
    const parent = entry.parent !== undefined && answers.has(entry.parent) ? entry.parent : undefined;
    const textsPerSecond = await measurePool(entry, texts.slice(0, 400), workers, signal);
    const { loadMs, peakMemoryBytes } = await measureChild(entry.folder, signal);
    const { distribution, times } = engines[index]!;
    const bytes = (await stat(entry.files.modelPath)).size;
    timed.push({
      name: entry.name,
      ...(parent === undefined ? {} : { parent }),
      quantized: basename(entry.files.modelPath).includes('quantized'),
      bytes,
      p50: distribution.p50,
      times,
    });
    rows.push({
      name: entry.name,
      kind: 'model',
      ...(parent === undefined
        ? {}
        : { parent, flipsAgainstParent: flips(answers.get(entry.name)!, answers.get(parent)!) }),
      folder: relative(input.folder, entry.folder).replaceAll('\\', '/') || '.',
      ...quality(answers.get(entry.name)!, splits, input.seed),
      bytes,
      parameters: summarizeModel(await readModel(entry.files.modelPath)).parameters,
      loadMs: round(loadMs),
      latencyMs: quantiles(distribution),
      latencySamples: [...distribution.samples],
      requestMs: quantiles(requests[index]!.distribution),
      textsPerSecond: round(textsPerSecond),
      peakMemoryBytes,
      ...(referenceIndex === -1 || referenceIndex === index
        ? {}
        : { speedup: speedup(reference!, engines[referenceIndex]!.times, engines[index]!.times) }),
    });
  }
  const machine = fingerprint({ packages: { ...toolVersions() } });
  const comparisons = compareRows(rows, answers, reference);
  const report = {
    schemaVersion: 1,
    name: input.name,
    createdBy: `slm-compress ${packageVersion}`,
    ...(input.command === undefined ? {} : { command: input.command }),
    seed: input.seed,
    machine,
    data: describeData(splits),
    rows,
    comparisons,
    stages: input.stages,
    warnings: [
      ...warningsOf(rows, comparisons, reference),
      ...slowerThanParent(timed),
      ...engines.flatMap(({ name, distribution }) => distribution.warnings.map((text) => `${name}: ${text}`)),
    ],
  };
  return checkReport(JSON.parse(JSON.stringify(report)), 'report');
}

function quality({ predicted, expected }: Predictions, splits: DataSplits, seed: number) {
  const { accuracy, macroF1, perClass, confusion } = classificationMetrics(predicted, expected, splits.labels);
  const interval = (metric: 'accuracy' | 'macroF1') =>
    bootstrapInterval({ predicted, expected, labels: splits.labels }, { metric, rng: createRng(seed).fork(metric) });
  return {
    accuracy,
    accuracyInterval: interval('accuracy'),
    macroF1,
    macroF1Interval: interval('macroF1'),
    perClass: perClass.map((entry) => ({ ...entry })),
    confusion: confusion.map((line) => [...line]),
    n: expected.length,
    split: 'test' as const,
  };
}

function flips(own: Predictions, parent: Predictions) {
  const changed = own.predicted.flatMap((label, row) => (label === parent.predicted[row] ? [] : [row]));
  const toRight = changed.filter((row) => own.predicted[row] === own.expected[row]).length;
  const toWrong = changed.filter((row) => parent.predicted[row] === own.expected[row]).length;
  return { flips: changed.length, toRight, toWrong, of: own.expected.length };
}

function speedup(against: string, reference: readonly number[], own: readonly number[]) {
  const { ratio, low, high } = speedRatio(reference, own, { rng: createRng('speed-up') });
  return { against, ratio, low, high };
}

/**
 * Every model against its parent, the reference, the baseline, and models of the same size that have no parent (what
 * the same student reaches without a teacher).
 */
function compareRows(
  rows: readonly Row[],
  answers: ReadonlyMap<string, Predictions>,
  reference: string | undefined,
): Comparison[] {
  const right = (name: string) => {
    const { predicted, expected } = answers.get(name)!;
    return predicted.map((label, row) => label === expected[row]);
  };
  const compare = (a: string, b: string): Comparison => {
    const { aOnly, bOnly, pValue } = mcnemar(right(a), right(b));
    return { a, b, aOnly, bOnly, pValue, verdict: verdictOf(aOnly, bOnly, pValue) };
  };
  const models = rows.filter(({ kind }) => kind === 'model');
  return models.flatMap((row) => {
    const alone = models.filter((other) => other.parent === undefined && other.parameters === row.parameters);
    const others = [row.parent, reference, ...alone.map(({ name }) => name), BASELINE];
    return [...new Set(others)]
      .filter((other) => other !== undefined && other !== row.name && answers.has(other))
      .map((other) => compare(row.name, other!));
  });
}

function describeData({ name, digest, labels, account, train, validation, test }: DataSplits) {
  const { read, kept, dropped, steps } = account;
  let left = read;
  const drops = Object.entries(dropped).map(([reason, count]) => {
    const before = left;
    left -= count;
    return { name: reason, before, after: left };
  });
  const changed = steps
    .filter(({ rows }) => rows > 0)
    .map(({ step, rows }) => ({ name: step, before: kept, after: kept, reason: `${rows} texts changed` }));
  return {
    name,
    digest,
    labels: [...labels],
    counts: { train: train.length, validation: validation.length, test: test.length },
    duplicates: { exact: dropped['exact-duplicate'] ?? 0, near: dropped['near-duplicate'] ?? 0 },
    steps: [...drops, ...changed],
  };
}

/** What a reader must not overlook: models worse than the baseline, and a reference that was not needed. */
function warningsOf(
  rows: readonly Row[],
  comparisons: readonly Comparison[],
  reference: string | undefined,
): readonly string[] {
  const size = (name: string) => rows.find((row) => row.name === name)?.bytes ?? 0;
  const trainedAlone = (name: string) => rows.some((row) => row.name === name && row.parent === undefined);
  return comparisons.flatMap(({ a, b, verdict, pValue }) => {
    const p = `p = ${pValue.toFixed(2)}`;
    if (b === BASELINE && verdict === 'worse') return [`${a} is worse than naive Bayes (${p})`];
    if (b !== reference || verdict === 'worse' || !trainedAlone(a) || size(a) >= size(b)) return [];
    return [
      `${a} is not worse than ${b} (${verdict}, ${p}) although it is smaller and had no teacher: these data do not need a model of ${b}'s size`,
    ];
  });
}

function quantiles({ p50, p90, p99 }: { readonly p50: number; readonly p90: number; readonly p99: number }) {
  return { p50: round(p50), p90: round(p90), p99: round(p99) };
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}
