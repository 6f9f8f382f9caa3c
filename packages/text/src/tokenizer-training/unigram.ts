import { SlmError } from '@slm-compress/onnx';
import type { WordCounts } from './count-words.ts';
import { type Candidates, flattenWords, type Lattice, renumber, seedLattice } from './unigram-lattice.ts';

export interface UnigramOptions {
  /** Tokens in all. */
  readonly vocabSize: number;
  /** How many of them are not learned: special tokens, bytes. */
  readonly reserved: number;
  /** Characters kept as pieces even if the texts lack them. */
  readonly initialAlphabet?: readonly string[];
  /** Characters of the longest piece; 16 by default. */
  readonly maxTokenLength?: number;
  /** Candidates to start from; 1,000,000 by default. */
  readonly seedSize?: number;
  /** Share of the candidates that a round of pruning keeps; 0.75 by default. */
  readonly shrinkingFactor?: number;
  /** Rounds of expectation and maximization between two prunings; 2 by default. */
  readonly subIterations?: number;
  /** Told how many candidates are left. */
  readonly onPieces?: (pieces: number) => void;
}

/** A piece and its natural log probability. */
export type ScoredPiece = readonly [piece: string, score: number];

/** Score of an unknown character, below the worst piece. */
const unknownPenalty = 10;
/** A piece expected less often than this is dropped. */
const leastExpected = 0.5;
const missingCharacterStep = 1e-4;

/** A unigram model under training: scores by piece; piece 0 is the unknown character. */
interface Model {
  readonly lattice: Lattice;
  readonly candidates: Candidates;
  readonly scores: Float64Array;
  readonly unknownScore: number;
}

/**
 * Learns a unigram vocabulary (https://arxiv.org/abs/1804.10959) the way Hugging Face's `UnigramTrainer` does: seed
 * pieces from repeated substrings, then in turn expectation–maximization (with the digamma function as sparse prior)
 * and pruning of the pieces whose loss costs the likelihood least. Pieces by falling score; every character of the
 * words is one.
 *
 * Throws SlmError `TOKENIZER_OPTION` when the reserved tokens and the characters do not fit into `vocabSize`.
 */
export function learnUnigram(wordCounts: WordCounts, options: UnigramOptions): readonly ScoredPiece[] {
  const { vocabSize, maxTokenLength = 16, seedSize = 1_000_000, shrinkingFactor = 0.75, subIterations = 2 } = options;
  const { counts } = wordCounts;
  // A NUL cannot be told from the end of a word.
  const flat = flattenWords(wordCounts.words.map((word) => word.replaceAll('\0', ' ')));
  const required = [...new Set([...flat.characters.slice(1), ...(options.initialAlphabet ?? [])])];
  const room = vocabSize - options.reserved;
  if (required.length > room) {
    throw new SlmError(
      'TOKENIZER_OPTION',
      `vocabSize: expected at least ${required.length + options.reserved} (special tokens and characters of the texts), got ${vocabSize}`,
    );
  }
  const { lattice, candidates } = seedLattice(flat, counts, { seedSize, maxPieceLength: maxTokenLength });
  const total = candidates.weights.reduce((sum, weight) => sum + weight, 0);
  let model = modelOf(
    lattice,
    candidates,
    candidates.weights.map((weight) => Math.log(weight) - Math.log(total)),
  );
  const desired = Math.floor((vocabSize * 11) / 10);
  for (;;) {
    for (let i = 0; i < subIterations; i++) model = maximize(model, expectations(model, counts));
    options.onPieces?.(model.scores.length);
    if (model.scores.length <= desired) break;
    const size = Math.max(desired, Math.floor(model.scores.length * shrinkingFactor));
    model = prune(model, counts, size);
  }
  return finalPieces(model, required, room, (at, length) => {
    let piece = '';
    for (let i = at; i < at + length; i++) piece += flat.characters[flat.text[i]!]!;
    return piece;
  });
}

function modelOf(lattice: Lattice, candidates: Candidates, scores: Float64Array): Model {
  let least = Number.POSITIVE_INFINITY;
  for (let piece = 1; piece < scores.length; piece++) least = Math.min(least, scores[piece]!);
  return { lattice, candidates, scores, unknownScore: least - unknownPenalty };
}

/** Keeps the pieces in `kept` (0 first), in this order, with the given scores. */
function select({ lattice, candidates }: Model, kept: readonly number[], scores: Float64Array): Model {
  const numbers = new Int32Array(candidates.at.length).fill(-1);
  kept.forEach((piece, number) => {
    numbers[piece] = number;
  });
  return modelOf(
    renumber(lattice, numbers),
    {
      at: Int32Array.from(kept, (piece) => candidates.at[piece]!),
      sizes: Uint8Array.from(kept, (piece) => candidates.sizes[piece]!),
      weights: new Float64Array(),
    },
    scores,
  );
}

/** Values below are multiplied by `rescale`, so that long words do not underflow. */
const tiny = 2 ** -500;
const rescale = 2 ** 500;

/** How often each piece is expected in the texts, over all ways to cut each word. */
function expectations({ lattice, scores, unknownScore }: Model, counts: Float64Array): Float64Array {
  const { starts, lengths, pieces, bounds } = lattice;
  const expected = new Float64Array(scores.length);
  const probabilities = scores.map(Math.exp);
  const unknown = Math.exp(unknownScore);
  let longest = 0;
  for (let word = 0; word + 1 < bounds.length; word++) longest = Math.max(longest, bounds[word + 1]! - bounds[word]!);
  /** Probability of the rest of the word from each character on, times `rescale` to the power of `shifts`. */
  const rest = new Float64Array(longest);
  const shifts = new Int32Array(longest);
  /** Probability that a piece starts at each character. */
  const reached = new Float64Array(longest);
  for (let word = 0; word + 1 < bounds.length; word++) {
    const first = bounds[word]!;
    const length = bounds[word + 1]! - 1 - first;
    rest[length] = 1;
    shifts[length] = 0;
    for (let i = length - 1; i >= 0; i--) {
      const shift = shifts[i + 1]!;
      const low = starts[first + i]!;
      const high = starts[first + i + 1]!;
      let sum = low === high || lengths[low] !== 1 ? unknown * rest[i + 1]! : 0;
      for (let edge = low; edge < high; edge++) {
        const end = i + lengths[edge]!;
        const scaled = shifts[end] === shift ? rest[end]! : rest[end]! * rescale ** (shift - shifts[end]!);
        sum += probabilities[pieces[edge]!]! * scaled;
      }
      const small = sum < tiny;
      rest[i] = small ? sum * rescale : sum;
      shifts[i] = small ? shift + 1 : shift;
    }
    reached.fill(0, 0, length + 1);
    reached[0] = counts[word]!;
    for (let i = 0; i < length; i++) {
      if (reached[i] === 0) continue;
      const low = starts[first + i]!;
      const high = starts[first + i + 1]!;
      const share = reached[i]! / rest[i]!;
      const shift = shifts[i]!;
      // Edge `low - 1` stands for the unknown character, where the character itself is no piece.
      for (let edge = low === high || lengths[low] !== 1 ? low - 1 : low; edge < high; edge++) {
        const piece = edge < low ? 0 : pieces[edge]!;
        const end = edge < low ? i + 1 : i + lengths[edge]!;
        const scaled = shifts[end] === shift ? rest[end]! : rest[end]! * rescale ** (shift - shifts[end]!);
        const part = share * (edge < low ? unknown : probabilities[piece]!) * scaled;
        reached[end] = reached[end]! + part;
        expected[piece] = expected[piece]! + part;
      }
    }
  }
  return expected;
}

/** New scores from expected counts; rare pieces are dropped. */
function maximize(model: Model, expected: Float64Array): Model {
  const kept = [0];
  let sum = 0;
  for (let piece = 1; piece < expected.length; piece++) {
    if (expected[piece]! < leastExpected) continue;
    kept.push(piece);
    sum += expected[piece]!;
  }
  const logSum = digamma(sum);
  const scores = Float64Array.from(kept, (piece) => (piece === 0 ? Number.NaN : digamma(expected[piece]!) - logSum));
  return select(model, kept, scores);
}

/** Scores and backward links of the best cut of a stretch; reused from stretch to stretch. */
interface BestCut {
  readonly scores: Float64Array;
  readonly links: Int32Array;
  readonly pieces: Int32Array;
}

/**
 * The best cut of `length` characters from `first` on (Viterbi), without the piece `without`: pieces from the last to
 * the first, written to the start of `out`; gives how many there are. On a tie the longer last piece wins.
 */
function bestCut(
  { lattice, scores, unknownScore }: Model,
  best: BestCut,
  out: Int32Array,
  stretch: { readonly first: number; readonly length: number; readonly without: number },
): number {
  const { starts, lengths, pieces } = lattice;
  const { first, length, without } = stretch;
  best.scores.fill(Number.NEGATIVE_INFINITY, 0, length + 1);
  best.scores[0] = 0;
  const relax = (from: number, to: number, piece: number, score: number) => {
    const reached = best.scores[from]! + score;
    if (reached <= best.scores[to]!) return;
    best.scores[to] = reached;
    best.links[to] = from;
    best.pieces[to] = piece;
  };
  for (let i = 0; i < length; i++) {
    const low = starts[first + i]!;
    const high = starts[first + i + 1]!;
    if (low === high || lengths[low] !== 1) relax(i, i + 1, 0, unknownScore);
    for (let edge = low; edge < high; edge++) {
      const end = i + lengths[edge]!;
      if (end > length) break;
      const piece = pieces[edge]!;
      if (piece !== without) relax(i, end, piece, scores[piece]!);
    }
  }
  let found = 0;
  if (best.scores[length] === Number.NEGATIVE_INFINITY) return 0;
  for (let at = length; at > 0; at = best.links[at]!) out[found++] = best.pieces[at]!;
  return found;
}

/**
 * Keeps the `size` pieces whose removal would cost the likelihood most, were each replaced by the best cut of it into
 * other pieces; single characters always stay.
 */
function prune(model: Model, counts: Float64Array, size: number): Model {
  const { lattice, candidates, scores } = model;
  const { bounds } = lattice;
  let longest = 0;
  for (let word = 0; word + 1 < bounds.length; word++) longest = Math.max(longest, bounds[word + 1]! - bounds[word]!);
  const best: BestCut = {
    scores: new Float64Array(longest + 1),
    links: new Int32Array(longest + 1),
    pieces: new Int32Array(longest + 1),
  };
  const out = new Int32Array(longest + 1);
  const frequency = new Float64Array(scores.length);
  let texts = 0;
  for (let word = 0; word + 1 < bounds.length; word++) {
    const first = bounds[word]!;
    const found = bestCut(model, best, out, { first, length: bounds[word + 1]! - 1 - first, without: -1 });
    texts += counts[word]!;
    for (let i = 0; i < found; i++) frequency[out[i]!] = frequency[out[i]!]! + counts[word]!;
  }
  const sum = frequency.reduce((total, count) => total + count, 0);
  const logSum = Math.log(sum);
  const kept = [0];
  const losses: { readonly piece: number; readonly loss: number }[] = [];
  for (let piece = 1; piece < scores.length; piece++) {
    const length = candidates.sizes[piece]!;
    if (length === 1) {
      kept.push(piece);
      continue;
    }
    if (frequency[piece] === 0) continue;
    const parts = bestCut(model, best, out, { first: candidates.at[piece]!, length, without: piece });
    // A piece that a cut of it beats is kept as it stands, as in Hugging Face's trainer.
    if (best.scores[length]! > scores[piece]!) {
      kept.push(piece);
      continue;
    }
    // That trainer adds the number of all pieces here, where SentencePiece adds that of the parts.
    const logSumAfter = Math.log(sum + frequency[piece]! * (scores.length - 1));
    let after = 0;
    for (let i = parts - 1; i >= 0; i--) after += Math.log(frequency[out[i]!]! + frequency[piece]!) - logSumAfter;
    losses.push({ piece, loss: (frequency[piece]! / texts) * (Math.log(frequency[piece]!) - logSum - after) });
  }
  losses.sort((a, b) => b.loss - a.loss);
  for (const { piece } of losses) {
    if (kept.length === size) break;
    kept.push(piece);
  }
  return select(
    model,
    kept,
    Float64Array.from(kept, (piece) => scores[piece]!),
  );
}

/** All required characters, then the learned pieces in order until there are `size`; by falling score. */
function finalPieces(
  { candidates, scores, unknownScore }: Model,
  required: readonly string[],
  size: number,
  textOf: (at: number, length: number) => string,
): readonly ScoredPiece[] {
  const learned = new Map<string, number>();
  for (let piece = 1; piece < scores.length; piece++) {
    learned.set(textOf(candidates.at[piece]!, candidates.sizes[piece]!), scores[piece]!);
  }
  const least = Number.isFinite(unknownScore) ? unknownScore + unknownPenalty : 0;
  const made = new Map<string, number>();
  let missing = 0;
  for (const character of required) {
    made.set(character, learned.get(character) ?? least + missingCharacterStep * missing++);
  }
  for (const [piece, score] of learned) {
    if (made.size >= size) break;
    if (!made.has(piece)) made.set(piece, score);
  }
  return [...made].sort((a, b) => b[1] - a[1]);
}

/** The derivative of ln Γ for x > 0 (asymptotic series above 7, https://dlmf.nist.gov/5.11#E2, shifted by ½). */
function digamma(x: number): number {
  let result = 0;
  for (; x < 7; x++) result -= 1 / x;
  const y = 1 / (x - 0.5);
  const y2 = y * y;
  return result + Math.log(x - 0.5) + y2 * (1 / 24 + y2 * (-7 / 960 + y2 * (31 / 8064 - (y2 * 127) / 30720)));
}
