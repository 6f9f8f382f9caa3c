import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { parseRecipe, type Recipe, type RecipeSize, recipeText, reservedNames } from '@slm-compress/compress';
import { SlmError } from '@slm-compress/onnx';
import { findColumns } from '@slm-compress/text';
import writeFileAtomic from 'write-file-atomic';
import { type InspectedData, inspectInputs, likelyColumns, pathInputs } from '../data-inspection.ts';
import { outError } from '../tasks/check-out.ts';
import type { Asker } from './ask.ts';
import { checkClasses } from './check-classes.ts';
import { type ColumnAnswers, chooseColumns } from './choose-columns.ts';

export interface InitOptions extends ColumnAnswers {
  readonly data: string;
  readonly out: string;
  readonly size?: RecipeSize;
  readonly seed: number;
  readonly force: boolean;
  /** Absent where nobody is there to be asked. */
  readonly asker?: Asker;
  /** Shown before the last questions. */
  readonly onAccount?: (inspection: InspectedData) => void;
  readonly signal?: AbortSignal;
}

/** A recipe that was written, with the account of the data it was made for. */
export interface WrittenRecipe {
  readonly recipe: Recipe;
  readonly inspection: InspectedData;
}

/** Different texts on which costly measures are taken: enough for shares of a per cent. */
const sampled = 4000;

/**
 * Looks at data, decides or asks what is text and label, and writes a recipe for it; undefined when the person declines.
 *
 * Throws SlmError `OUT_IS_INPUT`, `OUT_EXISTS` unless forced, `OUT_UNWRITABLE`, `DATA_SOURCE` for standard input, and what choosing the
 * columns, checking the labels and reading the data throw.
 */
export async function init(options: InitOptions): Promise<WrittenRecipe | undefined> {
  const { data, out, seed, force, asker, signal } = options;
  if (data === '-') {
    throw new SlmError('DATA_SOURCE', '--data: expected a file or folder that the recipe can name, got standard input');
  }
  if ((await realpath(out).catch(() => resolve(out))) === (await realpath(data).catch(() => resolve(data)))) {
    throw new SlmError('OUT_IS_INPUT', `${out}: expected another file than the data (name another --out)`);
  }
  if (!force && (await stat(out).catch(() => undefined)) !== undefined) {
    throw new SlmError('OUT_EXISTS', `${out}: expected no file, got one (--force replaces it)`);
  }
  const inputs = await pathInputs(data);
  const found = await findColumns(inputs[0]!);
  const chosen = await chooseColumns(data, found, options, asker);
  const inspection = await inspectInputs(inputs, found, {
    ...chosen,
    sample: sampled,
    seed,
    examples: 3,
    ...(signal === undefined ? {} : { signal }),
  });
  options.onAccount?.(inspection);
  checkClasses(data, inspection);
  const size =
    options.size ?? ((await asker?.choice('How large may the model be?', sizes)) as RecipeSize | undefined) ?? 'small';
  const { text, messages } = likelyColumns({ ...found, texts: [chosen.text] });
  const { group, time } = found;
  const yaml = recipeText({
    name: runName(data),
    path: relativePath(dirname(resolve(out)), resolve(data)),
    columns: { ...(messages === undefined ? { text: text! } : { messages }), label: chosen.label },
    parts: Object.fromEntries(inputs.flatMap(({ part, split }) => (part === undefined ? [] : [[part, split]]))),
    inspection,
    size,
    seed,
    ...(group === undefined ? {} : { group }),
    ...(time === undefined ? {} : { time }),
  });
  const recipe = parseRecipe(yaml, out);
  if (asker !== undefined && !(await asker.yes(`Write ${out}?`))) return undefined;
  try {
    await writeFileAtomic(out, yaml);
  } catch (error) {
    throw outError(out, error);
  }
  return { recipe, inspection };
}

/** Sizes of a recipe, the usual one first. */
export const sizes: readonly RecipeSize[] = ['small', 'tiny', 'medium'];

/** A name for the run: the data's, as far as a folder may have it. */
function runName(data: string): string {
  const name = basename(resolve(data))
    .replace(/(\.[a-z]+)?(\.(gz|gzip|zst|zstd))?$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return name === '' || reservedNames.has(name) ? 'classifier' : name;
}

function relativePath(from: string, to: string): string {
  return relative(from, to).split(sep).join('/') || '.';
}
