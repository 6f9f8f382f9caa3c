import { type Difference, printDiff, summarizeDiff } from '@slm-compress/onnx';
import { describeSizes, table } from './inspection-text.ts';
import type { NumericDiff, ValueDifference } from './numeric-diff.ts';
import { percent } from './report/wording.ts';

/** Intermediate values that are shown, the first that differ. */
const VALUES = 20;

/** Two models' differences for the terminal: the graphs, a line that sums up, the values. */
export function diffText(differences: readonly Difference[], numeric?: NumericDiff): string {
  const summary = summarizeDiff(differences);
  return [
    printDiff(differences).trimEnd(),
    ...(summary === '' ? [] : [summary]),
    ...(numeric ? [numericText(numeric)] : []),
  ].join('\n\n');
}

function numericText({ dims, seed, values }: NumericDiff): string {
  const first = values.find(({ equal }) => !equal);
  const told = values.filter(({ isOutput, equal }) => isOutput || !equal);
  const shown = [
    ...told.filter(({ isOutput }) => !isOutput).slice(0, VALUES),
    ...told.filter(({ isOutput }) => isOutput),
  ];
  const rows = shown.map((value) => [value.isOutput ? `${value.name} (output)` : value.name, ...figures(value)]);
  const left = told.length - shown.length;
  return [
    ...(rows.length === 0 ? [] : [table(['value', 'max |Δ|', 'mean |Δ|', 'SQNR dB', 'same argmax'], rows)]),
    ...(left === 0 ? [] : [`and ${left} more intermediate values that differ (--json has them)`]),
    ...(told.length === values.length ? [] : [`${values.length - told.length} intermediate values are equal`]),
    `${describeSizes(dims)}, seed ${seed}: ${first === undefined ? 'all equal' : `they part at ${first.name}`}`,
  ].join('\n');
}

function figures({ distance, shapes, equal }: ValueDifference): readonly string[] {
  if (shapes !== undefined && distance === undefined) return [shapes.join(' → '), '', '', ''];
  if (distance === undefined) return [equal ? 'equal' : 'different', '', '', ''];
  const { maxAbs, meanAbs, sqnr, argmaxAgreement } = distance;
  return [
    short(maxAbs),
    short(meanAbs),
    Number.isFinite(sqnr) ? sqnr.toFixed(1) : String(sqnr).replace('Infinity', '∞'),
    argmaxAgreement === undefined ? '' : percent(argmaxAgreement, 1),
  ];
}

function short(value: number): string {
  return value === 0 ? '0' : value.toPrecision(3);
}
