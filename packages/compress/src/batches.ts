import type { Tensor } from '@slm-compress/onnx';

/**
 * Groups texts of exactly the same length, so that no position is padding: indices into `lengths`, at most
 * `tokenBudget` tokens a group (one text at least), shortest texts first, in their order. Empty texts are left out.
 */
export function groupByLength(lengths: readonly number[], tokenBudget: number): readonly (readonly number[])[] {
  const byLength = new Map<number, number[]>();
  lengths.forEach((length, index) => {
    if (length === 0) return;
    const group = byLength.get(length);
    if (group === undefined) byLength.set(length, [index]);
    else group.push(index);
  });
  const groups: (readonly number[])[] = [];
  for (const length of [...byLength.keys()].sort((a, b) => a - b)) {
    const indices = byLength.get(length)!;
    const size = Math.max(1, Math.floor(tokenBudget / length));
    for (let start = 0; start < indices.length; start += size) groups.push(indices.slice(start, start + size));
  }
  return groups;
}

/** Feeds of texts of one length: `input_ids` and `attention_mask` (all ones), int64 `[batch, sequence]`. */
export function unpaddedFeeds(texts: readonly Int32Array[]): {
  readonly input_ids: Tensor;
  readonly attention_mask: Tensor;
} {
  const length = texts[0]?.length ?? 0;
  const dims = [texts.length, length];
  const flat = new BigInt64Array(texts.length * length);
  texts.forEach((text, row) => {
    for (let position = 0; position < length; position++) flat[row * length + position] = BigInt(text[position]!);
  });
  return {
    input_ids: { type: 'int64', dims, data: flat },
    attention_mask: { type: 'int64', dims, data: new BigInt64Array(flat.length).fill(1n) },
  };
}
