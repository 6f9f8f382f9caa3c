import type { DecomposeContext, Decomposition, Size } from '../rule.ts';
import { attend, causal, mergeHeads, queryPositions, splitHeads } from './attend.ts';
import { rotateAny } from './rotary.ts';

const value = (c: DecomposeContext, size: Size): string => (typeof size === 'number' ? c.vector([size]) : size);

/** 1/√size unless the node says otherwise. */
function scaleOf(c: DecomposeContext, q: string): number {
  const given = c.float('scale', 0);
  if (given !== 0) return given;
  const width = c.dims(q)?.at(3);
  return typeof width === 'number' ? 1 / Math.sqrt(width) : c.refuse('the head size must be known');
}

/** The additive form of an int32 mask, 0 where a key counts and `mask_filter_value` where it does not. */
function filter(c: DecomposeContext, keep: string, like: string): string {
  return c.op('Where', [keep, c.scalar(0, like), c.scalar(c.float('mask_filter_value', -10000), like)]);
}

/** A key padding mask: [batch, total] or [batch, sequence, total] of 0 and 1, or [batch] lengths. */
function paddingBias(c: DecomposeContext, mask: string, total: Size, q: string): string {
  const rank = c.rank(mask);
  const batch = c.dims(q)?.[0];
  if (rank === 1) {
    if (batch === undefined || c.dims(mask)?.[0] !== batch) return c.refuse('a 1-D mask that is not one length a text');
    const lengths = c.reshape(c.cast(mask, 'int64'), [-1, 1, 1, 1]);
    return filter(c, c.op('Less', [c.count(total), lengths]), q);
  }
  if (rank > 3) return c.refuse(`a mask of ${rank} axes`);
  const positive = c.op('Greater', [mask, c.cast(c.constant(zero), c.type(mask))]);
  return filter(c, c.unsqueeze(positive, rank === 2 ? [1, 2] : [1]), q);
}

const zero = { type: 'int32' as const, dims: [], data: Int32Array.of(0) };

/** Query, key and value of MultiHeadAttention as [batch, heads, sequence, size], whatever form they come in. */
function multiHeadInputs(c: DecomposeContext, heads: number): readonly [string, string, string] {
  const split = (name: string) => splitHeads(c, name, heads);
  const bias = c.has(3) ? biasParts(c) : undefined;
  const shifted = (name: string, part: number) => (bias ? c.op('Add', [name, bias[part]!]) : name);
  if (c.rank(c.x()) === 5 || (c.has(1) && !c.has(2) && c.rank(c.x(1)) === 5)) {
    if (bias) c.refuse('packed inputs with a bias');
    const packed = c.rank(c.x()) === 5 ? c.x() : c.x(1);
    const parts = c
      .split(packed, packed === c.x() ? [1, 1, 1] : [1, 1], 3)
      .map((part) => c.transpose(c.squeeze(part, [3]), [0, 2, 1, 3]));
    return (packed === c.x() ? parts : [split(c.x()), ...parts]) as [string, string, string];
  }
  if (!c.has(1) || !c.has(2)) return c.refuse('key and value must be given');
  const whole = (index: number) => {
    if (c.rank(c.x(index)) === 4) return bias ? c.refuse('4-D keys with a bias') : c.x(index);
    return split(shifted(c.x(index), index));
  };
  return [split(shifted(c.x(), 0)), whole(1), whole(2)];
}

function biasParts(c: DecomposeContext): readonly string[] {
  const widths = [0, 1, 2].map((index) => c.dims(c.x(index))?.at(-1));
  if (!widths.every((width) => typeof width === 'number')) return c.refuse('the widths must be known to cut the bias');
  return c.split(c.x(3), widths, 0);
}

/** Attention operators of com.microsoft. */
export const microsoftAttention: Readonly<Record<string, Decomposition>> = {
  'com.microsoft.MultiHeadAttention': (c) => {
    if (c.has(8) || c.has(9)) c.refuse('a shared cache buffer');
    const [q, ownK, ownV] = multiHeadInputs(c, c.int('num_heads', 1));
    const joined = (own: string, past: number) => (c.has(past) ? c.op('Concat', [c.x(past), own], { axis: 2 }) : own);
    const [k, v] = [joined(ownK, 6), joined(ownV, 7)];
    const [sequence, total] = [c.size(q, 2), c.size(k, 2)];
    const biases = [...(c.has(4) ? [paddingBias(c, c.x(4), total, q)] : []), ...(c.has(5) ? [c.x(5)] : [])];
    const offset = c.has(6) ? { value: value(c, c.size(c.x(6), 2)), perBatch: false } : undefined;
    const allowed = c.int('unidirectional', 0) === 1 ? [causal(c, queryPositions(c, sequence, offset), total)] : [];
    if (c.wants(3)) c.refuse('the scores as an output');
    const { y } = attend(c, { q, k, v, repeats: 1, scale: scaleOf(c, q), allowed, biases, guard: false });
    return [mergeHeads(c, y), c.wants(1) ? k : undefined, c.wants(2) ? v : undefined];
  },
  /** The projections are part of the operator; the past and present caches are [2, batch, heads, total, size]. */
  'com.microsoft.Attention': (c) => {
    if (c.int('do_rotary', 0) !== 0) c.refuse('rotary embedding inside');
    if (c.int('past_present_share_buffer', 0) !== 0 || c.has(6)) c.refuse('a shared cache buffer');
    const heads = c.int('num_heads', 1);
    const product = c.op('MatMul', [c.x(), c.x(1)]);
    const projected = c.has(2) ? c.op('Add', [product, c.x(2)]) : product;
    const width = c.dims(c.x(1))?.at(-1);
    const sizes =
      c.ints('qkv_hidden_sizes') ?? (typeof width === 'number' ? [width / 3, width / 3, width / 3] : undefined);
    if (sizes === undefined) return c.refuse('the widths of query, key and value must be known');
    const parts = c.split(projected, sizes, 2).map((part) => splitHeads(c, part, heads));
    const past = c.has(4) ? c.split(c.x(4), [1, 1], 0).map((part) => c.squeeze(part, [0])) : undefined;
    const [k, v] = [0, 1].map((at) =>
      past ? c.op('Concat', [past[at]!, parts[at + 1]!], { axis: 2 }) : parts[at + 1]!,
    ) as [string, string];
    const q = parts[0]!;
    const [sequence, total] = [c.size(q, 2), c.size(k, 2)];
    const biases = [...(c.has(3) ? [paddingBias(c, c.x(3), total, q)] : []), ...(c.has(5) ? [c.x(5)] : [])];
    const offset = past ? { value: value(c, c.size(past[0]!, 2)), perBatch: false } : undefined;
    const allowed = c.int('unidirectional', 0) === 1 ? [causal(c, queryPositions(c, sequence, offset), total)] : [];
    const { y } = attend(c, { q, k, v, repeats: 1, scale: scaleOf(c, q), allowed, biases, guard: false });
    const present = () => c.op('Concat', [c.unsqueeze(k, [0]), c.unsqueeze(v, [0])], { axis: 0 });
    return [mergeHeads(c, y), c.wants(1) ? present() : undefined];
  },
  /** The prompt form: nothing cached yet. Rows behind a text's length hold what causal attention gives there. */
  'com.microsoft.GroupQueryAttention': (c) => {
    if (c.has(3) && c.dims(c.x(3))?.at(2) !== 0) c.refuse('a cache that is not known to be empty');
    if ([11, 12, 13, 14, 15, 16].some((index) => c.has(index)))
      c.refuse('sinks, quantized caches, norms or query lengths');
    if (c.int('smooth_softmax', 0) > 0) c.refuse('the smooth softmax');
    if (c.int('local_window_size', -1) >= 0) c.refuse('a local window');
    if (c.wants(3)) c.refuse('the scores as an output');
    const [heads, shared] = [c.int('num_heads', 1), c.int('kv_num_heads', 1)];
    let inputs = [c.x(), c.x(1), c.x(2)];
    if (!c.has(1)) {
      const width = c.dims(c.x())?.at(-1);
      if (typeof width !== 'number') return c.refuse('the width of the packed projections must be known');
      const size = width / (heads + 2 * shared);
      inputs = [...c.split(c.x(), [heads * size, shared * size, shared * size], 2)];
    }
    let [q, k] = [splitHeads(c, inputs[0]!, heads), splitHeads(c, inputs[1]!, shared)];
    const v = splitHeads(c, inputs[2]!, shared);
    const sequence = c.size(q, 2);
    if (c.int('do_rotary', 0) === 1) {
      const rows = (index: number) =>
        c.has(9)
          ? c.op('Gather', [c.x(index), c.x(9)])
          : c.unsqueeze(c.op('Gather', [c.x(index), c.count(sequence)]), [0]);
      const rotation = { cos: rows(7), sin: rows(8), interleaved: c.int('rotary_interleaved', 0) === 1 };
      [q, k] = [rotateAny(c, q, heads, rotation), rotateAny(c, k, shared, rotation)];
    }
    const allowed = c.int('causal', 1) === 1 ? [causal(c, queryPositions(c, sequence, undefined), sequence)] : [];
    const { y } = attend(c, {
      q,
      k,
      v,
      repeats: heads / shared,
      scale: scaleOf(c, q),
      allowed,
      biases: c.has(10) ? [c.x(10)] : [],
      guard: false,
      softcap: c.float('softcap', 0),
    });
    return [mergeHeads(c, y), c.wants(1) ? k : undefined, c.wants(2) ? v : undefined];
  },
};
