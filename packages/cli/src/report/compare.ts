import { SlmError } from '@slm-compress/onnx';
import type { Comparison, Report, Row } from './schema.ts';

/** A report and the name that tells its rows from those of others, usually its folder. */
export interface ReportSource {
  readonly name: string;
  readonly report: Report;
  /** Names of the rows to take; all by default. */
  readonly rows?: readonly string[];
}

export interface CompareOptions {
  /** Paired tests between rows of different sources, under the names the result gives them. */
  readonly comparisons?: readonly Comparison[];
  /** Program and version; that of the first report by default. */
  readonly createdBy?: string;
  /** Command that makes the comparison again. */
  readonly command?: string;
}

/**
 * Puts rows of several reports into one, for the same table and page as a run's report. A row keeps its name where it
 * is the only one of that name and else becomes `source/name`; equal baselines (same figures on the same data) are
 * shown once. Parents, flips, speed-ups and paired tests stay where both rows are taken. Different data, different
 * machines and different versions are said in the warnings, since their figures don't compare.
 *
 * @throws SlmError `COMPARE_EMPTY` without rows, `COMPARE_UNKNOWN_ROW` for a row that a report lacks,
 *   `COMPARE_LABELS` when the reports classify into different labels.
 */
export function compareReports(sources: readonly ReportSource[], options: CompareOptions = {}): Report {
  const first = sources[0];
  if (!first) throw new SlmError('COMPARE_EMPTY', 'compare: expected at least one report, got none');
  for (const source of sources) checkSource(source, first);
  const taken = sources.map((source) => takeRows(source));
  dropRepeatedBaselines(taken, sources);
  if (taken.every((rows) => rows.length === 0)) {
    throw new SlmError('COMPARE_EMPTY', 'compare: expected at least one row, got none');
  }
  const names = uniqueNames(sources, taken);
  return {
    schemaVersion: 1,
    name: [...new Set(sources.map(({ name }) => name))].join(' · '),
    createdBy: options.createdBy ?? first.report.createdBy,
    ...(options.command === undefined ? {} : { command: options.command }),
    seed: first.report.seed,
    machine: first.report.machine,
    data: first.report.data,
    rows: taken.flatMap((rows, i) => rows.map((row) => renameRow(row, names[i]!))),
    comparisons: [
      ...sources.flatMap(({ report }, i) => renameComparisons(report.comparisons, names[i]!)),
      ...(options.comparisons ?? []),
    ],
    stages: [],
    warnings: [
      ...differences(sources),
      ...sources.flatMap(({ name, report }) => report.warnings.map((warning) => `${name}: ${warning}`)),
    ],
  };
}

function checkSource({ name, report, rows }: ReportSource, first: ReportSource): void {
  const labels = report.data.labels.join(', ');
  const expected = first.report.data.labels.join(', ');
  if (labels !== expected) {
    throw new SlmError(
      'COMPARE_LABELS',
      `compare, ${name}: expected the labels of ${first.name} (${expected}), got ${labels}`,
    );
  }
  for (const row of rows ?? []) {
    if (report.rows.some((other) => other.name === row)) continue;
    const known = report.rows.map((other) => other.name).join(', ');
    throw new SlmError('COMPARE_UNKNOWN_ROW', `compare, ${name}: expected one of ${known}, got ${row}`);
  }
}

function takeRows({ report, rows }: ReportSource): Row[] {
  return report.rows.filter(({ name }) => rows === undefined || rows.includes(name));
}

function dropRepeatedBaselines(taken: Row[][], sources: readonly ReportSource[]): void {
  const seen = new Set<string>();
  taken.forEach((rows, i) => {
    taken[i] = rows.filter((row) => {
      if (row.kind !== 'baseline') return true;
      const key = JSON.stringify([row.name, sources[i]!.report.data.digest, row.confusion]);
      return !seen.has(key) && Boolean(seen.add(key));
    });
  });
}

/** For every source, the new name of each of its rows; a baseline that was dropped keeps the name it is shown under. */
function uniqueNames(sources: readonly ReportSource[], taken: readonly Row[][]): readonly Map<string, string>[] {
  const counts = new Map<string, number>();
  for (const { name } of taken.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const used = new Set<string>();
  const names = taken.map((rows, i) => {
    const map = new Map<string, string>();
    for (const { name } of rows) {
      let unique = counts.get(name) === 1 ? name : `${sources[i]!.name}/${name}`;
      for (let n = 2; used.has(unique); n++) unique = `${sources[i]!.name} (${n})/${name}`;
      used.add(unique);
      map.set(name, unique);
    }
    return map;
  });
  sources.forEach((source, i) => {
    for (const { name, kind } of takeRows(source)) {
      if (kind === 'baseline' && !names[i]!.has(name) && counts.get(name) === 1) names[i]!.set(name, name);
    }
  });
  return names;
}

function renameRow({ parent, flipsAgainstParent, speedup, ...row }: Row, names: ReadonlyMap<string, string>): Row {
  const newParent = parent === undefined ? undefined : names.get(parent);
  const against = speedup && names.get(speedup.against);
  return {
    ...row,
    name: names.get(row.name)!,
    ...(newParent === undefined ? {} : { parent: newParent, ...(flipsAgainstParent ? { flipsAgainstParent } : {}) }),
    ...(speedup && against !== undefined ? { speedup: { ...speedup, against } } : {}),
  };
}

function renameComparisons(comparisons: readonly Comparison[], names: ReadonlyMap<string, string>): Comparison[] {
  return comparisons.flatMap((test) => {
    const a = names.get(test.a);
    const b = names.get(test.b);
    return a === undefined || b === undefined ? [] : [{ ...test, a, b }];
  });
}

function differences(sources: readonly ReportSource[]): readonly string[] {
  const differing = (value: (report: Report) => string) => new Set(sources.map(({ report }) => value(report))).size > 1;
  const warnings: string[] = [];
  if (differing(({ data }) => data.digest)) {
    warnings.push(
      'the reports stand on different data: accuracies do not compare, and no paired test holds across them',
    );
  }
  if (differing(({ machine }) => [machine.cpu, machine.cores, machine.cpuLimit, machine.memoryBytes].join())) {
    warnings.push('the reports come from different machines: timings and memory do not compare');
  }
  if (differing(({ machine }) => JSON.stringify([machine.node, machine.packages]))) {
    warnings.push('the reports come from different versions of Node or of packages');
  }
  return warnings;
}
