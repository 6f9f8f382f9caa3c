import type { Comparison, Report, Row } from './schema.ts';

/** Below this p-value a difference counts. */
export const SIGNIFICANCE = 0.05;

/**
 * The verdict of a paired test, seen from `a`: `tie` unless p < 0.05.
 *
 * @param aOnly texts that only a answers rightly; `bOnly` those that only b does.
 */
export function verdictOf(aOnly: number, bOnly: number, pValue: number): Comparison['verdict'] {
  if (pValue >= SIGNIFICANCE || aOnly === bOnly) return 'tie';
  return aOnly > bOnly ? 'better' : 'worse';
}

/** The paired test of row `a` against row `b`, turned round where the report holds it the other way. */
export function comparisonOf(report: Pick<Report, 'comparisons'>, a: string, b: string): Comparison | undefined {
  const straight = report.comparisons.find((c) => c.a === a && c.b === b);
  if (straight) return straight;
  const turned = report.comparisons.find((c) => c.a === b && c.b === a);
  if (!turned) return undefined;
  const { aOnly, bOnly, pValue } = turned;
  return { a, b, aOnly: bOnly, bOnly: aOnly, pValue, verdict: verdictOf(bOnly, aOnly, pValue) };
}

/** `tie, p = 0.51`, `worse, p < 0.001`. */
export function verdictText({ verdict, pValue }: Pick<Comparison, 'verdict' | 'pValue'>): string {
  return `${verdict}, ${pValueText(pValue)}`;
}

export function pValueText(pValue: number): string {
  if (pValue < 0.001) return 'p < 0.001';
  return `p = ${pValue.toFixed(pValue < 0.1 ? 3 : 2)}`;
}

/** A share as per cent with two decimals: `98.21 %`. */
export function percent(share: number, digits = 2): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/** A difference of shares in points with a sign: `+0.12`, `−0.30`, `±0.00`. */
export function points(difference: number, digits = 2): string {
  const text = Math.abs(difference * 100).toFixed(digits);
  if (Number(text) === 0) return `±${text}`;
  return `${difference < 0 ? '−' : '+'}${text}`;
}

/** Bytes in decimal units with three significant digits: `512 B`, `18.4 kB`, `1.31 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : significant(value)} ${units[unit]}`;
}

/** Three significant digits without an exponent, thousands apart: `0.0421`, `7.30`, `12,400`. */
export function significant(value: number): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(3));
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded)) + 1e-9));
  return rounded >= 1000 ? integer(rounded) : rounded.toFixed(Math.min(digits, 4));
}

/** Thousands apart by commas, whatever the locale of the machine. */
export function integer(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `8.4 s`, `2 min 05 s`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** A ratio of two sizes or times: `1.35×`, `14.2×`, `21×`. */
export function times(ratio: number): string {
  return `${ratio >= 19.95 ? integer(ratio) : ratio.toFixed(ratio < 1.995 ? 2 : 1)}×`;
}

/** The rows in the order they are shown: baselines first, then models as the report has them. */
export function orderedRows(rows: readonly Row[]): readonly Row[] {
  return [...rows.filter((row) => row.kind === 'baseline'), ...rows.filter((row) => row.kind === 'model')];
}

export function parentOf(report: Pick<Report, 'rows'>, row: Row): Row | undefined {
  return row.parent === undefined ? undefined : report.rows.find(({ name }) => name === row.parent);
}

/** The model everything else is made from: the ancestor of the last model row without a parent of its own. */
export function teacherOf(report: Pick<Report, 'rows'>): Row | undefined {
  return ancestry(report).at(-1);
}

/** The result of the run: its last model row. */
export function resultOf(report: Pick<Report, 'rows'>): Row | undefined {
  return ancestry(report)[0];
}

/** The last model row, its parent, and so on up to a row without one. */
export function ancestry(report: Pick<Report, 'rows'>): readonly Row[] {
  const line: Row[] = [];
  let row = report.rows.filter(({ kind }) => kind === 'model').at(-1);
  while (row && !line.includes(row)) {
    line.push(row);
    row = parentOf(report, row);
  }
  return line;
}

/** How many times faster `row` is than `base`: the ratio measured alternately where there is one, else of medians. */
export function speedupOf(row: Row, base: Row): number | undefined {
  if (row.speedup?.against === base.name) return row.speedup.ratio;
  if (!row.latencyMs || !base.latencyMs || row.latencyMs.p50 === 0) return undefined;
  return base.latencyMs.p50 / row.latencyMs.p50;
}

export function shrinkageOf(row: Row, base: Row): number | undefined {
  return row.bytes && base.bytes ? base.bytes / row.bytes : undefined;
}

/**
 * One sentence that says what the run won and cost, from its numbers alone: the last model against the model it
 * descends from, or against a baseline when it descends from none.
 */
export function headline(report: Pick<Report, 'rows' | 'comparisons'>): string {
  const result = resultOf(report);
  const teacher = teacherOf(report);
  if (!result) return 'No model was measured.';
  if (!teacher || teacher === result) return single(report, result);
  const won = [
    ratioPhrase(speedupOf(result, teacher), 'faster', 'slower'),
    ratioPhrase(shrinkageOf(result, teacher), 'smaller', 'larger'),
  ].filter((phrase) => phrase !== undefined);
  const lead = won.length > 0 ? `is ${won.join(' and ')} than the ${teacher.name} and ` : '';
  return `The ${result.name} model ${lead}${changePhrase(report, result, teacher)}.`;
}

function single(report: Pick<Report, 'rows' | 'comparisons'>, row: Row): string {
  const baseline = report.rows.find(({ kind }) => kind === 'baseline');
  const against = baseline ? ` and ${changePhrase(report, row, baseline)} against ${baseline.name}` : '';
  return `The ${row.name} model answers ${percent(row.accuracy)} of ${integer(row.n)} test texts rightly${against}.`;
}

function ratioPhrase(ratio: number | undefined, more: string, less: string): string | undefined {
  if (ratio === undefined) return undefined;
  return ratio >= 1 ? `${times(ratio)} ${more}` : `${times(1 / ratio)} ${less}`;
}

function changePhrase(report: Pick<Report, 'comparisons'>, row: Row, base: Row): string {
  const difference = row.accuracy - base.accuracy;
  const size = Math.abs(difference * 100).toFixed(2);
  const test = comparisonOf(report, row.name, base.name);
  const aside = test ? ` (${verdictText(test)})` : '';
  if (Number(size) === 0) return `keeps its accuracy${aside}`;
  return `${difference < 0 ? 'loses' : 'gains'} ${size} points of accuracy${aside}`;
}
