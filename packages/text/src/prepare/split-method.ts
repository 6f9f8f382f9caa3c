import { SlmError } from '@slm-compress/onnx';
import type { SplitOptions } from '../dataset.ts';
import type { ResolvedInputs } from '../sources/data-inputs.ts';
import type { SplitMethod } from '../splits/split-rows.ts';

/**
 * How the rows that are not given are divided. Throws SlmError `DATA_OPTION` for a share of a part that is given, and for
 * shares beside folds.
 */
export function splitMethod(split: SplitOptions, inputs: ResolvedInputs, seed: number): SplitMethod {
  const { by = 'stratified', folds, fold } = split;
  if (folds !== undefined || fold !== undefined) return foldMethod(split, inputs, seed);
  const share = (part: 'validation' | 'test'): number => {
    if (inputs[part] === undefined) return split[part] ?? 0.15;
    if ((split[part] ?? 0) === 0) return 0;
    throw optionError(
      part,
      `no share, since the rows of ${part} are given, got ${split[part]} (name the split of a folder to use that alone)`,
    );
  };
  const [validation, test] = [share('validation'), share('test')];
  // 1 - .15 - .15 is not .7 in binary.
  const train = split.train ?? Math.round((1 - validation - test) * 1e12) / 1e12;
  const shares = { train, validation, test };
  if (by === 'time') return { method: 'time', shares };
  return { method: by === 'group' ? 'grouped' : 'stratified', shares, seed };
}

function foldMethod(split: SplitOptions, inputs: ResolvedInputs, seed: number): SplitMethod {
  const { by = 'stratified', folds, fold, train, validation, test } = split;
  if (by === 'time') throw optionError('by', 'stratified or group beside folds, got time');
  if (inputs.test !== undefined) throw optionError('folds', 'none, since the rows of test are given');
  if (train !== undefined || test !== undefined || (validation ?? 0) > 0) {
    throw optionError('folds', 'no shares beside folds, which decide them (validation: 0 for none)');
  }
  const withValidation = validation !== 0 && inputs.validation === undefined;
  return {
    method: 'folds',
    folds: folds ?? Number.NaN,
    fold: fold ?? Number.NaN,
    seed,
    ...(withValidation ? {} : { validation: false }),
  };
}

function optionError(key: string, expected: string): SlmError {
  return new SlmError('DATA_OPTION', `split.${key}: expected ${expected}`);
}
