/** Numbers 128-bit hashes: 0, 1, 2 … in the order they are first asked for. */
export interface HashTable {
  readonly size: number;
  /** The number of the hash of two 64-bit halves, a new one when it was never asked for. */
  numberOf(low: bigint, high: bigint): number;
  /** The number of the hash, or -1 when none was given. */
  find(low: bigint, high: bigint): number;
}

/** Open addressing with linear probing in typed arrays, at most half full: 24 to 48 bytes a hash. */
export function createHashTable(): HashTable {
  let slots = new Int32Array(2048).fill(-1);
  let hashes = new BigUint64Array(2048);
  let words = new Uint32Array(hashes.buffer);
  let size = 0;
  const grow = (): void => {
    const larger = new BigUint64Array(2 * hashes.length);
    larger.set(hashes);
    hashes = larger;
    words = new Uint32Array(hashes.buffer);
    slots = new Int32Array(2 * slots.length).fill(-1);
    for (let i = 0; i < size; i++) {
      let slot = words[4 * i]! & (slots.length - 1);
      while (slots[slot]! >= 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = i;
    }
  };
  /** The slot that has the hash or, if none does, the empty one where it belongs. */
  const slotOf = (low: bigint, high: bigint): number => {
    // Written behind the last hash, so that its low word can be read without arithmetic on bigints.
    hashes[2 * size] = low;
    hashes[2 * size + 1] = high;
    let slot = words[4 * size]! & (slots.length - 1);
    for (let i = slots[slot]!; i >= 0; i = slots[slot]!) {
      if (hashes[2 * i] === low && hashes[2 * i + 1] === high) break;
      slot = (slot + 1) & (slots.length - 1);
    }
    return slot;
  };
  return {
    get size() {
      return size;
    },
    numberOf(low, high) {
      const slot = slotOf(low, high);
      if (slots[slot]! >= 0) return slots[slot]!;
      slots[slot] = size++;
      if (2 * size === slots.length) grow();
      return size - 1;
    },
    find: (low, high) => slots[slotOf(low, high)]!,
  };
}
