import type { DataType } from '../../model.ts';
import type { DecomposeContext, Decomposition, Size } from '../rule.ts';
import { attend, causal, mergeHeads, queryPositions, splitHeads } from './attend.ts';

const softmaxTypes: Readonly<Record<number, DataType>> = { 1: 'float32', 10: 'float16', 11: 'float64', 16: 'bfloat16' };

/** Attention of ai.onnx: 3-D and 4-D inputs, shared key heads, masks, caches, soft cap, windows. */
export const attention: Readonly<Record<string, Decomposition>> = {
  Attention: (c) => {
    const flat = c.rank(c.x()) === 3;
    const split = (index: number, attribute: string): string => {
      if (!flat) return c.x(index);
      const heads = c.int(attribute, 0);
      return heads > 0 ? splitHeads(c, c.x(index), heads) : c.refuse(`${attribute} must be given for 3-D inputs`);
    };
    const q = split(0, 'q_num_heads');
    const joined = (index: number, past: number): string => {
      const own = split(index, 'kv_num_heads');
      return c.has(past) ? c.op('Concat', [c.x(past), own], { axis: 2 }) : own;
    };
    const [k, v] = [joined(1, 4), joined(2, 5)];
    const [sequence, total] = [c.size(q, 2), c.size(k, 2)];
    const { allowed, biases, partial } = masks(c, sequence, total, q);
    const width = c.dims(q)?.at(3);
    const scale = c.float('scale', undefined) ?? (typeof width === 'number' ? 1 / Math.sqrt(width) : undefined);
    if (scale === undefined) return c.refuse('the head size must be known where scale is not given');
    const softmaxType = softmaxTypes[c.int('softmax_precision', 0)];
    const { y, stages } = attend(c, {
      q,
      k,
      v,
      repeats: repeats(c, q, k),
      scale,
      allowed,
      biases,
      guard: partial,
      softcap: c.float('softcap', 0),
      ...(softmaxType && { softmaxType }),
    });
    return [
      flat ? mergeHeads(c, y) : y,
      c.wants(1) ? k : undefined,
      c.wants(2) ? v : undefined,
      c.wants(3) ? stages[c.int('qk_matmul_output_mode', 0) as 0 | 1 | 2 | 3] : undefined,
    ];
  },
};

/** Query heads per key head. */
function repeats(c: DecomposeContext, q: string, k: string): number {
  const [heads, shared] = [c.dims(q)?.at(1), c.dims(k)?.at(1)];
  if (heads === shared && heads !== undefined) return 1;
  if (typeof heads !== 'number' || typeof shared !== 'number' || heads % shared !== 0) {
    return c.refuse('the numbers of query and key heads must be known');
  }
  return heads / shared;
}

/** The masks of the node; `partial` when a query may see no key at all. */
function masks(c: DecomposeContext, sequence: Size, total: Size, q: string) {
  const allowed: string[] = [];
  const biases: string[] = [];
  const lengths = c.has(6) ? c.cast(c.x(6), 'int64') : undefined;
  const given = c.x(3);
  if (given !== '') {
    if (c.type(given) === 'bool') allowed.push(padded(c, given, total, 'bool'));
    else biases.push(padded(c, given, total, c.type(q)));
  }
  const window = [c.int('left_window_size', -1), c.int('right_window_size', -1)] as const;
  const isCausal = c.int('is_causal', 0) === 1;
  if (isCausal || window[0] >= 0 || window[1] >= 0) {
    const width = typeof sequence === 'number' ? c.vector([sequence]) : sequence;
    const past = (size: Size) => (typeof size === 'number' ? c.vector([size]) : size);
    const offset = c.has(4)
      ? { value: past(c.size(c.x(4), 2)), perBatch: false }
      : lengths === undefined
        ? undefined
        : { value: c.op('Sub', [lengths, width]), perBatch: true };
    const positions = queryPositions(c, sequence, offset);
    if (isCausal) allowed.push(causal(c, positions, total));
    const shifted = (by: number) => c.op('Add', [positions, c.vector([by])]);
    if (window[0] >= 0) allowed.push(c.op('GreaterOrEqual', [c.count(total), shifted(-window[0])]));
    if (window[1] >= 0) allowed.push(c.op('LessOrEqual', [c.count(total), shifted(window[1])]));
  }
  if (lengths !== undefined) {
    allowed.push(c.op('Less', [c.count(total), c.reshape(lengths, [-1, 1, 1, 1])]));
  }
  return { allowed, biases, partial: given !== '' || lengths !== undefined || window[0] >= 0 || window[1] >= 0 };
}

/** A mask whose last axis is shorter than the keys (from opset 24 on), filled up with what masks. */
function padded(c: DecomposeContext, mask: string, total: Size, type: DataType): string {
  const last = c.dims(mask)?.at(-1);
  if (c.opset < 24 || (typeof last === 'number' && last === total)) return mask;
  const rank = c.rank(mask);
  const [all, own] = [total, c.size(mask, rank - 1)].map((size) =>
    typeof size === 'number' ? c.vector([size]) : size,
  );
  const zeros = c.vector(Array.from({ length: 2 * rank - 1 }, () => 0));
  const pads = c.op('Concat', [zeros, c.op('Sub', [all!, own!])], { axis: 0 });
  if (type === 'bool') {
    const numbers = c.op('Pad', [c.cast(mask, 'int32'), pads]);
    return c.cast(numbers, 'bool');
  }
  return c.op('Pad', [mask, pads, c.scalar(-Infinity, mask)]);
}
