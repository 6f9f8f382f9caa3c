import type { Rng, Tensors } from '@slm-compress/onnx';
import { createRng, SlmError } from '@slm-compress/onnx';
import { padBatch } from '@slm-compress/text';
import type { Draw, ExampleFeeds, Examples } from '../task.ts';

/** How tokenized texts become batches. */
export interface SequenceOptions {
  /** Token id of padding; 0 by default. */
  readonly padId?: number;
  /**
   * Share of the training tokens replaced by `maskId`, drawn anew at every step; 0 by default. The first and the last
   * token of an example stay, as `[CLS]` and `[SEP]` stand there. Keeps small data sets from being learned by heart.
   */
  readonly tokenDropout?: number;
  /** Token id that stands for a dropped token (`[MASK]`); needed when `tokenDropout` is above 0. */
  readonly maskId?: number;
}

/** Throws `TRAIN_OPTIONS` for an option out of its range. */
export function checkSequenceOptions({ tokenDropout = 0, maskId }: SequenceOptions): void {
  const fail = (message: string) => {
    throw new SlmError('TRAIN_OPTIONS', `train: ${message}`);
  };
  if (!(tokenDropout >= 0 && tokenDropout < 1)) fail(`tokenDropout must be in [0, 1), got ${tokenDropout}`);
  if (tokenDropout > 0 && !(maskId !== undefined && maskId >= 0)) {
    fail(`maskId must be a token id when tokenDropout is above 0, got ${maskId}`);
  }
}

/** Throws `TRAIN_DATA` for texts that are none, empty, or longer than the model takes; `name` starts the message. */
export function checkSequences(name: string, ids: readonly Int32Array[], maxPositions: number | undefined): void {
  checkCount(name, ids.length);
  const empty = ids.findIndex((row) => row.length === 0);
  if (empty >= 0) throw dataError(name, `example ${empty}: expected at least one token, got none`);
  const limit = maxPositions ?? Number.POSITIVE_INFINITY;
  const long = ids.findIndex((row) => row.length > limit);
  if (long < 0) return;
  throw dataError(name, `example ${long}: expected at most ${limit} tokens, got ${ids[long]!.length} (truncate it)`);
}

/** Throws `TRAIN_DATA` for no examples. */
export function checkCount(name: string, count: number): void {
  if (count === 0) throw dataError(name, 'expected at least one example, got none');
}

/** Throws `TRAIN_DATA` unless there is one target an example. */
export function checkTargets(name: string, kind: string, got: number, examples: number): void {
  if (got !== examples) throw dataError(name, `expected ${examples} ${kind}, got ${got}`);
}

/** The error `TRAIN_DATA` of a part of the data: `train`, `validation`. */
export function dataError(name: string, message: string): SlmError {
  return new SlmError('TRAIN_DATA', `${name} data: ${message}`);
}

/** Texts as examples; `targets` gives what else the loss reads and what the examples weigh. */
export function sequenceExamples(
  ids: readonly Int32Array[],
  options: SequenceOptions,
  targets: (indices: readonly number[]) => Pick<ExampleFeeds, 'tensors' | 'weight'>,
): Examples {
  return {
    lengths: ids.map((row) => row.length),
    feeds(indices, draw) {
      const { tensors, tokens } = sequenceFeeds(ids, indices, options, draw);
      const own = targets(indices);
      return { tensors: { ...tensors, ...own.tensors }, tokens, weight: own.weight };
    },
  };
}

/** `input_ids` and `attention_mask` of some texts, padded to the longest, with dropped tokens where the options say so. */
export function sequenceFeeds(
  ids: readonly Int32Array[],
  indices: readonly number[],
  { padId = 0, tokenDropout = 0, maskId }: SequenceOptions,
  { seed, step, shard }: Draw,
): { readonly tensors: Tensors; readonly tokens: number } {
  const rng = createRng(seed).fork('token-dropout').fork(step).fork(shard);
  const rows = indices.map((index) => ids[index]!);
  const kept = tokenDropout > 0 ? rows.map((row) => dropTokens(row, tokenDropout, maskId!, rng)) : rows;
  const { inputIds, attentionMask, tokens } = padBatch(kept, { padId });
  return { tensors: { input_ids: inputIds, attention_mask: attentionMask }, tokens };
}

/** A copy of `ids` with a share of the tokens between the first and the last replaced by `maskId`. */
function dropTokens(ids: Int32Array, share: number, maskId: number, rng: Rng): Int32Array {
  return ids.map((id, at) => (at > 0 && at < ids.length - 1 && rng.uniform() < share ? maskId : id));
}

/** Feeds lengths and ids of texts to a hash. */
export function hashSequences(ids: readonly Int32Array[], update: (data: string | Uint8Array) => void): void {
  update(JSON.stringify(ids.map((row) => row.length)));
  for (const row of ids) update(bytesOf(row));
}

/** The bytes of an array. */
export function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}
