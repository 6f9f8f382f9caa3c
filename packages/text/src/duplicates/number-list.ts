/** A growing list of 32-bit integers, 4 to 8 bytes each. */
export interface NumberList {
  readonly length: number;
  at(index: number): number;
  set(index: number, value: number): void;
  push(value: number): void;
  toArray(): Int32Array;
}

export function createNumberList(): NumberList {
  let values = new Int32Array(1024);
  let length = 0;
  return {
    get length() {
      return length;
    },
    at: (index) => values[index]!,
    set(index, value) {
      values[index] = value;
    },
    push(value) {
      if (length === values.length) {
        const larger = new Int32Array(2 * length);
        larger.set(values);
        values = larger;
      }
      values[length++] = value;
    },
    toArray: () => values.slice(0, length),
  };
}
