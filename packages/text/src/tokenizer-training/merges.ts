import { createPairQueue } from './pair-queue.ts';
import { maxPieces, PairTable } from './pair-table.ts';

/** Words as rows of piece ids, and how often each occurs. */
export interface PieceRows {
  readonly rows: readonly ArrayLike<number>[];
  readonly counts: ArrayLike<number>;
}

export interface MergeOptions {
  /** A pair rarer than this is not merged. */
  readonly minFrequency: number;
  /** True when the vocabulary has enough pieces. */
  readonly full: () => boolean;
  /** The id of the piece that a pair becomes, new or known. */
  readonly merge: (a: number, b: number) => number;
  /** False for a pair whose piece would be too long; it is then never counted, but where words are given with it. */
  readonly allowed?: (a: number, b: number) => boolean;
  /**
   * What becomes of the count of a merged pair that turns up again, because one of its pieces was made in another way
   * too: `keep` adds to it, so that the pair is merged again at once (as Hugging Face's trainer does); `forget` starts
   * from 0.
   */
  readonly mergedCounts: 'keep' | 'forget';
}

/**
 * Byte-pair encoding (https://arxiv.org/abs/1508.07909): merges the most frequent pair of neighbours until the
 * vocabulary is full or no pair is frequent enough; ties go to the pair with the smaller first id, then second id.
 * Calls `merge` once a merge, in order. Time grows with the number of pairs merged away, not with the length of words.
 */
export function mergePairs({ rows, counts }: PieceRows, options: MergeOptions): void {
  const { full, merge, allowed, mergedCounts } = options;
  let total = 0;
  for (const row of rows) total += row.length + 1;
  /** All words in a row, each closed by -1; merging leaves -2 behind, which the links skip. */
  const pieces = new Int32Array(total);
  const next = new Int32Array(total);
  const previous = new Int32Array(total);
  const wordOf = new Int32Array(total);
  const table = new PairTable();
  let end = 0;
  rows.forEach((row, word) => {
    for (let i = 0; i <= row.length; i++) {
      pieces[end] = i < row.length ? row[i]! : -1;
      next[end] = end + 1;
      previous[end] = i === 0 ? -1 : end - 1;
      wordOf[end] = word;
      if (i > 0 && i < row.length) {
        const pair = table.indexOf(row[i - 1]!, row[i]!);
        table.counts[pair] = table.counts[pair]! + counts[word]!;
        table.addPosition(pair, end - 1);
      }
      end++;
    }
  });
  const queue = createPairQueue(table);
  for (let pair = 0; pair < table.size; pair++) if (table.counts[pair]! > 0) queue.push(pair, table.counts[pair]!);
  const floor = Math.max(1, options.minFrequency);
  const touched = new Set<number>();
  const lower = (a: number, b: number, weight: number) => {
    const pair = table.indexOf(a, b);
    table.counts[pair] = table.counts[pair]! - weight;
  };
  const raise = (a: number, b: number, weight: number, position: number) => {
    if (allowed !== undefined && !allowed(a, b)) return;
    const pair = table.indexOf(a, b);
    table.counts[pair] = table.counts[pair]! + weight;
    table.addPosition(pair, position);
    touched.add(pair);
  };
  while (!full()) {
    const top = queue.pop();
    if (top === undefined) return;
    const count = table.counts[top.pair]!;
    if (count !== top.count) {
      if (count > 0) queue.push(top.pair, count);
      continue;
    }
    if (count < floor) return;
    const key = table.keys[top.pair]!;
    const a = Math.floor(key / maxPieces);
    const b = key % maxPieces;
    const made = merge(a, b);
    for (const at of table.takePositions(top.pair)) {
      if (pieces[at] !== a) continue;
      const second = next[at]!;
      if (pieces[second] !== b) continue;
      const weight = counts[wordOf[at]!]!;
      const before = previous[at]!;
      if (before !== -1) {
        lower(pieces[before]!, a, weight);
        raise(pieces[before]!, made, weight, before);
      }
      const after = next[second]!;
      if (pieces[after] !== -1) {
        lower(b, pieces[after]!, weight);
        raise(made, pieces[after]!, weight, at);
      }
      pieces[at] = made;
      pieces[second] = -2;
      next[at] = after;
      previous[after] = at;
    }
    if (mergedCounts === 'forget') table.counts[top.pair] = 0;
    for (const pair of touched) if (table.counts[pair]! > 0) queue.push(pair, table.counts[pair]!);
    touched.clear();
  }
}
