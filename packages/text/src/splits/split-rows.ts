import { createRng, SlmError } from '@slm-compress/onnx';
import type { SplitShares } from '../dataset.ts';
import { checkShares, stratifiedSplit } from '../split.ts';
import { assignUnits } from './assign-units.ts';
import { parseTimes } from './parse-time.ts';
import { uniteRows } from './unite-rows.ts';

export const partNames = ['train', 'validation', 'test'] as const;
export type PartName = (typeof partNames)[number];

/** A row to be split. */
export interface SplitRow {
  readonly id: string;
  readonly text: string;
  /** Rows without a label count as one class. */
  readonly label?: string;
  /** Rows of one group stay on one side; a row without one is alone. */
  readonly group?: string;
  /** For `time`: ISO 8601, in UTC where it has no zone, or in all rows a number. */
  readonly time?: string | number;
  /** `train`, `validation` (or `valid`, `dev`) or `test`; for `given`. */
  readonly part?: string;
}

/** How rows are split. */
export type SplitMethod =
  /** Each label in the same proportions, as far as groups allow. */
  | { readonly method: 'stratified'; readonly shares: SplitShares; readonly seed: number }
  /** The same, where every row must have a group. */
  | { readonly method: 'grouped'; readonly shares: SplitShares; readonly seed: number }
  /** The earliest rows to train, the latest to test. */
  | { readonly method: 'time'; readonly shares: SplitShares }
  /**
   * Fold `fold` (0 … `folds` - 1) is the test part, the one after it validation unless that is false, the rest train; each label
   * in the same proportions, as far as groups allow.
   */
  | {
      readonly method: 'folds';
      readonly folds: number;
      readonly fold: number;
      readonly validation?: boolean;
      readonly seed: number;
    }
  /** By the part that each row carries. */
  | { readonly method: 'given' };

export interface RowSplit<Row> {
  readonly train: readonly Row[];
  readonly validation: readonly Row[];
  readonly test: readonly Row[];
  /** Rows left out because a row of their group is in a later part; only with `time` and `given`. */
  readonly dropped: readonly Row[];
}

/**
 * Cuts rows in three. No group crosses a cut: groups are the rows' own, united with those of `duplicates` where they have
 * a row in common. The result does not depend on the order of the rows; each part is sorted by id (then text).
 *
 * - `stratified` and `grouped` without any group of two rows or more is {@link stratifiedSplit}; else groups are assigned
 *   greedily, the largest first, each where the counts of labels come nearest to the shares.
 * - `time`: rows of one time stay together, so that every row of a part is earlier than those of the next; cuts are where they
 *   come nearest to the shares. A group across a cut loses its rows in the earlier parts, and so it does with `given`: what is
 *   tested is never altered.
 *
 * Throws SlmError `DATA_OPTION` for options out of range, `DATA_CLASS_SIZE` when a label has too few rows or a part with a
 * share would be empty, `DATA_ROW` for a row without the group, time or part that the method needs.
 */
export function splitRows<Row extends SplitRow>(
  rows: readonly Row[],
  options: SplitMethod,
  duplicates?: Int32Array,
): RowSplit<Row> {
  if (duplicates !== undefined && duplicates.length !== rows.length) {
    throw new SlmError(
      'DATA_OPTION',
      `split: expected a duplicate group a row (${rows.length}), got ${duplicates.length}`,
    );
  }
  const order = Int32Array.from(rows, (_, i) => i).sort((i, j) => compareRows(rows[i]!, rows[j]!) || i - j);
  const sorted = Array.from(order, (i) => rows[i]!);
  const units = uniteRows(
    sorted.map((row) => row.group),
    duplicates && Array.from(order, (i) => duplicates[i]!),
  );
  const parts = partOfRows(sorted, units, options);
  const split: Record<PartName | 'dropped', Row[]> = { train: [], validation: [], test: [], dropped: [] };
  sorted.forEach((row, i) => {
    split[partNames[parts[i]!] ?? 'dropped'].push(row);
  });
  return split;
}

/** The index in `partNames` of each row's part, -1 for none. */
function partOfRows(rows: readonly SplitRow[], units: Int32Array, options: SplitMethod): ArrayLike<number> {
  switch (options.method) {
    case 'grouped':
      for (const row of rows) if (row.group === undefined) throw missing(row, 'a group');
      return byShares(rows, units, options);
    case 'stratified':
      return byShares(rows, units, options);
    case 'folds':
      return byFolds(rows, units, options);
    case 'time':
      return latestOfUnits(byTime(rows, options.shares), units);
    case 'given':
      return latestOfUnits(rows.map(givenPart), units);
  }
}

function byShares(
  rows: readonly SplitRow[],
  units: Int32Array,
  { shares, seed }: { readonly shares: SplitShares; readonly seed: number },
): ArrayLike<number> {
  checkShares(shares);
  const labels = rows.map((row) => row.label ?? '');
  const rng = createRng(seed).fork('split');
  if (new Set(units).size === rows.length) {
    const split = stratifiedSplit(
      labels.map((label, at) => ({ label, at })),
      shares,
      rng,
    );
    const parts = new Int8Array(rows.length);
    partNames.forEach((name, part) => {
      for (const { at } of split[name]) parts[at] = part;
    });
    return parts;
  }
  const weights = partNames.map((name) => shares[name]);
  return requireRows(assignUnits(units, labels, weights, rng), weights, 'groups');
}

function byFolds(
  rows: readonly SplitRow[],
  units: Int32Array,
  options: Extract<SplitMethod, { readonly method: 'folds' }>,
): ArrayLike<number> {
  const { folds, fold, validation = true, seed } = options;
  const least = validation ? 3 : 2;
  if (!(Number.isInteger(folds) && folds >= least)) {
    throw new SlmError('DATA_OPTION', `split.folds: expected an integer of at least ${least}, got ${folds}`);
  }
  if (!(Number.isInteger(fold) && fold >= 0 && fold < folds)) {
    throw new SlmError('DATA_OPTION', `split.fold: expected an integer from 0 to ${folds - 1}, got ${fold}`);
  }
  const weights = Array.from({ length: folds }, () => 1 / folds);
  const labels = rows.map((row) => row.label ?? '');
  const assigned = assignUnits(units, labels, weights, createRng(seed).fork('folds'));
  requireRows(assigned, weights, 'groups');
  const validationFold = validation ? (fold + 1) % folds : -1;
  return assigned.map((one) => (one === fold ? 2 : one === validationFold ? 1 : 0));
}

/** Cuts where the number of rows before comes nearest to the shares, between two different times. */
function byTime(rows: readonly SplitRow[], shares: SplitShares): ArrayLike<number> {
  checkShares(shares);
  const times = parseTimes(
    rows.map((row) => {
      if (row.time === undefined) throw missing(row, 'a time');
      return row.time;
    }),
  );
  const wrong = times.findIndex((time) => !Number.isFinite(time));
  if (wrong >= 0) throw missing(rows[wrong]!, 'a time (ISO 8601, or numbers in all rows)', rows[wrong]!.time);
  const order = Int32Array.from(rows, (_, i) => i).sort((i, j) => times[i]! - times[j]!);
  /** Rows before each change of time. */
  const changes: number[] = [];
  for (let i = 1; i < order.length; i++) if (times[order[i]!] !== times[order[i - 1]!]) changes.push(i);
  const nearest = (rowsBefore: number, allowed: readonly number[]): number =>
    allowed.reduce(
      (best, at) => (Math.abs(at - rowsBefore) < Math.abs(best - rowsBefore) ? at : best),
      allowed[0] ?? 0,
    );
  const weights = partNames.map((name) => shares[name]);
  const used = partNames.map((_, part) => part).filter((part) => weights[part]! > 0);
  const parts = new Int8Array(rows.length);
  let start = 0;
  let wanted = 0;
  used.forEach((part, i) => {
    wanted += weights[part]! * rows.length;
    const later = used.length - 1 - i;
    // As many changes must be left as there are cuts to come.
    const allowed = changes.filter((at) => at > start).slice(0, later === 0 ? 0 : 1 - later || undefined);
    const end = later === 0 ? rows.length : nearest(wanted, allowed);
    for (let at = start; at < end; at++) parts[order[at]!] = part;
    start = Math.max(start, end);
  });
  return requireRows(parts, weights, 'different times');
}

const partAliases: Readonly<Record<string, number>> = { train: 0, validation: 1, valid: 1, dev: 1, test: 2 };

function givenPart(row: SplitRow): number {
  const part = row.part === undefined ? undefined : partAliases[row.part];
  if (part === undefined) throw missing(row, 'a part (train, validation or test)', row.part);
  return part;
}

/** Takes a unit's rows out of all but its last part. */
function latestOfUnits(parts: ArrayLike<number>, units: Int32Array): Int8Array {
  const latest = new Int8Array(units.length).fill(-1);
  units.forEach((unit, i) => {
    latest[unit] = Math.max(latest[unit]!, parts[i]!);
  });
  return Int8Array.from(units, (unit, i) => (parts[i] === latest[unit] ? parts[i]! : -1));
}

function requireRows<Parts extends ArrayLike<number>>(parts: Parts, weights: readonly number[], what: string): Parts {
  const counts = weights.map(() => 0);
  for (let i = 0; i < parts.length; i++) counts[parts[i]!]!++;
  const wanted = weights.filter((weight) => weight > 0).length;
  const got = counts.filter((count) => count > 0).length;
  if (got >= wanted) return parts;
  throw new SlmError('DATA_CLASS_SIZE', `split: expected ${what} for ${wanted} parts, got enough for ${got}`);
}

function missing(row: SplitRow, what: string, value?: unknown): SlmError {
  const got = value === undefined ? 'none' : JSON.stringify(value);
  return new SlmError('DATA_ROW', `split: row ${JSON.stringify(row.id)}: expected ${what}, got ${got}`);
}

/** Order by id, then text, in code units. */
export function compareRows(a: SplitRow, b: SplitRow): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}
