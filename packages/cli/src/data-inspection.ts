import { dirname, resolve } from 'node:path';
import {
  type DataInspection,
  type FoundColumns,
  findColumns,
  folderParts,
  type InspectedInput,
  inspectData,
  loadTokenizer,
  type RowColumns,
  type RowFormat,
  type RowInput,
  resolveInputs,
} from '@slm-compress/text';

/** The account of a data set with the columns it was made from. */
export interface InspectedData extends DataInspection {
  /** The columns of the first input. */
  readonly columns: FoundColumns['columns'];
  /** What was read as what. */
  readonly read: { readonly text?: string; readonly label?: string };
}

export interface InspectOptions {
  /** Of data whose name does not say it. */
  readonly format?: RowFormat;
  readonly text?: string;
  readonly label?: string;
  /** A tokenizer folder. */
  readonly tokenizer?: string;
  readonly sample?: number;
  readonly seed?: number;
  readonly examples?: number;
  /** Where npm packages are looked for; the working folder by default. */
  readonly baseDir?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
}

/** Inspects a file, pattern or folder of data, or the data of a recipe. */
export async function inspectPath(path: string, options: InspectOptions = {}): Promise<InspectedData> {
  const recipe = /\.ya?ml$/i.test(path);
  const baseDir = recipe ? dirname(resolve(path)) : '.';
  const { format, ...others } = options;
  const found = recipe ? await recipeInputs(path, baseDir) : await pathInputs(path);
  const inputs = format === undefined ? found : found.map((input) => ({ ...input, format }));
  return inspectInputs(inputs, await findColumns(inputs[0]!, { baseDir }), { ...others, baseDir });
}

/** Inspects inputs, of the first of which the columns are `found`. */
export async function inspectInputs(
  inputs: readonly InspectedInput[],
  found: FoundColumns,
  options: InspectOptions = {},
): Promise<InspectedData> {
  const { text, label, tokenizer: folder, ...others } = options;
  const named = { ...(text === undefined ? {} : { text }), ...(label === undefined ? {} : { label }) };
  const given = { ...inputs[0]!.columns, ...named };
  const read = { ...likelyColumns(found), ...given };
  const tokenizer = folder === undefined ? undefined : await loadTokenizer(folder);
  const inspection = await inspectData({
    inputs: inputs.map((input) => ({ ...input, columns: { ...read, ...input.columns, ...named } })),
    ...others,
    ...(tokenizer === undefined ? {} : { tokenizer }),
  });
  return { ...inspection, columns: found.columns, read };
}

/** The likeliest text and label, for columns that do not have the names expected anyway. */
export function likelyColumns({ columns, texts, labels }: FoundColumns): RowColumns {
  const [text, label] = [texts[0], labels[0]];
  const chat = columns.find(({ name }) => name === text)?.kind === 'messages';
  return {
    ...(text === undefined ? {} : chat ? { messages: text } : { text }),
    ...(label === undefined ? {} : { label }),
  };
}

/** The inputs that a path stands for: one, or of a folder with parts one each, `train` first. */
export async function pathInputs(path: string): Promise<readonly InspectedInput[]> {
  const parts = Object.entries(await folderParts(path));
  return parts.length > 1 ? parts.map(([part, split]) => ({ path, split, part })) : [{ path }];
}

async function recipeInputs(file: string, baseDir: string): Promise<readonly InspectedInput[]> {
  const { dataInputs, readDataRecipe } = await import('@slm-compress/compress');
  const { data } = await readDataRecipe(file);
  const parts = Object.entries(await resolveInputs(dataInputs(data, baseDir)));
  const inputs = parts
    .filter(([part]) => part !== 'unlabelled')
    .flatMap(([part, list]: readonly [string, readonly RowInput[]]) => list.map((input) => ({ ...input, part })));
  return parts.length > 1 ? inputs : inputs.map(({ part: _, ...input }) => input);
}
