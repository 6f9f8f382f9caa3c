import type { DataType } from '../../model.ts';
import type { DecomposeContext, Size } from '../rule.ts';

/** What scaled dot-product attention is computed from; q is [batch, heads, sequence, size], k and v alike. */
export interface AttendInputs {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  /** How many query heads share a key head, one after the other. */
  readonly repeats: number;
  readonly scale: number;
  /** Boolean masks, true where a key takes part; they broadcast to [batch, heads, sequence, total]. */
  readonly allowed: readonly string[];
  /** Values added to the scores; they broadcast alike. */
  readonly biases: readonly string[];
  /** True when rows in which every key is masked must give zeros: not needed where each query sees some key. */
  readonly guard: boolean;
  /** Scores are softcap·tanh(scores / softcap) when it is not 0. */
  readonly softcap?: number;
  /** The element type of the softmax, where it is not that of q. */
  readonly softmaxType?: DataType;
}

export interface Attended {
  readonly y: string;
  /** Scores: the scaled products, after the soft cap, after the masks; and the probabilities. */
  readonly stages: readonly [string, string, string, string];
}

/** softmax(scale·q·kᵀ + masks)·v (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762). */
export function attend(c: DecomposeContext, inputs: AttendInputs): Attended {
  const { q, repeats, scale, softcap = 0 } = inputs;
  const type = c.type(q);
  const [k, v] = [repeatHeads(c, inputs.k, repeats), repeatHeads(c, inputs.v, repeats)];
  const scaled = scale === 1 ? q : c.op('Mul', [q, c.scalar(scale, q)]);
  const scores = c.op('MatMul', [scaled, c.transpose(k, [0, 1, 3, 2])]);
  const cap = () => c.scalar(softcap, q);
  const capped = softcap === 0 ? scores : c.op('Mul', [c.op('Tanh', [c.op('Div', [scores, cap()])]), cap()]);
  const bias = combine(c, inputs.allowed, inputs.biases, q);
  const blocked =
    bias !== undefined && inputs.guard
      ? c.op('Equal', [c.reduce('ReduceMax', bias, [-1]), c.scalar(-Infinity, q)])
      : undefined;
  const finite = blocked === undefined ? bias : c.op('Where', [blocked, c.scalar(0, q), bias!]);
  const masked = finite === undefined ? capped : c.op('Add', [capped, finite]);
  const wide = inputs.softmaxType ?? type;
  const probabilities = c.cast(c.op('Softmax', [c.cast(masked, wide)], { axis: -1 }), type);
  const open = (value: string) => (blocked === undefined ? value : c.op('Where', [blocked, c.scalar(0, q), value]));
  const y = open(c.op('MatMul', [probabilities, v]));
  const shown = (stage: number, value: () => string) =>
    c.wants(3) && stage === c.int('qk_matmul_output_mode', 0) ? value() : scores;
  return {
    y,
    stages: [
      scores,
      capped,
      shown(2, () => (bias === undefined ? capped : c.op('Add', [capped, bias]))),
      shown(3, () => open(probabilities)),
    ],
  };
}

/** One additive value: the biases, −∞ where a mask says no. */
function combine(
  c: DecomposeContext,
  allowed: readonly string[],
  biases: readonly string[],
  like: string,
): string | undefined {
  const all = allowed.reduce<string | undefined>((a, b) => (a === undefined ? b : c.op('And', [a, b])), undefined);
  const sum = biases.reduce<string | undefined>((a, b) => (a === undefined ? b : c.op('Add', [a, b])), undefined);
  if (all === undefined) return sum;
  return c.op('Where', [all, sum ?? c.scalar(0, like), c.scalar(-Infinity, like)]);
}

/** [batch, heads, total, size] with each head repeated: h0, h0, h1, h1, … */
function repeatHeads(c: DecomposeContext, value: string, repeats: number): string {
  if (repeats === 1) return value;
  const spread = c.op('Expand', [c.unsqueeze(value, [2]), c.vector([1, 1, repeats, 1, 1])]);
  const heads = c.dims(value)?.at(1);
  if (typeof heads !== 'number') return c.refuse('the number of key heads must be known');
  return c.reshape(spread, [0, heads * repeats, -1, c.size(value, 3)]);
}

/** [batch, sequence, heads·size] as [batch, heads, sequence, size]. */
export function splitHeads(c: DecomposeContext, value: string, heads: number): string {
  const width = c.dims(value)?.at(-1);
  const size = typeof width === 'number' ? width / heads : -1;
  return c.transpose(c.reshape(value, [0, 0, heads, size]), [0, 2, 1, 3]);
}

/** [batch, heads, sequence, size] as [batch, sequence, heads·size]. */
export function mergeHeads(c: DecomposeContext, value: string): string {
  const [heads, size] = [c.dims(value)?.at(1), c.dims(value)?.at(3)];
  const width = typeof heads === 'number' && typeof size === 'number' ? heads * size : -1;
  return c.reshape(c.transpose(value, [0, 2, 1, 3]), [0, 0, width]);
}

/** The positions of queries as a column [sequence, 1] (after `offset`), or [batch, 1, sequence, 1] for an offset [batch]. */
export function queryPositions(
  c: DecomposeContext,
  sequence: Size,
  offset: { readonly value: string; readonly perBatch: boolean } | undefined,
): string {
  const column = c.unsqueeze(c.count(sequence), [1]);
  if (offset === undefined) return column;
  return c.op('Add', [column, offset.perBatch ? c.reshape(offset.value, [-1, 1, 1, 1]) : offset.value]);
}

/** [sequence, total] or [batch, 1, sequence, total]: true for keys not after the query. */
export function causal(c: DecomposeContext, positions: string, total: Size): string {
  return c.op('LessOrEqual', [c.count(total), positions]);
}
