import { parentPort, workerData } from 'node:worker_threads';
import { createWordCounter } from './word-counter.ts';
import type { WordRules } from './words.ts';

/** A batch of texts, or `undefined` for the end: the answer is then the counts, else an empty one. */
export type CountRequest = readonly string[] | undefined;

export interface CountAnswer {
  readonly words: readonly string[];
  readonly counts: Float64Array;
}

const port = parentPort!;
const counter = createWordCounter(workerData as WordRules);
port.on('message', (texts: CountRequest) => {
  if (texts === undefined) {
    const found = counter.counts();
    port.postMessage({ words: [...found.keys()], counts: Float64Array.from(found.values()) } satisfies CountAnswer);
    port.close();
    return;
  }
  for (const text of texts) counter.add(text);
  port.postMessage({ words: [], counts: new Float64Array() } satisfies CountAnswer);
});
