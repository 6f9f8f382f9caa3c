import { createRng, type Rng, SlmError } from '@slm-compress/onnx';
import {
  batchMaker,
  hasLabels,
  IGNORED_LABEL,
  type MaskOptions,
  type PackedPiece,
  padBatch,
  planPacking,
  storedLengths,
  storedRows,
  type TokenStore,
  tokenMasker,
} from '@slm-compress/text';
import type { Draw } from '../task.ts';
import type { LabelledSequences } from './language-model.ts';

export interface StoredSequencesOptions {
  /** In memory, or a file (`openTokenFile`) of which only the rows of a batch are read. */
  readonly store: TokenStore;
  readonly padId: number;
  /** Longer examples are cut into pieces of so many tokens. */
  readonly maxLength: number;
  /** For masked language models: which tokens are masked, drawn anew at every step and always alike in validation. */
  readonly mask?: Omit<MaskOptions, 'seed'>;
  /**
   * Fills sequences of `maxLength` with several examples, for graphs that keep them apart by `segment_ids` and count each
   * by `position_ids`; false by default: an example a sequence, padded to the longest of its batch.
   */
  readonly packed?: boolean;
  /** The graph's inputs; `input_ids` and `attention_mask` by default, packed also `position_ids` and `segment_ids`. */
  readonly inputs?: readonly string[];
}

/**
 * Examples of a language model from a store of tokens. Learned are the store's labels (a chat's replies) or else all
 * tokens; with `mask`, what is masked. Which examples share a packed sequence depends on the store alone, and masks on seed,
 * step and example alone, so that a training resumes bit for bit.
 *
 * Throws SlmError `BATCH_OPTION` for options out of range, and for packed inputs without `segment_ids`, where examples would
 * attend across each other; `TOKENS_CORRUPT` as the file is read.
 */
export function storedSequences(options: StoredSequencesOptions): LabelledSequences {
  const { store, padId, maxLength, mask, packed = false } = options;
  const inputs = options.inputs ?? [
    ...['input_ids', 'attention_mask'],
    ...(packed ? ['position_ids', 'segment_ids'] : []),
  ];
  if (packed && !inputs.includes('segment_ids')) {
    throw new SlmError('BATCH_OPTION', `inputs: expected segment_ids for packed sequences, got ${inputs.join(', ')}`);
  }
  const sizes = storedLengths(store);
  const sequences = packed ? planPacking(sizes, { blockLength: maxLength }).blocks : cut(sizes, maxLength);
  const lengths = sequences.map((pieces) => (packed ? maxLength : pieces[0]!.length));
  const make = packed ? packedBatch : paddedBatch;
  return {
    lengths,
    ...('path' in store && { bytes: store.bytes }),
    batch(indices, draw) {
      const chosen = indices.map((index) => sequences[index]!);
      const { labels, ...tensors } = make(options, chosen, mask && { ...mask, seed: seedOf(draw) });
      const fed = Object.entries(tensors).filter(([name]) => inputs.includes(name));
      const tokens = chosen.flat().reduce((sum, { length }) => sum + length, 0);
      return { tensors: { ...Object.fromEntries(fed), labels: labels! }, tokens };
    },
    hash(update) {
      update(JSON.stringify({ padId, maxLength, packed, inputs, mask: mask && { ...mask, continuation: undefined } }));
      if (mask?.continuation) update(mask.continuation);
      if ('path' in store) return update(`${store.digest} ${store.tokenizer}`);
      for (const data of [store.ids, store.offsets, store.labels]) {
        if (data) update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
    },
  };
}

/** What a step's masks are drawn from; validation has a draw of its own. */
function seedOf(draw: Draw | undefined): number {
  const rng: Rng = draw ? createRng(draw.seed).fork('masks').fork(draw.step) : createRng(0).fork('validation');
  return rng.integer(2 ** 32);
}

/** The pieces of each example, a sequence each. */
function cut(sizes: readonly number[], maxLength: number): readonly (readonly PackedPiece[])[] {
  if (!Number.isInteger(maxLength) || maxLength < 1) {
    throw new SlmError('BATCH_OPTION', `maxLength: expected a positive integer, got ${maxLength}`);
  }
  return sizes.flatMap((size, example) =>
    Array.from({ length: Math.ceil(size / maxLength) }, (_, i) => {
      const start = i * maxLength;
      return [{ example, start, length: Math.min(maxLength, size - start) }];
    }),
  );
}

function paddedBatch(
  { store, padId }: StoredSequencesOptions,
  sequences: readonly (readonly PackedPiece[])[],
  mask: MaskOptions | undefined,
) {
  const pieces = sequences.flat();
  let ids = storedRows(store, 'ids', pieces);
  let labels = !mask && hasLabels(store) ? storedRows(store, 'labels', pieces) : ids;
  if (mask) {
    const masker = tokenMasker(mask);
    const masked = ids.map((row, i) => masker(row, { ...pieces[i]!, step: 0 }));
    ids = masked.map((row) => row.ids);
    labels = masked.map((row) => row.labels);
  }
  const { inputIds, attentionMask } = padBatch(ids, { padId });
  return {
    input_ids: inputIds,
    attention_mask: attentionMask,
    labels: padBatch(labels, { padId: IGNORED_LABEL }).inputIds,
  };
}

function packedBatch(
  { store, padId, maxLength }: StoredSequencesOptions,
  sequences: readonly (readonly PackedPiece[])[],
  mask: MaskOptions | undefined,
) {
  const job = { kind: 'pack', batches: [sequences], blockLength: maxLength, padId, ...(mask && { mask }) } as const;
  return batchMaker(store, job)(0).tensors;
}
