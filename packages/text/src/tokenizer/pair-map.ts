/** Numbers by pairs of non-negative integers below 2^31. */
export interface PairMap {
  /** The number of a pair, or -1. */
  get(a: number, b: number): number;
  /** Names a pair that was not named, or names it anew. */
  set(a: number, b: number, value: number): void;
}

/** An open hash table over typed arrays for up to `capacity` pairs; values are non-negative integers below 2^31. */
export function createPairMap(capacity: number): PairMap {
  const size = 2 ** Math.max(4, Math.ceil(Math.log2(2 * capacity + 1)));
  const mask = size - 1;
  const first = new Int32Array(size);
  const second = new Int32Array(size);
  const values = new Int32Array(size).fill(-1);
  const slotOf = (a: number, b: number): number => {
    const mixed = Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b);
    let slot = (mixed ^ (mixed >>> 15)) & mask;
    while (values[slot]! >= 0 && (first[slot] !== a || second[slot] !== b)) slot = (slot + 1) & mask;
    return slot;
  };
  return {
    get: (a, b) => values[slotOf(a, b)]!,
    set(a, b, value) {
      const slot = slotOf(a, b);
      first[slot] = a;
      second[slot] = b;
      values[slot] = value;
    },
  };
}
