import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { openRows, type RowColumns, type RowFormat, type RowInput, resolveInputs } from '@slm-compress/text';

/**
 * The texts of the rows as they lie in the files, of chat messages one a message, of pairs both; of a folder with splits,
 * those of `train`; of a recipe those of its training inputs and its unlabelled ones. Columns given here replace the recipe's
 * text or messages, `format` says what names do not. Throws SlmError `DATA_SOURCE` for an npm package that is no data, and as `openRows` and reading a recipe do.
 */
export async function* textsOf(path: string, columns: RowColumns = {}, format?: RowFormat): AsyncGenerator<string> {
  const baseDir = isRecipe(path) ? dirname(resolve(path)) : '.';
  for await (const { text, messages, pair } of openRows({
    inputs: await inputsOf(path, baseDir, columns, format),
    baseDir,
  })) {
    if (messages === undefined) yield text;
    else for (const { content } of messages) yield content;
    if (pair !== undefined) yield pair;
  }
}

const isRecipe = (path: string) => /\.ya?ml$/i.test(path);

async function inputsOf(
  path: string,
  baseDir: string,
  columns: RowColumns,
  format?: RowFormat,
): Promise<readonly RowInput[]> {
  if (isRecipe(path)) {
    const { dataInputs, readDataRecipe } = await import('@slm-compress/compress');
    const { data } = await readDataRecipe(path);
    const { train, unlabelled = [] } = await resolveInputs(dataInputs(data, baseDir));
    if (Object.keys(columns).length === 0) return [...train, ...unlabelled];
    return [...train, ...unlabelled].map((input) => {
      const { text: _, messages: __, ...others } = input.columns ?? {};
      return { ...input, columns: { ...others, ...columns } };
    });
  }
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  return [{ path, columns, ...(format && { format }), ...(isFolder ? { split: 'train' } : {}) }];
}
