import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import type { ScoreBias } from './attend.ts';
import { attend, createScoreBias } from './attend.ts';
import { apply, columns } from './compose.ts';
import { expectDims, expectRank } from './expect-shape.ts';
import { appendToPast, headsOf, mergeHeads, splitHeads } from './heads.ts';
import { linear } from './linear.ts';
import { item, stacked } from './movement.ts';
import { rotate } from './rotary.ts';
import { mapped } from './unary.ts';

/** Adds a row to every row of the last axis. */
function plusRow(x: Value, row: Float64Array | undefined): Value {
  return row ? mapped(x, (element, i) => element + row[i % row.length]!) : x;
}

/**
 * Puts `mask_filter_value` on masked keys. The mask holds ends `[batch]`, ends then starts `[2 · batch]`, or 1 for what
 * takes part: `[batch, key]`, `[batch, query, key]` or `[batch, 1, position, position]`.
 */
function maskKeys(c: KernelContext, bias: ScoreBias, mask: Value | undefined, dims: readonly number[]): void {
  if (!mask) return;
  const [batch, , queries, keys] = dims as [number, number, number, number];
  const penalty = c.float('mask_filter_value', -10000);
  const { data } = mask;
  switch (mask.dims.length) {
    case 1: {
      const starts = data.length === 2 * batch;
      if (!starts) expectDims(c, 'the mask', mask, [batch]);
      bias.forbid((b, _, j) => j >= data[b]! || (starts && j < data[batch + b]!), penalty);
      return;
    }
    case 2:
      expectDims(c, 'the mask', mask, [batch, keys]);
      bias.forbid((b, _, j) => !(data[b * keys + j]! > 0), penalty);
      return;
    case 3:
      expectDims(c, 'the mask', mask, [batch, queries, keys]);
      bias.forbid((b, i, j) => !(data[(b * queries + i) * keys + j]! > 0), penalty);
      return;
    default: {
      const most = mask.dims.at(-1)!;
      expectDims(c, 'the mask', mask, [batch, 1, most, most]);
      if (most < keys) c.misfit(`a mask of at least ${keys} positions`, `[${mask.dims}]`);
      bias.forbid((b, i, j) => !(data[(b * most + keys - queries + i) * most + j]! > 0), penalty);
    }
  }
}

interface Heads {
  /** `[batch, heads, sequence, size]`. */
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly mask: Value | undefined;
  readonly attentionBias: Value | undefined;
}

/** Attention as com.microsoft has it, over keys that hold the past already. */
function attendMasked(c: KernelContext, { query, key, value, mask, attentionBias }: Heads) {
  const dims = [query.dims[0]!, query.dims[1]!, query.dims[2]!, key.dims[2]!];
  const past = dims[3]! - dims[2]!;
  const bias = createScoreBias(c, dims);
  maskKeys(c, bias, mask, dims);
  if (c.int('unidirectional', 0) === 1) bias.forbid((_, i, j) => j > past + i);
  if (attentionBias) bias.add(attentionBias);
  return attend(c, { query, key, value, scale: c.float('scale', 0) || undefined, bias: bias.data });
}

interface Projection {
  readonly x: Value;
  /** `[hidden, query + key + value]`. */
  readonly weights: Value;
  readonly bias: Value | undefined;
  readonly mask: Value | undefined;
  /** `[2, batch, heads, past, size]`. */
  readonly past: Value | undefined;
  readonly attentionBias: Value | undefined;
}

/** Projects, splits the heads and attends; outputs `[batch, sequence, value]` and the present `[2, batch, …]`. */
export function projectedAttention(c: KernelContext, projection: Projection): Value[] {
  const { x, weights, bias, mask, past, attentionBias } = projection;
  if (c.int('do_rotary', 0) || c.int('past_present_share_buffer', 0)) c.refuse('do_rotary or a shared buffer');
  expectRank(c, 'input', x, 3);
  expectDims(c, 'weights', weights, [x.dims[2], undefined]);
  const width = weights.dims[1]!;
  expectDims(c, 'bias', bias, [width]);
  const [queryWidth, keyWidth, valueWidth] = c.ints('qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3];
  const sizes = [queryWidth!, keyWidth!, valueWidth!];
  if (!sizes.every((part) => part > 0) || sizes.reduce((a, b) => a + b) !== width || queryWidth !== keyWidth)
    c.misfit(`hidden sizes of queries, keys and values that make ${width}`, `[${sizes}]`);
  const projected = plusRow(apply(c, linear.MatMul!, [x, weights]), bias?.data);
  const heads = c.int('num_heads', 0);
  const part = (from: number, to: number) => splitHeads(c, columns(projected, from, to), heads);
  if (past) expectDims(c, 'past', past, [2, x.dims[0], heads, undefined, undefined]);
  const query = part(0, queryWidth!);
  const key = appendToPast(c, past && item(past, 0, 0), part(queryWidth!, 2 * queryWidth!));
  const value = appendToPast(c, past && item(past, 0, 1), part(2 * queryWidth!, width));
  const { output } = attendMasked(c, { query, key, value, mask, attentionBias });
  const present = `${key.dims}` === `${value.dims}` ? [stacked(c, [key, value], 0)] : [];
  return [mergeHeads(output), ...present];
}

/** The query, key and value of MultiHeadAttention, from whichever inputs pack them, before the past. */
function unpackedHeads(c: KernelContext): Pick<Heads, 'query' | 'key' | 'value'> {
  const [q, k, v, bias, heads] = [c.input(0), c.optional(1), c.optional(2), c.optional(3), c.int('num_heads', 0)];
  const width = size(q.dims.slice(2)) / (q.dims.length === 5 ? 3 : 1);
  const biasOf = (x: Value, from: number): Value => {
    if (!bias) return x;
    const part = bias.data.subarray(from, from + x.dims[2]!);
    return part.length === x.dims[2]
      ? plusRow(x, part)
      : c.misfit(`a bias of at least ${from + x.dims[2]!}`, `[${bias.dims}]`);
  };
  /** One of `[batch, sequence, heads, parts, size]` as `[batch, sequence, heads · size]`. */
  const unpack = (x: Value, parts: number, index: number): Value => {
    expectDims(c, 'packed heads', x, [q.dims[0], undefined, heads, parts, undefined]);
    const picked = item(x, 3, index);
    return { ...picked, dims: [...picked.dims.slice(0, 2), heads * picked.dims[3]!] };
  };
  const ready = (x: Value, from: number): Value => {
    if (x.dims.length === 4) return x;
    expectRank(c, 'operands', x, 3);
    return splitHeads(c, biasOf(x, from), heads);
  };
  const [keyFrom, valueFrom] = [width, 2 * width];
  if (q.dims.length === 5) {
    const [query, key, value] = [0, 1, 2].map((i) => ready(unpack(q, 3, i), i * width));
    return { query: query!, key: key!, value: value! };
  }
  const query = ready(q, 0);
  if (!k) return c.refuse('queries without keys');
  if (k.dims.length === 5)
    return { query, key: ready(unpack(k, 2, 0), keyFrom), value: ready(unpack(k, 2, 1), valueFrom) };
  return { query, key: ready(k, keyFrom), value: ready(v ?? c.refuse('keys without values'), valueFrom) };
}

export const microsoftAttention: Readonly<Record<string, Kernel>> = {
  'com.microsoft.Attention': (c) => {
    const [x, weights, bias, mask] = [c.input(0), c.input(1), c.optional(2), c.optional(3)];
    return projectedAttention(c, { x, weights, bias, mask, past: c.optional(4), attentionBias: c.optional(5) });
  },
  /** Outputs Y, the present keys and values, and the scores before the softmax. */
  'com.microsoft.MultiHeadAttention': (c) => {
    if (c.optional(8) || c.optional(9)) c.refuse('a shared buffer of past and present');
    const { query, key: newKey, value: newValue } = unpackedHeads(c);
    const [key, value] = [appendToPast(c, c.optional(6), newKey), appendToPast(c, c.optional(7), newValue)];
    const attended = attendMasked(c, { query, key, value, mask: c.optional(4), attentionBias: c.optional(5) });
    return [mergeHeads(attended.output), key, value, attended.biased];
  },
  /** The positions are one per token, or the one of the first token of every sample. */
  'com.microsoft.RotaryEmbedding': (c) => {
    if (c.int('is_packed_batching', 0) || c.float('scale', 1) !== 1) c.refuse('packed batching or a scale');
    const [x, positions, cos, sin] = [c.input(0), c.input(1), c.input(2), c.input(3)];
    expectRank(c, 'the cosines', cos, 2);
    expectRank(c, 'input', x, 3, 4);
    const rotated = c.int('rotary_embedding_dim', 0) || 2 * cos.dims[1]!;
    if (rotated !== 2 * cos.dims[1]!) c.misfit(`${rotated / 2} cosines a row`, `${cos.dims[1]}`);
    const guessed = c.int('num_heads', 0) || (x.dims.at(-1) ?? 0) / rotated;
    const heads = x.dims.length === 4 ? headsOf(c, 0, 'num_heads') : splitHeads(c, x, guessed);
    const [batch, length] = [heads.dims[0]!, heads.dims[2]!];
    const offset = positions.dims.length === 1;
    expectDims(c, 'positions', positions, offset ? [1] : [batch, length]);
    const row = (b: number, s: number) => (offset ? positions.data[0]! + s : positions.data[b * length + s]!);
    const made = rotate(c, heads, { cos, sin, row, interleaved: c.int('interleaved', 0) === 1 });
    return [x.dims.length === 4 ? made : mergeHeads(made)];
  },
};
