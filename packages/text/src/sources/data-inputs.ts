import { basename, resolve } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { DataInputs } from '../dataset.ts';
import { stdinPath } from './bytes.ts';
import { folderParts } from './data-files.ts';
import type { RowInput } from './open-rows.ts';
import { isPackage, spamAssassinSource } from './spam-assassin.ts';

/** The inputs of each part, with full paths and columns; a part that was not given is absent. */
export interface ResolvedInputs {
  readonly train: readonly RowInput[];
  readonly validation?: readonly RowInput[];
  readonly test?: readonly RowInput[];
  readonly unlabelled?: readonly RowInput[];
}

/**
 * Resolves paths, hands down columns, and takes a folder that has parts apart, unless one of them is named in it.
 * Throws SlmError `DATA_SOURCE` for an npm package that is no data set or that has other inputs beside it, and as
 * {@link openRows} for a folder whose configuration is not named.
 */
export async function resolveInputs(data: DataInputs): Promise<ResolvedInputs> {
  const { baseDir, columns: common } = data;
  const resolved = (inputs: readonly RowInput[], labelled: boolean) =>
    inputs.map((input): RowInput => {
      const { label, ...others } = { ...common, ...input.columns };
      const columns = labelled || label === undefined ? { ...common, ...input.columns } : others;
      const path = isPackage(input.path) || input.path === stdinPath ? input.path : resolve(baseDir, input.path);
      return { ...input, path, ...(Object.keys(columns).length === 0 ? {} : { columns }) };
    });
  const parts: { -readonly [Part in keyof ResolvedInputs]: ResolvedInputs[Part] } = {
    train: resolved(data.inputs, true),
  };
  if (data.validation !== undefined) parts.validation = resolved(data.validation, true);
  if (data.test !== undefined) parts.test = resolved(data.test, true);
  if (data.unlabelled !== undefined) parts.unlabelled = resolved(data.unlabelled, false);
  for (const inputs of Object.values(parts)) {
    for (const { path } of inputs) {
      if (isPackage(path) && (path !== spamAssassinSource || inputs.length > 1 || inputs === parts.unlabelled)) {
        throw new SlmError('DATA_SOURCE', `${path}: expected a file, or ${spamAssassinSource} alone`);
      }
    }
  }
  const [only] = parts.train;
  if (parts.train.length === 1 && only!.split === undefined && !isPackage(only!.path)) {
    const found = await folderParts(only!.path, only!.config);
    if (found.train !== undefined && (found.validation ?? found.test) !== undefined) {
      parts.train = [{ ...only!, split: found.train }];
      const given = ({ limit: _, sample: __, ...rest }: RowInput, split: string) => [{ ...rest, split }];
      if (found.validation !== undefined) parts.validation ??= given(only!, found.validation);
      if (found.test !== undefined) parts.test ??= given(only!, found.test);
    }
  }
  return parts;
}

/** A name for a data set: that of its first input without endings. */
export function nameOfInputs(inputs: readonly RowInput[]): string {
  const { path } = inputs[0]!;
  if (path === spamAssassinSource) return 'spam-assassin';
  return basename(path).replace(/(\.[^.]+?)?(\.(gz|gzip|zst|zstd))?$/i, '') || 'data';
}
