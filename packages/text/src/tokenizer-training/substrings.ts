/** Substrings that occur more than once and are followed by different characters; entries by index. */
export interface RepeatedSubstrings {
  /** Characters of each. */
  readonly lengths: Uint8Array;
  /** Its occurrences are `positions[from[i] … to[i])`. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly positions: Int32Array;
}

/**
 * Finds the repeated substrings of 2 to `maxLength` characters that cannot be extended to the right without losing
 * occurrences: the inner nodes of the suffix tree (https://doi.org/10.1109/DCC.2009.62, section on enumeration), here
 * by radix sort of the positions down to `maxLength`. `text` holds character numbers; 0 ends a word, and no substring
 * contains it. Entries are in lexicographic order of their characters.
 */
export function repeatedSubstrings(text: Uint16Array | Int32Array, maxLength: number): RepeatedSubstrings {
  let alphabet = 0;
  let length = 0;
  for (const character of text) {
    if (character > alphabet) alphabet = character;
    if (character !== 0) length++;
  }
  const positions = new Int32Array(length);
  const spare = new Int32Array(length);
  let filled = 0;
  for (let at = 0; at < text.length; at++) if (text[at] !== 0) positions[filled++] = at;
  const sizes = new Int32Array(alphabet + 1);
  const lengths: number[] = [];
  const from: number[] = [];
  const to: number[] = [];
  /** All positions in `[low, high)` share `depth` characters. */
  const split = (low: number, high: number, depth: number): void => {
    const characters: number[] = [];
    for (let i = low; i < high; i++) {
      const character = text[positions[i]! + depth]!;
      if (sizes[character]!++ === 0) characters.push(character);
    }
    if (characters.length > 1 && depth > 1) {
      lengths.push(depth);
      from.push(low);
      to.push(high);
    }
    if (depth === maxLength) {
      for (const character of characters) sizes[character] = 0;
      return;
    }
    if (characters.length === 1) {
      sizes[characters[0]!] = 0;
      if (characters[0] !== 0) split(low, high, depth + 1);
      return;
    }
    characters.sort((a, b) => a - b);
    const ends: number[] = [];
    let end = low;
    for (const character of characters) {
      const size = sizes[character]!;
      sizes[character] = end;
      end += size;
      ends.push(end);
    }
    spare.set(positions.subarray(low, high), low);
    for (let i = low; i < high; i++) {
      const position = spare[i]!;
      positions[sizes[text[position + depth]!]!++] = position;
    }
    for (const character of characters) sizes[character] = 0;
    let start = low;
    characters.forEach((character, i) => {
      if (character !== 0 && ends[i]! - start > 1) split(start, ends[i]!, depth + 1);
      start = ends[i]!;
    });
  };
  if (length > 1) split(0, length, 0);
  return { lengths: Uint8Array.from(lengths), from: Int32Array.from(from), to: Int32Array.from(to), positions };
}
