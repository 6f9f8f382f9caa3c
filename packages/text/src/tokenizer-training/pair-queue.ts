import type { PairTable } from './pair-table.ts';

/** A pair and the count it had when it was queued. */
export interface QueuedPair {
  readonly pair: number;
  readonly count: number;
}

/** A binary heap of the pairs of a table: the highest count first, the smaller key on a tie. */
export function createPairQueue(table: PairTable): {
  push(pair: number, count: number): void;
  pop(): QueuedPair | undefined;
} {
  const pairs: number[] = [];
  const counts: number[] = [];
  const before = (pair: number, count: number, at: number) =>
    count > counts[at]! || (count === counts[at]! && table.keys[pair]! < table.keys[pairs[at]!]!);
  const put = (at: number, pair: number, count: number) => {
    pairs[at] = pair;
    counts[at] = count;
  };
  return {
    push(pair, count) {
      let at = pairs.length;
      pairs.push(pair);
      counts.push(count);
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(pair, count, parent)) break;
        put(at, pairs[parent]!, counts[parent]!);
        at = parent;
      }
      put(at, pair, count);
    },
    pop() {
      if (pairs.length === 0) return undefined;
      const top = { pair: pairs[0]!, count: counts[0]! };
      const pair = pairs.pop()!;
      const count = counts.pop()!;
      const { length } = pairs;
      if (length === 0) return top;
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= length) break;
        if (child + 1 < length && before(pairs[child + 1]!, counts[child + 1]!, child)) child++;
        if (before(pair, count, child)) break;
        put(at, pairs[child]!, counts[child]!);
        at = child;
      }
      put(at, pair, count);
      return top;
    },
  };
}
