import type { Engine } from '@slm-compress/onnx';
import { SlmError } from '@slm-compress/onnx';
import { padBatch } from '@slm-compress/text';

export interface PredictOptions {
  /** Token id of padding; 0 by default. */
  readonly padId?: number;
  /** The output `[batch, labels]`; `logits` by default. */
  readonly output?: string;
  /** Tokens of a batch, padding included; 4096 by default. One longer text is a batch of its own. */
  readonly tokenBudget?: number;
  /** Batches in flight; 4 by default, enough to keep a pool of that many workers busy. */
  readonly concurrency?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs a classifier over tokenized texts, batched by length. Returns the logits `[texts, labels]` in the order of the
 * texts; the batches depend on the texts alone. Throws `ABORTED`, and what the engine throws.
 */
export async function predictLogits(
  engine: Pick<Engine, 'run'>,
  data: readonly Int32Array[],
  options: PredictOptions = {},
): Promise<Float32Array> {
  const { padId = 0, output = 'logits', tokenBudget = 4096, concurrency = 4, onProgress, signal } = options;
  const batches = batchesInOrder(
    data.map((ids) => ids.length),
    tokenBudget,
  );
  let logits: Float32Array | undefined;
  let done = 0;
  await inParallel(batches, { concurrency, ...(signal && { signal }) }, async (batch) => {
    const { inputIds, attentionMask } = padBatch(
      batch.map((index) => data[index]!),
      { padId },
    );
    const feeds = { input_ids: inputIds, attention_mask: attentionMask };
    const made = (await engine.run(feeds, { outputs: [output] }))[output]!;
    const classes = made.dims[1]!;
    logits ??= new Float32Array(data.length * classes);
    for (const [row, index] of batch.entries()) {
      const values = (made.data as Float32Array).subarray(row * classes, (row + 1) * classes);
      logits.set(values, index * classes);
    }
    done += batch.length;
    onProgress?.(done, data.length);
  });
  return logits ?? new Float32Array(0);
}

/**
 * Works on items in their order, at most `concurrency` at a time; the results are in the order of the items. The first
 * failure stops what has not begun and is thrown when the rest has ended. Throws `ABORTED`.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  { concurrency, signal }: { readonly concurrency: number; readonly signal?: AbortSignal },
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failed = false;
  const run = async () => {
    while (next < items.length && !failed) {
      const index = next++;
      if (signal?.aborted) throw new SlmError('ABORTED', 'predict: stopped by its signal', { cause: signal.reason });
      try {
        results[index] = await work(items[index]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(concurrency, items.length) }, run));
  const rejected = settled.find((result) => result.status === 'rejected');
  if (rejected) throw rejected.reason;
  return results;
}

/** Batches of neighbours in length, padded length × count within the budget (one longer text is a batch of its own). */
export function batchesInOrder(lengths: readonly number[], tokenBudget: number): readonly (readonly number[])[] {
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const index of order) {
    if (batch.length > 0 && lengths[index]! * (batch.length + 1) > tokenBudget) {
      batches.push(batch);
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length > 0) batches.push(batch);
  // Longest first: the last batches to finish are short ones.
  return batches.reverse();
}

/** How well logits say their labels; sums over what was scored. */
export interface Score {
  /** Cross-entropy, natural logarithm. */
  readonly loss: number;
  /** Labels whose logit is the highest, the first of equals. */
  readonly correct: number;
  readonly count: number;
}

/** The score of one row of logits. */
export function scoreRow(logits: Float32Array | Float64Array, label: number): Score {
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of logits) highest = Math.max(highest, value);
  let mass = 0;
  for (const value of logits) mass += Math.exp(value - highest);
  const correct = logits.indexOf(highest) === label ? 1 : 0;
  return { loss: Math.log(mass) + highest - logits[label]!, correct, count: 1 };
}

/** Mean cross-entropy and share of right labels of what was scored. */
export function meanScore(scores: Iterable<Score>): { readonly loss: number; readonly accuracy: number } {
  let [loss, correct, count] = [0, 0, 0];
  for (const score of scores) {
    loss += score.loss;
    correct += score.correct;
    count += score.count;
  }
  return { loss: loss / count, accuracy: correct / count };
}

/** Share of right labels and mean cross-entropy (natural logarithm) of `logits` `[examples, classes]`. */
export function scoreLogits(logits: Float32Array, labels: Int32Array): { accuracy: number; loss: number } {
  const classes = logits.length / labels.length;
  return meanScore(
    Array.from(labels, (label, row) => scoreRow(logits.subarray(row * classes, (row + 1) * classes), label)),
  );
}
