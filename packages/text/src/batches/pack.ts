import { SlmError, type Tensor } from '@slm-compress/onnx';
import { IGNORED_LABEL } from './ignored-label.ts';

export interface PackOptions {
  /** Tokens of every block. */
  readonly blockLength: number;
  /** Examples that are looked at to fill what is left of a block; 64 by default. */
  readonly lookAhead?: number;
  /** An example longer than a block is cut into pieces (the default) or an error. */
  readonly longer?: 'split' | 'error';
}

/** A run of tokens of one example. */
export interface PackedPiece {
  readonly example: number;
  /** First token of the example that is in the piece. */
  readonly start: number;
  readonly length: number;
}

/** Which pieces go into which block. */
export interface PackPlan {
  readonly blocks: readonly (readonly PackedPiece[])[];
  readonly tokens: number;
  /** Tokens / (blocks × block length); 1 without blocks. */
  readonly utilisation: number;
}

/** A block for a language model; arrays are `[blockLength]` but for `cumulativeLengths`. */
export interface PackedBlock {
  /** The pieces' ids one after another, then padding. */
  readonly inputIds: Int32Array;
  /** 0, 1, … from the start of each piece; 0 for padding. */
  readonly positionIds: Int32Array;
  /** 1 for the first piece, 2 for the second, …; 0 for padding. A token attends within its segment only. */
  readonly segmentIds: Int32Array;
  /**
   * The id itself where the loss counts. {@link IGNORED_LABEL} for padding and, unless labels are predicted in place, for
   * the first token of a piece, which the token before it, of another piece, must not be asked to predict. Not shifted.
   */
  readonly labels: Int32Array;
  /** Where pieces start, and where the last ends: `[pieces + 1]` (`cu_seqlens`). */
  readonly cumulativeLengths: Int32Array;
}

/**
 * Packs examples of these lengths into blocks: the oldest example waiting opens a block, and it takes the longest of the
 * next `lookAhead` that still fits, the first of equals, until none does. Deterministic. Every token is in exactly one piece, and
 * an example no longer than a block is in one piece; empty examples are in none.
 * Throws SlmError `BATCH_OPTION` for bounds that are not positive integers, lengths that are not integers from 0, and
 * an example longer than a block when that is an error.
 */
export function planPacking(lengths: ArrayLike<number>, options: PackOptions): PackPlan {
  const { blockLength, lookAhead = 64, longer = 'split' } = options;
  for (const [name, value] of Object.entries({ blockLength, lookAhead })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new SlmError('BATCH_OPTION', `${name}: expected a positive integer, got ${value}`);
    }
  }
  const source = pieces(lengths, blockLength, longer);
  const waiting: PackedPiece[] = [];
  const fill = () => {
    while (waiting.length < lookAhead) {
      const { value, done } = source.next();
      if (done) return;
      waiting.push(value);
    }
  };
  const blocks: PackedPiece[][] = [];
  let tokens = 0;
  for (fill(); waiting.length > 0; fill()) {
    const block: PackedPiece[] = [];
    let left = blockLength;
    for (let i: number | undefined = 0; i !== undefined; i = longestFit(waiting, left)) {
      const [piece] = waiting.splice(i, 1);
      block.push(piece!);
      left -= piece!.length;
      fill();
    }
    blocks.push(block);
    tokens += blockLength - left;
  }
  return { blocks, tokens, utilisation: blocks.length === 0 ? 1 : tokens / (blocks.length * blockLength) };
}

/**
 * {@link planPacking} of rows of ids, and the blocks themselves. `labels`, a row per row of ids, replace the ids as what
 * is to be predicted (a chat's, say, from `labelReplies`). Errors as {@link planPacking}, and `BATCH_OPTION` for labels
 * of other lengths.
 */
export function packSequences(
  ids: readonly Int32Array[],
  options: PackOptions & { readonly padId: number; readonly labels?: readonly Int32Array[] },
): { readonly blocks: PackedBlock[]; readonly utilisation: number } {
  const { blocks, utilisation } = planPacking(
    ids.map((row) => row.length),
    options,
  );
  return { blocks: blocks.map((block) => packBlock(block, ids, options)), utilisation };
}

/** One block of a {@link PackPlan}. Throws SlmError `BATCH_OPTION` for pieces that are not in `ids` or do not fit. */
export function packBlock(
  block: readonly PackedPiece[],
  ids: readonly Int32Array[],
  options: {
    readonly blockLength: number;
    readonly padId: number;
    readonly labels?: readonly Int32Array[] | undefined;
    /** Every token is predicted at its own place (masked language models), the first of a piece too; false by default. */
    readonly inPlace?: boolean;
  },
): PackedBlock {
  const { blockLength, padId, labels: given, inPlace = false } = options;
  const inputIds = new Int32Array(blockLength).fill(padId);
  const positionIds = new Int32Array(blockLength);
  const segmentIds = new Int32Array(blockLength);
  const labels = new Int32Array(blockLength).fill(IGNORED_LABEL);
  const cumulativeLengths = new Int32Array(block.length + 1);
  block.forEach(({ example, start, length }, segment) => {
    const at = cumulativeLengths[segment]!;
    const row = ids[example];
    const target = given ? given[example] : row;
    if (
      !row ||
      target?.length !== row.length ||
      start < 0 ||
      start + length > row.length ||
      at + length > blockLength
    ) {
      throw new SlmError(
        'BATCH_OPTION',
        `packing: expected tokens ${start} to ${start + length} of example ${example} with as many labels, in a block of ` +
          `${blockLength}, got ${row?.length ?? 'no'} tokens and ${target?.length ?? 'no'} labels`,
      );
    }
    inputIds.set(row.subarray(start, start + length), at);
    labels.set(target.subarray(start, start + length), at);
    if (!inPlace) labels[at] = IGNORED_LABEL;
    for (let i = 0; i < length; i++) positionIds[at + i] = i;
    segmentIds.fill(segment + 1, at, at + length);
    cumulativeLengths[segment + 1] = at + length;
  });
  return { inputIds, positionIds, segmentIds, labels, cumulativeLengths };
}

/**
 * Who attends to whom in packed blocks: bool `[blocks, 1, sequence, sequence]`, rows are queries. True within a segment
 * (up to the query itself when `causal`, the default); a padding token sees itself, so that its softmax is defined.
 */
export function segmentMask(
  blocks: readonly Pick<PackedBlock, 'segmentIds'>[],
  options: { readonly causal?: boolean } = {},
): Tensor {
  const length = blocks[0]?.segmentIds.length ?? 0;
  const data = new Uint8Array(blocks.length * length * length);
  blocks.forEach(({ segmentIds }, b) => {
    for (let q = 0; q < length; q++) {
      const row = (b * length + q) * length;
      data[row + q] = 1;
      if (segmentIds[q] === 0) continue;
      const end = options.causal === false ? length : q;
      for (let k = 0; k < end; k++) if (segmentIds[k] === segmentIds[q]) data[row + k] = 1;
    }
  });
  return { type: 'bool', dims: [blocks.length, 1, length, length], data };
}

/** Index of the longest piece of at most `room` tokens, the first of equals. */
function longestFit(waiting: readonly PackedPiece[], room: number): number | undefined {
  let best: number | undefined;
  waiting.forEach(({ length }, i) => {
    if (length <= room && (best === undefined || length > waiting[best]!.length)) best = i;
  });
  return best;
}

function* pieces(
  lengths: ArrayLike<number>,
  blockLength: number,
  longer: 'split' | 'error',
): Generator<PackedPiece, undefined> {
  for (let example = 0; example < lengths.length; example++) {
    const length = lengths[example]!;
    if (!Number.isSafeInteger(length) || length < 0 || (longer === 'error' && length > blockLength)) {
      const most = longer === 'error' ? ` to ${blockLength}` : '';
      throw new SlmError('BATCH_OPTION', `packing, example ${example}: expected a length from 0${most}, got ${length}`);
    }
    for (let start = 0; start < length; start += blockLength) {
      yield { example, start, length: Math.min(blockLength, length - start) };
    }
  }
  return undefined;
}
