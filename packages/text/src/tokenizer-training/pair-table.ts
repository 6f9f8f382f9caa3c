/** Ids of pieces stay below this, so that `a * maxPieces + b` names a pair exactly in a double. */
export const maxPieces = 2 ** 20;

/**
 * Pairs of ids with a count and a list of positions each, numbered 0, 1, … in the order in which they were first
 * named. An open hash table over growing typed arrays: training makes hundreds of thousands of pairs.
 */
export class PairTable {
  keys = new Float64Array(1 << 12);
  counts = new Float64Array(1 << 12);
  size = 0;
  #slots = new Int32Array(1 << 13).fill(-1);
  #heads = new Int32Array(1 << 12).fill(-1);
  #positions = new Int32Array(1 << 14);
  #links = new Int32Array(1 << 14);
  #used = 0;

  /** The number of the pair `(a, b)`; a new pair has count 0 and no positions. */
  indexOf(a: number, b: number): number {
    const key = a * maxPieces + b;
    let slot = this.#slotOf(a, b);
    for (;;) {
      const index = this.#slots[slot]!;
      if (index === -1) break;
      if (this.keys[index] === key) return index;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    if (this.size === this.keys.length) {
      this.#grow();
      slot = this.#slotOf(a, b);
      while (this.#slots[slot] !== -1) slot = (slot + 1) & (this.#slots.length - 1);
    }
    const index = this.size++;
    this.keys[index] = key;
    this.#slots[slot] = index;
    return index;
  }

  /** Remembers that the pair stands at a position. */
  addPosition(index: number, position: number): void {
    if (this.#used === this.#positions.length) {
      this.#positions = grown(this.#positions, 0);
      this.#links = grown(this.#links, 0);
    }
    this.#positions[this.#used] = position;
    this.#links[this.#used] = this.#heads[index]!;
    this.#heads[index] = this.#used++;
  }

  /** The positions of a pair in ascending order; it has none afterwards. */
  takePositions(index: number): Int32Array {
    let length = 0;
    for (let at = this.#heads[index]!; at !== -1; at = this.#links[at]!) length++;
    const found = new Int32Array(length);
    for (let at = this.#heads[index]!; at !== -1; at = this.#links[at]!) found[--length] = this.#positions[at]!;
    this.#heads[index] = -1;
    return found.sort();
  }

  #slotOf(a: number, b: number): number {
    const mixed = Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & (this.#slots.length - 1);
  }

  #grow(): void {
    this.keys = grown(this.keys, 0);
    this.counts = grown(this.counts, 0);
    this.#heads = grown(this.#heads, -1);
    this.#slots = new Int32Array(2 * this.#slots.length).fill(-1);
    for (let index = 0; index < this.size; index++) {
      const key = this.keys[index]!;
      let slot = this.#slotOf(Math.floor(key / maxPieces), key % maxPieces);
      while (this.#slots[slot] !== -1) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = index;
    }
  }
}

function grown<T extends Int32Array | Float64Array>(array: T, fill: number): T {
  const made = new (array.constructor as new (length: number) => T)(2 * array.length);
  made.set(array);
  if (fill !== 0) made.fill(fill, array.length);
  return made;
}
