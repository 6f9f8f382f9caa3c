import type { Kernel } from '../kernel.ts';
import type { Value } from '../value.ts';
import { attend, createScoreBias } from './attend.ts';
import { expectDims } from './expect-shape.ts';
import { appendToPast, headsOf, mergeHeads } from './heads.ts';

/** A mask may end before the keys do: what is missing is masked. */
function padMask(mask: Value, keys: number): Value {
  const width = mask.dims.at(-1) ?? keys;
  if (width >= keys || width === 0) return mask;
  const rows = mask.data.length / width;
  const data = new Float64Array(rows * keys).fill(mask.type === 'bool' ? 0 : Number.NEGATIVE_INFINITY);
  for (let row = 0; row < rows; row++) data.set(mask.data.subarray(row * width, (row + 1) * width), row * keys);
  return { ...mask, dims: [...mask.dims.slice(0, -1), keys], data };
}

/**
 * Attention of opset 23 to 25. Query i stands at position `offset + i`, where the offset is the length of the past, or
 * the number of valid keys less the number of queries, or 0; `is_causal` and the windows count from there.
 */
export const attention: Readonly<Record<string, Kernel>> = {
  Attention: (c) => {
    const flat = c.input(0).dims.length === 3;
    const [mask, pastKey, pastValue, valid] = [c.optional(3), c.optional(4), c.optional(5), c.optional(6)];
    const query = headsOf(c, 0, 'q_num_heads');
    const key = appendToPast(c, pastKey, headsOf(c, 1, 'kv_num_heads'));
    const value = appendToPast(c, pastValue, headsOf(c, 2, 'kv_num_heads'));
    const [batch, heads, queries] = query.dims as [number, number, number];
    const keys = key.dims[2]!;
    expectDims(c, 'nonpad_kv_seqlen', valid, [batch]);
    if ((pastKey === undefined) !== (pastValue === undefined) || (pastKey && valid))
      c.refuse('a past of keys without one of values, or with nonpad_kv_seqlen');

    const offset = (b: number) => pastKey?.dims[2] ?? (valid ? valid.data[b]! - queries : 0);
    const causal = c.int('is_causal', 0) === 1;
    const [left, right] = [c.int('left_window_size', -1), c.int('right_window_size', -1)];
    if (left < -1 || right < -1) c.misfit('windows of at least -1', `${left} and ${right}`);
    const bias = createScoreBias(c, [batch, heads, queries, keys]);
    if (mask) bias.add(padMask(mask, keys));
    bias.forbid((b, i, j) => {
      const distance = j - (offset(b) + i);
      const ahead = (causal && distance > 0) || (right >= 0 && distance > right);
      return ahead || (left >= 0 && -distance > left) || (valid !== undefined && j >= valid.data[b]!);
    });

    const scale = c.node.attributes.scale && c.float('scale', 1);
    const softcap = c.float('softcap', 0);
    const attended = attend(c, { query, key, value, scale, softcap, bias: bias.data });
    const stages = [attended.products, attended.capped, attended.biased, attended.probabilities];
    const stage = stages[c.int('qk_matmul_output_mode', 0)] ?? c.refuse('an unknown qk_matmul_output_mode');
    return [flat ? mergeHeads(attended.output) : attended.output, key, value, stage];
  },
};
