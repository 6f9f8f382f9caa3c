import { createPairMap, type PairMap } from './pair-map.ts';
import { byteTokens, type WordModel, type WordTokens } from './word-tokens.ts';

/** The model part of a BPE tokenizer.json, merges as pairs. */
export interface BpeOptions {
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  readonly unknown: string | undefined;
  readonly fuseUnknown: boolean;
  readonly byteFallback: boolean;
  readonly ignoreMerges: boolean;
  readonly prefix: string;
  readonly suffix: string;
}

/** The rank of each pair of ids, and the id that each rank makes. */
interface Merges {
  readonly ranks: PairMap;
  readonly made: Int32Array;
}

const encoder = new TextEncoder();
/** Below this many symbols a scan for the lowest rank beats a heap. */
const scanned = 48;

/**
 * Byte-pair encoding of one word (Sennrich et al. 2016): the pair of the lowest rank is merged first, the leftmost of
 * equals. Long words take a heap over a linked list: O(n log n). Throws when a merge makes no known token.
 */
export function bpeModel(options: BpeOptions): WordModel {
  const { vocab, unknown, prefix, suffix, byteFallback } = options;
  const merges: Merges = {
    ranks: createPairMap(options.merges.length),
    made: new Int32Array(options.merges.length),
  };
  options.merges.forEach(([left, right], rank) => {
    const a = vocab.get(left);
    const b = vocab.get(right);
    const id = vocab.get(mergedToken(left, right, prefix));
    if (a === undefined || b === undefined || id === undefined) {
      throw new Error(`merge ${rank} joins or makes a token that is not in the vocabulary`);
    }
    merges.ranks.set(a, b, rank);
    merges.made[rank] = id;
  });
  const unknownId = unknown === undefined ? undefined : vocab.get(unknown);
  const bytes = byteFallback ? byteTokens((token) => vocab.get(token)) : [];
  return (word) => {
    const whole = options.ignoreMerges ? vocab.get(word) : undefined;
    if (whole !== undefined) return { ids: [whole], ends: [word.length] };
    const ids: number[] = [];
    const ends: number[] = [];
    let pending = false;
    let pendingEnd = 0;
    const flush = () => {
      if (pending && unknownId !== undefined) {
        ids.push(unknownId);
        ends.push(pendingEnd);
      }
      pending = false;
    };
    for (let at = 0; at < word.length; ) {
      const character = String.fromCodePoint(word.codePointAt(at)!);
      const end = at + character.length;
      const id = vocab.get((at > 0 ? prefix : '') + character + (end === word.length ? suffix : ''));
      if (id !== undefined) {
        flush();
        ids.push(id);
        ends.push(end);
      } else {
        const pieces = byteFallback ? Array.from(encoder.encode(character), (byte) => bytes[byte]) : [undefined];
        if (pieces.every((piece) => piece !== undefined)) {
          for (const piece of pieces) {
            ids.push(piece);
            ends.push(end);
          }
        } else {
          if (!options.fuseUnknown) flush();
          pending = unknownId !== undefined;
          pendingEnd = end;
        }
      }
      at = end;
    }
    flush();
    if (ids.length < 2) return { ids, ends };
    return ids.length <= scanned ? mergeByScan(ids, ends, merges) : mergeByHeap(ids, ends, merges);
  };
}

/**
 * Whether a word may be cut before each `mark` that follows another character: no merge makes a token with a mark inside,
 * and the mark is a token, so that no run of unknown characters goes across.
 */
export function cutsBefore(mark: string, options: BpeOptions): boolean {
  const { vocab, merges, prefix, suffix, ignoreMerges } = options;
  if (prefix !== '' || suffix !== '' || !vocab.has(mark)) return false;
  const inside = new RegExp(`[^${mark}]${mark}`, 'u');
  return (
    merges.every(([left, right]) => !inside.test(left + right)) &&
    !(ignoreMerges && [...vocab.keys()].some((token) => inside.test(token)))
  );
}

function mergedToken(left: string, right: string, prefix: string): string {
  return left + (prefix !== '' && right.startsWith(prefix) ? right.slice(prefix.length) : right);
}

function mergeByScan(ids: number[], ends: number[], { ranks, made }: Merges): WordTokens {
  const rank: number[] = [];
  for (let at = 0; at + 1 < ids.length; at++) rank.push(ranks.get(ids[at]!, ids[at + 1]!));
  for (;;) {
    let best = -1;
    let lowest = 0x7fffffff;
    for (let at = 0; at < rank.length; at++) {
      const one = rank[at]!;
      if (one >= 0 && one < lowest) {
        lowest = one;
        best = at;
      }
    }
    if (best < 0) return { ids, ends };
    ids[best] = made[lowest]!;
    ends[best] = ends[best + 1]!;
    for (let at = best + 1; at + 1 < ids.length; at++) {
      ids[at] = ids[at + 1]!;
      ends[at] = ends[at + 1]!;
      rank[at - 1] = rank[at]!;
    }
    ids.pop();
    ends.pop();
    rank.pop();
    if (best > 0) rank[best - 1] = ranks.get(ids[best - 1]!, ids[best]!);
    if (best < rank.length) rank[best] = ranks.get(ids[best]!, ids[best + 1]!);
  }
}

/** Keys of the heap are `rank * 2^26 + position`, exact in a double, so the smallest key is the next merge. */
const shift = 2 ** 26;

function mergeByHeap(ids: number[], ends: number[], { ranks, made }: Merges): WordTokens {
  const size = ids.length;
  const symbols = Int32Array.from(ids);
  const next = new Int32Array(size);
  const previous = new Int32Array(size);
  // at most one entry a symbol to begin with, and two more for each merge
  const heap = new Float64Array(3 * size);
  let length = 0;
  for (let at = 0; at < size; at++) {
    next[at] = at + 1 < size ? at + 1 : -1;
    previous[at] = at - 1;
    const rank = at + 1 < size ? ranks.get(symbols[at]!, symbols[at + 1]!) : -1;
    if (rank >= 0) heap[length++] = rank * shift + at;
  }
  heap.subarray(0, length).sort();
  const offer = (at: number) => {
    const right = at < 0 ? -1 : next[at]!;
    const rank = right < 0 ? -1 : ranks.get(symbols[at]!, symbols[right]!);
    if (rank < 0) return;
    const key = rank * shift + at;
    let hole = length++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = key;
  };
  while (length > 0) {
    const top = heap[0]!;
    const last = heap[--length]!;
    for (let hole = 0; length > 0; ) {
      let child = 2 * hole + 1;
      if (child + 1 < length && heap[child + 1]! < heap[child]!) child++;
      if (child >= length || heap[child]! >= last) {
        heap[hole] = last;
        break;
      }
      heap[hole] = heap[child]!;
      hole = child;
    }
    const rank = Math.floor(top / shift);
    const at = top - rank * shift;
    const right = symbols[at]! < 0 ? -1 : next[at]!;
    if (right < 0 || ranks.get(symbols[at]!, symbols[right]!) !== rank) continue;
    symbols[at] = made[rank]!;
    ends[at] = ends[right]!;
    symbols[right] = -1;
    next[at] = next[right]!;
    if (next[at]! >= 0) previous[next[at]!] = at;
    offer(previous[at]!);
    offer(at);
  }
  const kept: number[] = [];
  const keptEnds: number[] = [];
  for (let at = 0; at >= 0; at = next[at]!) {
    kept.push(symbols[at]!);
    keptEnds.push(ends[at]!);
  }
  return { ids: kept, ends: keptEnds };
}
