import type { Dim } from '../../model.ts';
import { add, divide, multiply } from '../dims.ts';
import { intOf, like, type RuleContext, sameAsFirst, type TypeRule } from '../rule.ts';

/** Attention and what belongs to it, in ai.onnx. */
export const attentionRules: Readonly<Record<string, TypeRule>> = {
  Attention: attention,
  RotaryEmbedding: sameAsFirst,
  'ai.onnx.preview.FlexAttention': ({ inputs: [q, , v] }) => [
    like(q, q?.dims && [...q.dims.slice(0, -1), v?.dims?.at(-1)]),
  ],
  LinearAttention: ({ node, inputs: [q, k, v, state] }) => {
    const [queryHeads, heads] = [intOf(node, 'q_num_heads', undefined), intOf(node, 'kv_num_heads', undefined)];
    const [keySize, valueSize] = [divide(k?.dims?.[2], heads), divide(v?.dims?.[2], heads)];
    const present = [q?.dims?.[0], heads, keySize, valueSize];
    return [like(q, [q?.dims?.[0], q?.dims?.[1], multiply([queryHeads, valueSize])]), like(state ?? q, present)];
  },
};

/**
 * Y, the key and value caches grown by the new positions, and the scores. Inputs are [batch, heads, sequence, head]
 * or [batch, sequence, heads · head].
 */
function attention(context: RuleContext): ReturnType<TypeRule> {
  const { node, inputs } = context;
  const [q, k, v, , pastKey, pastValue] = inputs;
  if (q?.dims === undefined) return [like(q, undefined), like(k, undefined), like(v, undefined), like(q, undefined)];
  const flat = q.dims.length === 3;
  const queryHeads: Dim = intOf(node, 'q_num_heads', undefined) ?? (flat ? undefined : q.dims[1]);
  const heads: Dim = intOf(node, 'kv_num_heads', undefined) ?? (flat ? undefined : k?.dims?.[1]);
  const head = (dims: readonly Dim[] | undefined) => (flat ? divide(dims?.[2], heads) : dims?.[3]);
  const valueHead = head(v?.dims) ?? pastValue?.dims?.[3];
  const sequence = flat ? q.dims[1] : q.dims[2];
  const added = flat ? k?.dims?.[1] : k?.dims?.[2];
  const total = context.has(4) ? add(pastKey?.dims?.[2], added) : added;
  const cached = (last: Dim) => [q.dims![0], heads, total, last];
  return [
    like(
      q,
      flat ? [q.dims[0], sequence, multiply([queryHeads, valueHead])] : [q.dims[0], q.dims[1], sequence, valueHead],
    ),
    like(k, cached(head(k?.dims) ?? pastKey?.dims?.[3])),
    like(v, cached(valueHead)),
    like(q, [q.dims[0], queryHeads, sequence, total]),
  ];
}
