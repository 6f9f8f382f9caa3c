/** What a model gives for one word: ids, and where each ends in the word (UTF-16 units). */
export interface WordTokens {
  readonly ids: readonly number[];
  readonly ends: readonly number[];
}

/** A model's segmentation of one word. */
export type WordModel = (word: string) => WordTokens;

/** The tokens of the 256 bytes in a vocabulary with byte fallback; undefined for those it lacks. */
export function byteTokens(idOf: (token: string) => number | undefined): readonly (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`));
}
