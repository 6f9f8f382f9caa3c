import { SlmError, type Tensor } from '@slm-compress/onnx';
import { type PadOptions, padBatch } from '../batches.ts';
import { IGNORED_LABEL } from './ignored-label.ts';
import { type MaskOptions, tokenMasker } from './mask-tokens.ts';
import { type PackedPiece, packBlock } from './pack.ts';
import { storedRow, type TokenStore } from './token-store.ts';

/** Padded batches of whole examples, masked or with the store's labels if it has any. */
export interface PadJob {
  readonly kind: 'pad';
  /** The examples of each batch (`batchByLength`). */
  readonly batches: readonly (readonly number[])[];
  readonly pad: PadOptions;
  /** Masked-language modelling; the store's labels are not used then. */
  readonly mask?: MaskOptions;
}

/** Batches of packed blocks for causal language models. */
export interface PackJob {
  readonly kind: 'pack';
  /** The blocks of each batch (`planPacking`, cut into batches). */
  readonly batches: readonly (readonly (readonly PackedPiece[])[])[];
  readonly blockLength: number;
  readonly padId: number;
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
  const mask = job.mask && tokenMasker(job.mask);
  return (step) => {
    const examples = batchOf(job.batches, step);
    let ids = examples.map((example) => storedRow(store, 'ids', example));
    let labels: Int32Array[] | undefined;
    if (mask) {
      const masked = ids.map((row, i) => mask(row, { step, example: examples[i]! }));
      ids = masked.map((row) => row.ids);
      labels = masked.map((row) => row.labels);
    } else if (store.labels) labels = examples.map((example) => storedRow(store, 'labels', example));
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
  return (step) => {
    const plan = batchOf(job.batches, step);
    const blocks = plan.map((pieces) => {
      const rows = (kind: 'ids' | 'labels') => pieces.map(({ example }) => storedRow(store, kind, example));
      const local = pieces.map((piece, i) => ({ ...piece, example: i }));
      return packBlock(local, rows('ids'), { ...job, labels: store.labels && rows('labels') });
    });
    const tensor = (value: (block: (typeof blocks)[number]) => Int32Array): Tensor => {
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
      examples: plan.map((pieces) => pieces.map(({ example }) => example)),
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

function batchOf<T>(batches: readonly T[], step: number): T {
  const batch = batches[step];
  if (batch === undefined) {
    throw new SlmError('BATCH_OPTION', `step: expected one of ${batches.length} batches, got ${step}`);
  }
  return batch;
}
