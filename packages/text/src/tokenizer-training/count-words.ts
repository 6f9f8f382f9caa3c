import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { CountAnswer, CountRequest } from './count-words-worker.ts';
import { createWordCounter } from './word-counter.ts';
import type { WordRules } from './words.ts';

/** Characters of texts sent to a worker at once. */
const batchSize = 2 ** 20;
/** Fewer characters are counted in the calling thread: starting workers would take longer. */
const worthWorkers = 2 ** 22;

/** Words in code-unit order, and how often each occurs. */
export interface WordCounts {
  readonly words: readonly string[];
  readonly counts: Float64Array;
}

export interface CountOptions {
  /** Threads that count; the number of cores by default. The result is the same for any number. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  readonly onTexts?: (texts: number) => void;
}

/**
 * Counts the words of texts, in worker threads when there is much text. Holds counts and a few batches, no texts.
 * Throws what the texts throw and the signal's reason.
 */
export async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  rules: WordRules,
  options: CountOptions = {},
): Promise<WordCounts> {
  const { workers = availableParallelism(), signal, onTexts } = options;
  const threads: CountingThread[] = [];
  /** Batches held back until it is known that there is much text. */
  let held: (readonly string[])[] = [];
  let batch: string[] = [];
  let characters = 0;
  let seen = 0;
  const pass = async () => {
    signal?.throwIfAborted();
    seen += batch.length;
    onTexts?.(seen);
    held.push(batch);
    batch = [];
    characters = 0;
    if (held.length * batchSize < worthWorkers && threads.length === 0) return;
    while (threads.length < workers) threads.push(startThread(rules));
    for (const one of held) await (await firstFree(threads)).send(one);
    held = [];
  };
  try {
    for await (const text of texts) {
      batch.push(text);
      characters += text.length;
      if (characters >= batchSize) await pass();
    }
    if (threads.length > 0 && batch.length > 0) await pass();
    signal?.throwIfAborted();
    const counter = createWordCounter(rules);
    for (const one of [...held, batch]) for (const text of one) counter.add(text);
    const merged = counter.counts();
    for (const { words, counts } of await Promise.all(threads.map((thread) => thread.finish()))) {
      words.forEach((word, i) => {
        merged.set(word, (merged.get(word) ?? 0) + counts[i]!);
      });
    }
    const words = [...merged.keys()].sort();
    return { words, counts: Float64Array.from(words, (word) => merged.get(word)!) };
  } finally {
    await Promise.all(threads.map((thread) => thread.stop()));
  }
}

interface CountingThread {
  /** Resolves when the thread can take a batch. */
  free(): Promise<unknown>;
  send(texts: readonly string[]): void;
  finish(): Promise<CountAnswer>;
  stop(): Promise<unknown>;
}

/** Two batches under way keep a thread busy. */
const batchesUnderWay = 2;

async function firstFree(threads: readonly CountingThread[]): Promise<CountingThread> {
  return await Promise.race(threads.map((thread) => thread.free().then(() => thread)));
}

function startThread(rules: WordRules): CountingThread {
  const worker = new Worker(new URL('../../dist/tokenizer-training/count-words-worker.js', import.meta.url), {
    workerData: rules,
    execArgv: [],
  });
  const answers: Promise<CountAnswer>[] = [];
  const resolvers: ((answer: CountAnswer) => void)[] = [];
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => undefined);
  worker.on('message', (answer: CountAnswer) => resolvers.shift()?.(answer));
  worker.on('error', fail);
  const ask = (request: CountRequest) => {
    answers.push(new Promise((resolve) => resolvers.push(resolve)));
    worker.postMessage(request);
  };
  return {
    free: () => Promise.race([failure, answers.at(-batchesUnderWay)]),
    send: ask,
    finish() {
      ask(undefined);
      return Promise.race([failure, answers.at(-1)!]);
    },
    stop: () => worker.terminate(),
  };
}
