import { SlmError, type Tensor } from '@slm-compress/onnx';
import { type PadOptions, padBatch } from '../batches.ts';
import { IGNORED_LABEL } from './ignored-label.ts';
import { type MaskOptions, tokenMasker } from './mask-tokens.ts';
import { type PackedBlock, type PackedPiece, packBlock } from './pack.ts';
import { hasLabels, type StoredPiece, storedRows, type TokenStore } from './token-store.ts';

/** Padded batches of whole examples, masked or with the store's labels if it has any. */
export interface PadJob {
  readonly kind: 'pad';
  /** The examples of each batch (`batchByLength`). */
  readonly batches: readonly (readonly number[])[];
  readonly pad: PadOptions;
  /** Masked-language modelling; the store's labels are not used then. */
  readonly mask?: MaskOptions;
}

/** Batches of packed blocks: for causal language models, or masked ones with `mask`. */
export interface PackJob {
  readonly kind: 'pack';
  /** The blocks of each batch (`planPacking`, cut into batches). */
  readonly batches: readonly (readonly (readonly PackedPiece[])[])[];
  readonly blockLength: number;
  readonly padId: number;
  /** Masked-language modelling; the store's labels are not used then. A piece's mask does not depend on its block. */
  readonly mask?: MaskOptions;
}

/** How token arrays become tensors, step by step: plain data, so that a worker can do it. */
export type BatchJob = PadJob | PackJob;

/** One step's feeds. */
export interface ReadyBatch {
  /** Number of the step, and of the batch in its job. */
  readonly step: number;
  /** The examples behind the rows, in order; of a packed batch, those of each block. */
  readonly examples: readonly number[] | readonly (readonly number[])[];
  /**
   * int64 `[batch, sequence]` by graph input: `input_ids`, `attention_mask`; `labels` when masked, labelled or packed;
   * `position_ids` when packed or padded left; `segment_ids` when packed.
   *
   * No packed example attends across another: the graph lets a query see the keys whose `segment_ids` equal its own (and
   * that are not behind it, if causal), two integers a token to feed where a mask has a byte for every pair of tokens;
   * `segmentMask` is that rule spelled out. `position_ids` begin anew with each example.
   */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Tokens that are not padding. */
  readonly tokens: number;
}

/**
 * Makes any step's batch: a pure function of store, job and step.
 * Throws SlmError `BATCH_OPTION` for options out of range, and steps or examples that do not exist.
 */
export function batchMaker(store: TokenStore, job: BatchJob): (step: number) => ReadyBatch {
  return job.kind === 'pad' ? padding(store, job) : packing(store, job);
}

function padding(store: TokenStore, job: PadJob): (step: number) => ReadyBatch {
  const rowsOf = rowReader(store, job.mask);
  return (step) => {
    const examples = batchOf(job.batches, step);
    const { ids, labels } = rowsOf(
      examples.map((example) => ({ example })),
      step,
    );
    const { inputIds, attentionMask, positionIds, tokens } = padBatch(ids, job.pad);
    return {
      step,
      examples,
      tensors: {
        input_ids: inputIds,
        attention_mask: attentionMask,
        ...(positionIds ? { position_ids: positionIds } : {}),
        ...(labels ? { labels: padBatch(labels, { ...job.pad, padId: IGNORED_LABEL }).inputIds } : {}),
      },
      tokens,
    };
  };
}

function packing(store: TokenStore, job: PackJob): (step: number) => ReadyBatch {
  const rowsOf = rowReader(store, job.mask);
  return (step) => {
    const plan = batchOf(job.batches, step);
    const examples = plan.map((pieces) => pieces.map(({ example }) => example));
    const { ids, labels } = rowsOf(plan.flat(), step);
    let row = 0;
    const blocks = plan.map((pieces) =>
      packBlock(
        pieces.map(({ length }) => ({ example: row++, start: 0, length })),
        ids,
        { blockLength: job.blockLength, padId: job.padId, labels, inPlace: job.mask !== undefined },
      ),
    );
    const tensor = (value: (block: PackedBlock) => Int32Array): Tensor => {
      const data = new BigInt64Array(blocks.length * job.blockLength);
      blocks.forEach((block, b) => {
        value(block).forEach((item, i) => {
          data[b * job.blockLength + i] = BigInt(item);
        });
      });
      return { type: 'int64', dims: [blocks.length, job.blockLength], data };
    };
    return {
      step,
      examples,
      tensors: {
        input_ids: tensor((block) => block.inputIds),
        attention_mask: tensor((block) => block.segmentIds.map((id) => (id > 0 ? 1 : 0))),
        position_ids: tensor((block) => block.positionIds),
        segment_ids: tensor((block) => block.segmentIds),
        labels: tensor((block) => block.labels),
      },
      tokens: blocks.reduce((total, { cumulativeLengths }) => total + cumulativeLengths.at(-1)!, 0),
    };
  };
}

/** Reads pieces of examples, masked at a step, or with the store's labels if it has any. */
function rowReader(store: TokenStore, options: MaskOptions | undefined) {
  const mask = options && tokenMasker(options);
  return (pieces: readonly StoredPiece[], step: number): { ids: Int32Array[]; labels: Int32Array[] | undefined } => {
    const ids = storedRows(store, 'ids', pieces);
    if (mask) {
      const masked = ids.map((row, i) => mask(row, { ...pieces[i]!, step }));
      return { ids: masked.map((row) => row.ids), labels: masked.map((row) => row.labels) };
    }
    return { ids, labels: hasLabels(store) ? storedRows(store, 'labels', pieces) : undefined };
  };
}

function batchOf<T>(batches: readonly T[], step: number): T {
  const batch = batches[step];
  if (batch === undefined) {
    throw new SlmError('BATCH_OPTION', `step: expected one of ${batches.length} batches, got ${step}`);
  }
  return batch;
}
