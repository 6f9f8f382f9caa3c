import { type Rng, SlmError, type Tensor } from '@slm-compress/onnx';

/** Bounds of a batch. */
export interface BatchOptions {
  /** Upper bound of (padded length × texts) of a batch. */
  readonly tokenBudget: number;
  /** Upper bound of texts in a batch; none by default. */
  readonly maxBatch?: number;
  /** Lengths are rounded up to a multiple of this; 1 by default. */
  readonly padToMultiple?: number;
  readonly rng: Rng;
}

/**
 * Groups texts of similar length: every index exactly once, padded length × count within the budget. Texts of one length
 * are in random order, and so are the batches: the same generator state gives the same batches.
 * Throws SlmError `BATCH_OPTION` for bounds that are not positive integers, and when one text alone exceeds the budget.
 */
export function batchByLength(lengths: readonly number[], options: BatchOptions): readonly (readonly number[])[] {
  const { tokenBudget, maxBatch = Number.MAX_SAFE_INTEGER, padToMultiple = 1, rng } = options;
  for (const [name, value] of Object.entries({ tokenBudget, maxBatch, padToMultiple })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new SlmError('BATCH_OPTION', `${name}: expected a positive integer, got ${value}`);
    }
  }
  const padded = (length: number) => Math.max(1, Math.ceil(length / padToMultiple)) * padToMultiple;
  const order = rng.shuffle(lengths.map((_, i) => i)).sort((a, b) => lengths[a]! - lengths[b]!);
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const index of order) {
    const length = padded(lengths[index]!);
    if (length > tokenBudget) {
      throw new SlmError(
        'BATCH_OPTION',
        `tokenBudget: expected at least ${length}, the padded length of text ${index}, got ${tokenBudget}`,
      );
    }
    if (batch.length > 0 && (batch.length >= maxBatch || length * (batch.length + 1) > tokenBudget)) {
      batches.push(batch);
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length > 0) batches.push(batch);
  return rng.shuffle(batches);
}

/** A batch as a model takes it; both tensors are int64 `[batch, sequence]`. */
export interface PaddedBatch {
  readonly inputIds: Tensor;
  /** 1 for a token of the text, 0 for padding. */
  readonly attentionMask: Tensor;
  /** Tokens that are not padding. */
  readonly tokens: number;
}

/**
 * Pads rows of ids on the right to the longest, or to `length`.
 * Throws SlmError `BATCH_OPTION` when a row is longer than `length`.
 */
export function padBatch(
  ids: readonly Int32Array[],
  options: { readonly padId: number; readonly length?: number },
): PaddedBatch {
  const longest = ids.reduce((most, row) => Math.max(most, row.length), 0);
  const length = options.length ?? longest;
  if (longest > length) {
    throw new SlmError('BATCH_OPTION', `length: expected at least ${longest}, the longest row, got ${length}`);
  }
  const inputIds = new BigInt64Array(ids.length * length).fill(BigInt(options.padId));
  const attentionMask = new BigInt64Array(ids.length * length);
  let tokens = 0;
  ids.forEach((row, b) => {
    tokens += row.length;
    for (let s = 0; s < row.length; s++) inputIds[b * length + s] = BigInt(row[s]!);
    attentionMask.fill(1n, b * length, b * length + row.length);
  });
  const dims = [ids.length, length];
  return {
    inputIds: { type: 'int64', dims, data: inputIds },
    attentionMask: { type: 'int64', dims, data: attentionMask },
    tokens,
  };
}
