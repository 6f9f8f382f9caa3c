/** What a model gives for one word: ids, and where each ends in the word (UTF-16 units). */
export interface WordTokens {
  readonly ids: readonly number[];
  readonly ends: readonly number[];
}

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

/** Pairs of ids are keyed by `a * 2^24 + b`, exact in a double. */
const shift = 2 ** 24;
const encoder = new TextEncoder();

/**
 * Byte-pair encoding of one word (Sennrich et al. 2016): the pair of the lowest rank is merged first, the leftmost of
 * equals. A heap over a linked list: O(n log n) for a word of any length. Throws when a merge makes no known token.
 */
export function bpeModel(options: BpeOptions): (word: string) => WordTokens {
  const { vocab, unknown, prefix, suffix, byteFallback } = options;
  const ranks = new Map<number, { readonly rank: number; readonly id: number }>();
  options.merges.forEach(([left, right], rank) => {
    const a = vocab.get(left);
    const b = vocab.get(right);
    const id = vocab.get(left + (prefix !== '' && right.startsWith(prefix) ? right.slice(prefix.length) : right));
    if (a === undefined || b === undefined || id === undefined) {
      throw new Error(`merge ${rank} joins or makes a token that is not in the vocabulary`);
    }
    ranks.set(a * shift + b, { rank, id });
  });
  const unknownId = unknown === undefined ? undefined : vocab.get(unknown);
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    byteFallback ? vocab.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`) : undefined,
  );
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
    return merge(ids, ends, ranks);
  };
}

function merge(
  ids: number[],
  ends: number[],
  ranks: ReadonlyMap<number, { readonly rank: number; readonly id: number }>,
): WordTokens {
  const size = ids.length;
  if (size < 2) return { ids, ends };
  const next = Int32Array.from(ids, (_, i) => (i + 1 < size ? i + 1 : -1));
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const gone = new Uint8Array(size);
  // keys are rank * 2^26 + position, so the smallest key is the next merge
  const heap: number[] = [];
  const offer = (at: number) => {
    const right = at < 0 ? -1 : next[at]!;
    const found = right < 0 ? undefined : ranks.get(ids[at]! * shift + ids[right]!);
    if (found) push(heap, found.rank * 2 ** 26 + at);
  };
  for (let at = 0; at + 1 < size; at++) offer(at);
  while (heap.length > 0) {
    const top = pop(heap);
    const at = top % 2 ** 26;
    const right = next[at]!;
    if (gone[at] === 1 || right < 0) continue;
    const found = ranks.get(ids[at]! * shift + ids[right]!);
    if (!found || found.rank !== Math.floor(top / 2 ** 26)) continue;
    ids[at] = found.id;
    ends[at] = ends[right]!;
    gone[right] = 1;
    next[at] = next[right]!;
    if (next[at]! >= 0) previous[next[at]!] = at;
    offer(previous[at]!);
    offer(at);
  }
  return { ids: ids.filter((_, i) => gone[i] === 0), ends: ends.filter((_, i) => gone[i] === 0) };
}

function push(heap: number[], key: number): void {
  let at = heap.length;
  heap.push(key);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]! <= key) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = key;
}

function pop(heap: number[]): number {
  const top = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= last) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return top;
}
