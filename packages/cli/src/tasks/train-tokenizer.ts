import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { StageEvent } from '@slm-compress/compress';
import { SlmError } from '@slm-compress/onnx';
import { readDataFolder, trainTokenizer, writeTokenizer } from '@slm-compress/text';
import { outError, requireWritable } from './check-out.ts';
import type { MadeTokenizer, Task } from './task.ts';

/** Learns a vocabulary from the texts of a file or data folder and writes the tokenizer's files. */
export async function* trainTokenizerTask(
  task: Extract<Task, { kind: 'tokenizer' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, MadeTokenizer> {
  const { data, column, out } = task;
  await requireWritable(out);
  const events: StageEvent[] = [];
  let texts = 0;
  let finished = false;
  const counted = async function* () {
    for await (const text of textsOf(data, column)) {
      texts++;
      yield text;
    }
  };
  const learned = trainTokenizer(counted(), {
    ...task.options,
    signal,
    onProgress: ({ phase, done, total }) => {
      events.splice(0, events.length, { kind: 'progress', stage: 'tokenizer', phase, done, total });
    },
  }).finally(() => {
    finished = true;
  });
  const settled = learned.catch(() => undefined);
  while (!finished) {
    await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 100))]);
    yield* events.splice(0);
  }
  try {
    const files = await learned;
    await writeTokenizer(out, files);
    return { folder: out, vocabSize: files.vocabSize, texts };
  } catch (error) {
    throw outError(out, error);
  }
}

async function* textsOf(data: string, column: string): AsyncGenerator<string> {
  const found = await stat(data).catch(() => undefined);
  if (found === undefined) throw new SlmError('FILE_NOT_FOUND', `${data}: expected a data folder or a file of texts`);
  if (found.isDirectory()) {
    for (const { text } of (await readDataFolder(data)).train) yield text;
    return;
  }
  const name = data.replace(/\.gz$/, '');
  const isRows = name.endsWith('.jsonl');
  if (!isRows && !name.endsWith('.txt')) {
    throw new SlmError('DATA_FORMAT', `${data}: expected .jsonl, .txt or .gz of them, or a data folder`);
  }
  const file = createReadStream(data);
  const input = name === data ? file : file.pipe(createGunzip());
  file.on('error', (error) => input.destroy(error));
  let line = 0;
  for await (const row of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (row.trim() !== '') yield isRows ? textOf(row, column, `${data}:${line}`) : row;
  }
}

function textOf(row: string, column: string, where: string): string {
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch {}
  const text = (value as Readonly<Record<string, unknown>> | undefined | null)?.[column];
  if (typeof text === 'string') return text;
  throw new SlmError(
    'DATA_FORMAT',
    `${where}: expected a JSON object with a string "${column}" (--column names another)`,
  );
}
