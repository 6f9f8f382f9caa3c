import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { attend, createScoreBias } from './attend.ts';
import { columns } from './compose.ts';
import { evenShare, expectDims, expectRank } from './expect-shape.ts';
import { mergeHeads, splitHeads } from './heads.ts';
import { rotate } from './rotary.ts';
import { mapped } from './unary.ts';
import { zeros } from './zeros.ts';

/** Attributes and inputs that change the layout of the cache or its elements. */
function refuseOtherCaches(c: KernelContext): void {
  const quantized = c.text('k_quant_type', 'NONE') !== 'NONE' || c.text('v_quant_type', 'NONE') !== 'NONE';
  if (quantized || c.int('sliding_window_cache', 0)) c.refuse('a quantized or sliding cache');
  if (c.optional(14) || c.optional(15) || c.optional(16)) c.refuse('normalized queries or padded chunks');
}

/** Query, key and value as `[batch, heads, sequence, size]`, from one packed input or three. */
function operands(c: KernelContext, heads: number, keyHeads: number): readonly [Value, Value, Value] {
  const [q, k, v] = [c.input(0), c.optional(1), c.optional(2)];
  expectRank(c, 'query', q, 3);
  if (k && v) {
    expectRank(c, 'key', k, 3);
    expectRank(c, 'value', v, 3);
    return [splitHeads(c, q, heads), splitHeads(c, k, keyHeads), splitHeads(c, v, keyHeads)];
  }
  const width = evenShare(c, 'packed width', q.dims[2]!, heads + 2 * keyHeads);
  const [keys, values] = [heads * width, (heads + keyHeads) * width];
  return [
    splitHeads(c, columns(q, 0, keys), heads),
    splitHeads(c, columns(q, keys, values), keyHeads),
    splitHeads(c, columns(q, values, q.dims[2]!), keyHeads),
  ];
}

/** The cache with each sample's new tokens behind its past ones: `[batch, heads, length, size]`, zeros behind those. */
function updated(
  c: KernelContext,
  past: Value | undefined,
  x: Value,
  before: readonly number[],
  length: number,
): Value {
  const [batch, heads, added, width] = x.dims as [number, number, number, number];
  expectDims(c, 'past', past, [batch, heads, undefined, width]);
  const dims = [batch, heads, length, width];
  const { data } = zeros(c, x.type, dims);
  if (data.length === 0) return { type: x.type, dims, data };
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const row = b * heads + h;
      const to = row * length * width;
      const from = row * (past?.dims[2] ?? 0) * width;
      if (past) data.set(past.data.subarray(from, from + before[b]! * width), to);
      const fitting = Math.min(added, length - before[b]!);
      const start = row * added * width;
      data.set(x.data.subarray(start, start + fitting * width), to + before[b]! * width);
    }
  }
  return { type: x.type, dims, data };
}

export const groupQueryAttention: Readonly<Record<string, Kernel>> = {
  /**
   * Sample b holds `seqlens_k[b] + 1` tokens after the step, the last `sequence` of them new; when `sequence` is the total
   * length, all are. What is beyond a sample's length is not specified; here keys and values are 0 there.
   */
  'com.microsoft.GroupQueryAttention': (c) => {
    refuseOtherCaches(c);
    const [heads, keyHeads] = [c.int('num_heads', 0), c.int('kv_num_heads', 0)];
    if (!(heads > 0 && keyHeads > 0)) c.misfit('num_heads and kv_num_heads', `${heads} and ${keyHeads}`);
    const [pastKey, pastValue, lengths] = [c.optional(3), c.optional(4), c.input(5)];
    const total = c.input(6).data[0] ?? c.misfit('a total length', 'none');
    const [query, key, value] = operands(c, heads, keyHeads);
    const [batch, , length, width] = query.dims as [number, number, number, number];
    expectDims(c, 'key', key, [batch, keyHeads, length, width]);
    expectDims(c, 'value', value, [batch, keyHeads, length, undefined]);
    if (lengths.data.length !== batch) c.misfit(`${batch} lengths`, `[${lengths.dims}]`);
    const stored = pastKey?.dims[2] ?? 0;
    const before = Array.from(lengths.data, (last) => (length === total ? 0 : last + 1 - length));
    const present = Math.max(stored, total);
    const fits = before.every((past, b) => past >= 0 && past <= stored && lengths.data[b]! < present);
    if (!fits || !(present <= stored + length))
      c.misfit(`lengths within ${stored} + ${length} tokens`, `[${lengths.data}] of ${total}`);

    const [cos, sin, positions] = [c.optional(7), c.optional(8), c.optional(9)];
    const turned = (x: Value): Value => {
      if (c.int('do_rotary', 0) !== 1) return x;
      if (!cos || !sin) return c.refuse('do_rotary without cosines and sines');
      expectDims(c, 'positions', positions, [batch, length]);
      const row = (b: number, s: number) => (positions ? positions.data[b * length + s]! : before[b]! + s);
      return rotate(c, x, { cos, sin, row, interleaved: c.int('rotary_interleaved', 0) === 1 });
    };
    const keys = updated(c, pastKey, turned(key), before, present);
    const values = updated(c, pastValue, value, before, present);

    const [causal, window] = [c.int('causal', 1) === 1, c.int('local_window_size', -1)];
    const scores = [batch, heads, length, present];
    const bias = createScoreBias(c, scores);
    const attentionBias = c.optional(10);
    if (attentionBias) {
      expectDims(c, 'attention_bias', attentionBias, [undefined, undefined, length, total]);
      bias.add(widened(attentionBias, present));
    }
    bias.forbid((b, i, j) => {
      const at = before[b]! + i;
      return j > lengths.data[b]! || (causal && j > at) || (window >= 0 && j <= at - window);
    });
    const sinks = c.optional(11)?.data ?? (c.int('smooth_softmax', -1) === 1 ? new Float64Array(heads) : undefined);
    if (sinks && sinks.length !== heads) c.misfit(`${heads} sinks`, `${sinks.length}`);
    const scale = c.float('scale', 0) || undefined;
    const softcap = c.float('softcap', 0);
    const attended = attend(c, {
      query: turned(query),
      key: keys,
      value: values,
      scale,
      softcap,
      bias: bias.data,
      sinks,
    });
    const scoresOut = { 0: undefined, 1: withoutMask(attended.biased), 2: attended.probabilities }[
      c.int('qk_output', 0)
    ];
    return [mergeHeads(attended.output), keys, values, scoresOut];
  },
};

/** Scores with 0 for what is masked, as ONNX Runtime hands them out. */
function withoutMask(scores: Value): Value {
  return mapped(scores, (score) => (score === Number.NEGATIVE_INFINITY ? 0 : score));
}

/** Pads the last axis with zeros. */
function widened(x: Value, width: number): Value {
  const own = x.dims.at(-1)!;
  if (own === width) return x;
  const rows = x.data.length / own;
  const data = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) data.set(x.data.subarray(row * own, (row + 1) * own), row * width);
  return { ...x, dims: [...x.dims.slice(0, -1), width], data };
}
