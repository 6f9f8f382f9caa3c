import type { Dim, TensorType } from '../../model.ts';
import { add, divide, isAtLeast, multiply } from '../dims.ts';
import { elementOf, intOf, intsOf, like, type RuleContext, type TypeRule } from '../rule.ts';

/** The attention forms that ONNX Runtime fuses to. Batches of sequences are [batch, sequence, hidden]. */
export const microsoftAttentionRules: Readonly<Record<string, TypeRule>> = {
  'com.microsoft.Attention': ({ node, inputs, has }) => {
    const [x, weights, bias, , past] = inputs;
    return packedAttention(node, x, weights, bias, has(4) ? past : 'absent', x);
  },
  'com.microsoft.QAttention': ({ node, inputs, has }) => {
    const [x, weights, bias] = inputs;
    return packedAttention(node, x, weights, bias, has(8) ? inputs[8] : 'absent', inputs[3] ?? bias);
  },
  'com.microsoft.MultiHeadAttention': multiHead,
  'com.microsoft.DecoderMaskedMultiHeadAttention': ({ inputs: [q, , , , , pastKey, pastValue] }) => [
    q,
    pastKey,
    pastValue,
  ],
  'com.microsoft.GroupQueryAttention': groupQuery,
};

/** One product with [hidden, 3 · hidden] weights gives queries, keys and values; `present` is [2, batch, heads, total, head]. */
function packedAttention(
  node: RuleContext['node'],
  x: TensorType | undefined,
  weights: TensorType | undefined,
  bias: TensorType | undefined,
  past: TensorType | 'absent' | undefined,
  typed: TensorType | undefined,
): ReturnType<TypeRule> {
  const heads = intOf(node, 'num_heads', undefined);
  const sizes = intsOf(node, 'qkv_hidden_sizes');
  const hidden: Dim = sizes?.[2] ?? divide(weights?.dims?.[1] ?? bias?.dims?.[0], 3);
  const [batch, sequence] = x?.dims ?? [];
  const total = past === 'absent' ? sequence : add(past?.dims?.[3], sequence);
  const shared = intOf(node, 'past_present_share_buffer', 0) !== 0 && past !== 'absent';
  const present = shared ? past?.dims : [2, batch, heads, total, divide(hidden, heads)];
  return [like(typed, [batch, sequence, hidden]), like(typed, present)];
}

/** Queries [batch, sequence, hidden] (or packed with keys and values), keys and values likewise or already by head. */
function multiHead(context: RuleContext): ReturnType<TypeRule> {
  const { node, inputs } = context;
  const [q, k, v, , , , pastKey, pastValue] = inputs;
  const heads = intOf(node, 'num_heads', undefined);
  const [batch, sequence] = q?.dims ?? [];
  if (q?.dims === undefined) return Array(4).fill(like(q, undefined));
  // [batch, sequence, heads, 3, head]
  const packed = q.dims.length === 5;
  const byHead = (x: TensorType | undefined) => x?.dims?.length === 4;
  const packedKeys = k?.dims?.length === 5;
  const keyHead = packed || packedKeys ? (packed ? q : k)?.dims?.[4] : divide(q.dims[2], heads);
  const valueHead = packed || packedKeys ? keyHead : byHead(v) ? v?.dims?.[3] : divide(v?.dims?.[2], heads);
  const added = packed ? sequence : byHead(k) ? k?.dims?.[2] : k?.dims?.[1];
  // Keys that come by head are those of cross attention, which does not grow.
  const total = context.has(6) && !byHead(k) ? add(pastKey?.dims?.[2], added) : added;
  const shared = intOf(node, 'past_present_share_buffer', 0) !== 0 || context.has(8);
  const cache = (past: TensorType | undefined, head: Dim) => (shared ? past : like(q, [batch, heads, total, head]));
  return [
    like(q, [batch, sequence, multiply([heads, valueHead])]),
    cache(pastKey, keyHead),
    cache(pastValue, valueHead),
    like(q, [batch, heads, sequence, shared ? undefined : total]),
  ];
}

/**
 * Queries [batch, sequence, heads · head], or packed with keys and values when there are no keys. The caches are as
 * long as what went before and what is new, or as their buffer.
 */
function groupQuery(context: RuleContext): ReturnType<TypeRule> {
  const { node, inputs } = context;
  const [q, , v, pastKey, pastValue] = inputs;
  const [heads, kvHeads] = [intOf(node, 'num_heads', undefined), intOf(node, 'kv_num_heads', undefined)];
  const [batch, sequence, hidden] = q?.dims ?? [];
  const packed = !context.has(1);
  const head = packed ? divide(hidden, add(heads, multiply([kvHeads, 2]))) : divide(hidden, heads);
  const past = pastKey?.dims?.[2];
  const told = elementOf(context, 6);
  const total = isAtLeast(told, past) ? told : isAtLeast(past, told) ? past : undefined;
  const cache = (before: TensorType | undefined) =>
    like(before ?? q, [batch, kvHeads, total, before?.dims?.[3] ?? head]);
  const valueHead = packed ? head : divide(v?.dims?.[2], kvHeads);
  return [
    like(q, [batch, sequence, multiply([heads, valueHead ?? head])]),
    cache(pastKey),
    cache(pastValue),
    like(q, [batch, heads, sequence, undefined]),
  ];
}
