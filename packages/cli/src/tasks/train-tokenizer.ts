import type { StageEvent } from '@slm-compress/compress';
import { trainTokenizer, writeTokenizer } from '@slm-compress/text';
import { checkTokenizerOut, outError } from './check-out.ts';
import type { MadeTokenizer, Task } from './task.ts';
import { textsOf } from './texts-of.ts';

/** Learns a vocabulary from the texts of a file, data folder or recipe and writes the tokenizer's files. */
export async function* trainTokenizerTask(
  task: Extract<Task, { kind: 'tokenizer' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, MadeTokenizer> {
  const { data, columns, format, out } = task;
  await checkTokenizerOut(out, data === '-' ? [] : [data]);
  const events: StageEvent[] = [];
  let texts = 0;
  let finished = false;
  const counted = async function* () {
    for await (const text of textsOf(data, columns, format)) {
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
