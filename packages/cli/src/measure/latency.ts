import { type CaseMeasurement, measureAlternating, measureThroughput } from '@slm-compress/bench';
import { createRng, int64, type Tensors } from '@slm-compress/onnx';
import { openClassifier, openEngine } from '@slm-compress/runtime';
import type { ModelEntry } from './model-entry.ts';

export interface LatencyOptions {
  /** Tokens of the text. */
  readonly length?: number;
  /** Timed calls of every model. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
}

/**
 * Times the engines alone: one text of `length` tokens, none of them padding, one thread, the models in turn in one
 * process, each settled by a few untimed calls at every turn. Results come in the order of `entries`.
 */
export async function measureEngines(
  entries: readonly ModelEntry[],
  { length = 128, rounds = 150, signal }: LatencyOptions = {},
): Promise<readonly CaseMeasurement[]> {
  return await withAll(
    entries,
    (entry) => openEngine(entry.files.modelPath, { intraOpThreads: 1 }),
    async (engines) => {
      const cases = entries.map((entry, index) => {
        const feeds = textOf(Math.min(length, entry.files.maxLength));
        return { name: entry.name, run: () => engines[index]!.run(feeds) };
      });
      return await measureAlternating(cases, {
        rounds,
        warmup: 10,
        settle: 5,
        ...(signal === undefined ? {} : { signal }),
      });
    },
  );
}

/** Times requests from text to label, one at a time, real texts, the models in turn. */
export async function measureRequests(
  entries: readonly ModelEntry[],
  texts: readonly string[],
  { rounds = 100, signal }: LatencyOptions = {},
): Promise<readonly CaseMeasurement[]> {
  return await withAll(
    entries,
    ({ folder }) => openClassifier(folder, { workers: 1 }),
    async (classifiers) => {
      const cases = entries.map(({ name }, index) => {
        let next = 0;
        return { name, run: () => classifiers[index]!.classify(texts[next++ % texts.length]!) };
      });
      return await measureAlternating(cases, { rounds, warmup: 5, ...(signal === undefined ? {} : { signal }) });
    },
  );
}

/** Texts per second of a pool of `workers` that is kept busy. */
export async function measurePool(
  entry: ModelEntry,
  texts: readonly string[],
  workers: number,
  signal?: AbortSignal,
): Promise<number> {
  await using classifier = await openClassifier(entry.folder, { workers });
  const { perSecond } = await measureThroughput(texts, (text) => classifier.classify(text), {
    concurrency: 2 * workers,
    ...(signal === undefined ? {} : { signal }),
  });
  return perSecond;
}

/** A made-up text of exactly `length` tokens: seeded ids that every vocabulary has. */
function textOf(length: number): Tensors {
  const rng = createRng('latency');
  const ids = Array.from({ length }, () => 5 + rng.integer(90));
  return {
    input_ids: int64(ids, [1, length]),
    attention_mask: int64(new Array<number>(length).fill(1), [1, length]),
  };
}

/** Opens one thing for each entry, hands all to `body` and closes them, also after an error. */
async function withAll<T extends AsyncDisposable, R>(
  entries: readonly ModelEntry[],
  open: (entry: ModelEntry) => Promise<T>,
  body: (opened: readonly T[]) => Promise<R>,
): Promise<R> {
  const opened: T[] = [];
  try {
    for (const entry of entries) opened.push(await open(entry));
    return await body(opened);
  } finally {
    for (const one of opened) await one[Symbol.asyncDispose]();
  }
}
