import xxhash from 'xxhash-wasm';
import { createHashTable } from './hash-table.ts';
import { createNumberList } from './number-list.ts';

/** Finds equal texts in a stream. */
export interface ExactDuplicates {
  /** The index (0, 1, 2 … in the order of adding) of the first text equal to this one: its own when it is new. */
  add(text: string): number;
  /** For each text added so far what `add` returned. */
  representative(): Int32Array;
}

/** What makes two texts equal: the text in lowercase, white space at the ends removed and between words one space. */
export function normalForm(text: string): string {
  return text.toLowerCase().replace(/\s+/gu, ' ').trim();
}

/**
 * Equal texts, but for case and white space, by the 128 bits of two xxHashes of their {@link normalForm}; texts are not
 * held. Memory: at most 60 bytes a text. Two different texts are taken for equal with a probability of n² / 2^129 for n
 * texts that nobody made to collide.
 */
export async function createExactDuplicates(): Promise<ExactDuplicates> {
  const { h64 } = await xxhash();
  const table = createHashTable();
  const firsts = createNumberList();
  const representatives = createNumberList();
  return {
    add(text) {
      const normal = normalForm(text);
      const number = table.numberOf(h64(normal, 0n), h64(normal, 1n));
      if (number === firsts.length) firsts.push(representatives.length);
      representatives.push(firsts.at(number));
      return firsts.at(number);
    },
    representative: () => representatives.toArray(),
  };
}
