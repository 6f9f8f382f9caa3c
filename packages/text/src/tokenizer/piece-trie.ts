import { createPairMap } from './pair-map.ts';

/** Longer pieces are refused: what a text of any kind costs is bounded by them. */
export const longestPiece = 512;

/** The pieces of a vocabulary, to be walked by UTF-16 units. */
export interface PieceTrie {
  /** The node behind `node` (0 is the root) by a unit, or -1. */
  next(node: number, unit: number): number;
  /** The number of the piece that ends in a node, or -1. */
  valueAt(node: number): number;
}

/** A trie of pieces with a number each; the last of equal pieces counts. Throws for a piece that is too long. */
export function pieceTrie(pieces: Iterable<readonly [string, number]>): PieceTrie {
  const rows = Array.from(pieces);
  let units = 0;
  for (const [piece] of rows) {
    if (piece.length > longestPiece) throw new Error(`vocab: expected pieces of up to ${longestPiece} characters`);
    units += piece.length;
  }
  const children = createPairMap(units);
  const values = new Int32Array(units + 1).fill(-1);
  let nodes = 1;
  for (const [piece, value] of rows) {
    let node = 0;
    for (let i = 0; i < piece.length; i++) {
      const unit = piece.charCodeAt(i);
      let child = children.get(node, unit);
      if (child < 0) {
        child = nodes++;
        children.set(node, unit, child);
      }
      node = child;
    }
    if (node > 0) values[node] = value;
  }
  return { next: children.get, valueAt: (node) => values[node]! };
}
