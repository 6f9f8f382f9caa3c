import { SlmError } from '@slm-compress/onnx';
import { pieceTrie } from './piece-trie.ts';
import { byteTokens, type WordModel } from './word-tokens.ts';

const unknownPenalty = 10;
const encoder = new TextEncoder();

/** The model part of a Unigram tokenizer.json: pieces with their log probabilities, ids by position. */
export interface UnigramOptions {
  readonly pieces: readonly (readonly [string, number])[];
  readonly unknownId: number | undefined;
  readonly byteFallback: boolean;
}

/**
 * The most probable segmentation of one word (Kudo 2018), by Viterbi over a trie of the pieces; characters without a
 * piece cost ten more than the rarest, neighbours among them are one unknown. Throws for an empty vocabulary and an
 * unknown token that isn't in it; the segmentation throws SlmError `TOKENIZER_CORRUPT` for a character without a piece
 * when there is no unknown token.
 */
export function unigramModel(options: UnigramOptions): WordModel {
  const { pieces, unknownId, byteFallback } = options;
  if (pieces.length === 0) throw new Error('vocab: expected pieces, got none');
  if (unknownId !== undefined && pieces[unknownId] === undefined) {
    throw new Error(`unk_id: expected a piece of the vocabulary, got ${unknownId}`);
  }
  const ids = new Map(pieces.map(([piece], id) => [piece, id]));
  const trie = pieceTrie(ids);
  const scores = Float64Array.from(pieces, ([, score]) => score);
  const lowest = scores.reduce((a, b) => Math.min(a, b));
  const bytes = byteFallback ? byteTokens((token) => ids.get(token)) : [];
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
      let node = trie.next(0, word.charCodeAt(at));
      for (let end = at + 1; node >= 0; end++) {
        const id = trie.valueAt(node);
        if (id >= 0) {
          offer(at, end, id, scores[id]! + best[at]!);
          if (end === at + step) single = true;
        }
        node = end < size ? trie.next(node, word.charCodeAt(end)) : -1;
      }
      if (!single) {
        if (unknownId === undefined) {
          const character = JSON.stringify(word.slice(at, at + step));
          throw new SlmError(
            'TOKENIZER_CORRUPT',
            `text: expected characters with a piece (the vocabulary has no unknown token), got ${character}`,
          );
        }
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
      const parts =
        id === undefined && byteFallback ? Array.from(encoder.encode(text), (byte) => bytes[byte]) : [undefined];
      for (const part of parts.every((one) => one !== undefined) ? parts : [id ?? unknownId!]) {
        made.push(part);
        ends.push(end);
      }
    }
    return { ids: made, ends };
  };
}
