import { stat } from 'node:fs/promises';
import { openRows } from '@slm-compress/text';

/** The texts of the rows, of chat messages one a message; of a folder with splits, those of `train`. */
export async function* textsOf(path: string, column: string | undefined): AsyncGenerator<string> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const columns = column === undefined ? {} : { columns: { text: column } };
  for await (const { text, messages } of openRows({
    inputs: [{ path, ...columns, ...(isFolder ? { split: 'train' } : {}) }],
  })) {
    if (messages === undefined) yield text;
    else for (const { content } of messages) yield content;
  }
}
