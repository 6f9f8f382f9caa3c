import type { WordTokens } from './bpe.ts';

const unknownPenalty = 10;
const encoder = new TextEncoder();

/** The model part of a Unigram tokenizer.json: pieces with their log probabilities, ids by position. */
export interface UnigramOptions {
  readonly pieces: readonly (readonly [string, number])[];
  readonly unknownId: number | undefined;
  readonly byteFallback: boolean;
}

interface Node {
  readonly next: Map<number, Node>;
  id: number;
}

/**
 * The most probable segmentation of one word (Kudo 2018), by Viterbi over a trie of the pieces; characters without a
 * piece cost ten more than the rarest, neighbours among them are one unknown. Throws for an empty vocabulary.
 */
export function unigramModel(options: UnigramOptions): (word: string) => WordTokens {
  const { pieces, unknownId, byteFallback } = options;
  if (pieces.length === 0) throw new Error('the vocabulary has no pieces');
  const ids = new Map(pieces.map(([piece], id) => [piece, id]));
  const root: Node = { next: new Map(), id: -1 };
  let lowest = Number.POSITIVE_INFINITY;
  for (const [piece, score] of pieces) {
    lowest = Math.min(lowest, score);
    let node = root;
    for (let i = 0; i < piece.length; i++) {
      const unit = piece.charCodeAt(i);
      let child = node.next.get(unit);
      if (!child) {
        child = { next: new Map(), id: -1 };
        node.next.set(unit, child);
      }
      node = child;
    }
    if (node !== root) node.id = ids.get(piece)!;
  }
  return (word) => {
    const size = word.length;
    const best = new Float64Array(size + 1);
    const from = new Int32Array(size + 1).fill(-1);
    const via = new Int32Array(size + 1);
    const offer = (start: number, end: number, id: number, score: number) => {
      if (from[end]! >= 0 && !(score > best[end]!)) return;
      best[end] = score;
      from[end] = start;
      via[end] = id;
    };
    for (let at = 0; at < size; ) {
      const step = word.codePointAt(at)! > 0xffff ? 2 : 1;
      let single = false;
      let node = root.next.get(word.charCodeAt(at));
      for (let end = at + 1; node; end++) {
        if (node.id >= 0) {
          offer(at, end, node.id, pieces[node.id]![1] + best[at]!);
          if (end === at + step) single = true;
        }
        node = end < size ? node.next.get(word.charCodeAt(end)) : undefined;
      }
      if (!single) {
        if (unknownId === undefined) throw new Error('no unknown token for a character without a piece');
        offer(at, at + step, unknownId, lowest - unknownPenalty + best[at]!);
      }
      at += step;
    }
    const spans: (readonly [number, number])[] = [];
    for (let end = size; end > 0; ) {
      let start = from[end]!;
      if (via[end] === unknownId) while (start > 0 && via[start] === unknownId) start = from[start]!;
      spans.push([start, end]);
      end = start;
    }
    const made: number[] = [];
    const ends: number[] = [];
    for (const [start, end] of spans.reverse()) {
      const text = word.slice(start, end);
      const id = ids.get(text);
      const bytes =
        id === undefined && byteFallback
          ? Array.from(encoder.encode(text), (byte) =>
              ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
            )
          : [undefined];
      for (const byte of bytes.every((byte) => byte !== undefined) ? bytes : [id ?? unknownId!]) {
        made.push(byte);
        ends.push(end);
      }
    }
    return { ids: made, ends };
  };
}
