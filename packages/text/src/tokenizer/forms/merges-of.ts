/**
 * The merges of a BPE model that states pieces alone, in the order of their ranks: for each piece every way to cut it into
 * two of the pieces, the shorter left part first.
 */
export function mergesOf(ranked: readonly string[]): readonly (readonly [string, string])[] {
  const pieces = new Set(ranked);
  const merges: (readonly [string, string])[] = [];
  for (const piece of ranked) {
    for (let at = 1; at < piece.length; at++) {
      if (isLowSurrogate(piece, at)) continue;
      const left = piece.slice(0, at);
      if (!pieces.has(left)) continue;
      const right = piece.slice(at);
      if (pieces.has(right)) merges.push([left, right]);
    }
  }
  return merges;
}

function isLowSurrogate(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00;
}
