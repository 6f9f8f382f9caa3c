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

/** A batch as a model takes it; tensors are int64 `[batch, sequence]`. */
export interface PaddedBatch {
  readonly inputIds: Tensor;
  /** 1 for a token of the text, 0 for padding. */
  readonly attentionMask: Tensor;
  /** With padding on the left only: 0, 1, … from a row's first token; 0 for padding. */
  readonly positionIds?: Tensor;
  /** Tokens that are not padding. */
  readonly tokens: number;
}

export interface PadOptions {
  readonly padId: number;
  /** Length of every row; the longest row's by default. */
  readonly length?: number;
  /** The longest row's length is rounded up to a multiple of this; 1 by default. Not with `length`. */
  readonly toMultiple?: number;
  /** Where padding goes: `right` by default, `left` for decoders that generate from a batch. */
  readonly side?: 'left' | 'right';
}

/**
 * Pads rows of ids to one length. Throws SlmError `BATCH_OPTION` when a row is longer than `length`, for `length` with
 * `toMultiple`, or a `toMultiple` that is not a positive integer.
 */
export function padBatch(ids: readonly Int32Array[], options: PadOptions): PaddedBatch {
  const { padId, toMultiple = 1, side = 'right' } = options;
  if (!Number.isInteger(toMultiple) || toMultiple < 1 || (options.length !== undefined && toMultiple > 1)) {
    const got = options.length === undefined ? toMultiple : `${toMultiple} with length ${options.length}`;
    throw new SlmError('BATCH_OPTION', `toMultiple: expected a positive integer, and no length, got ${got}`);
  }
  const longest = ids.reduce((most, row) => Math.max(most, row.length), 0);
  const length = options.length ?? Math.ceil(longest / toMultiple) * toMultiple;
  if (longest > length) {
    throw new SlmError('BATCH_OPTION', `length: expected at least ${longest}, the longest row, got ${length}`);
  }
  const inputIds = new BigInt64Array(ids.length * length).fill(BigInt(padId));
  const attentionMask = new BigInt64Array(ids.length * length);
  const positionIds = new BigInt64Array(side === 'left' ? ids.length * length : 0);
  let tokens = 0;
  ids.forEach((row, b) => {
    const start = b * length + (side === 'left' ? length - row.length : 0);
    tokens += row.length;
    for (let s = 0; s < row.length; s++) inputIds[start + s] = BigInt(row[s]!);
    if (side === 'left') for (let s = 0; s < row.length; s++) positionIds[start + s] = BigInt(s);
    attentionMask.fill(1n, start, start + row.length);
  });
  const tensor = (data: BigInt64Array): Tensor => ({ type: 'int64', dims: [ids.length, length], data });
  return {
    inputIds: tensor(inputIds),
    attentionMask: tensor(attentionMask),
    ...(side === 'left' ? { positionIds: tensor(positionIds) } : {}),
    tokens,
  };
}
