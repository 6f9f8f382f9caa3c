import { createRng, SlmError } from '@slm-compress/onnx';
import { IGNORED_LABEL } from './ignored-label.ts';

/** Masked-language modelling as in BERT (Devlin et al. 2019, arXiv:1810.04805, A.1). Data: it crosses threads. */
export interface MaskOptions {
  readonly vocabularySize: number;
  readonly maskId: number;
  /** Never chosen, and never drawn as a replacement. The mask itself belongs here too and is added. */
  readonly specialIds: readonly number[];
  /** Share of tokens, or words, that are chosen; 0.15 by default. */
  readonly probability?: number;
  /** Of the chosen, the share that becomes the mask; 0.8 by default. */
  readonly maskShare?: number;
  /** Of the chosen, the share that becomes a random token; 0.1 by default. The rest stays as it is. */
  readonly randomShare?: number;
  /** Whole words: 1 for each id that goes on with the word before it (`continuationPieces`). Absent: single tokens. */
  readonly continuation?: Uint8Array;
  readonly seed: number;
}

/** What a draw depends on, besides the seed. */
export interface MaskCounter {
  /** Number of the training step; another step masks the same text anew. */
  readonly step: number;
  /** Number of the text in its data set, so that a text's mask does not depend on its batch. */
  readonly example: number;
  /** First token of the text that is in the row, when the row is a piece of it; 0 by default. */
  readonly start?: number;
}

export interface MaskedTokens {
  readonly ids: Int32Array;
  /** The original id where a token was chosen, also where it stayed as it is; else {@link IGNORED_LABEL}. */
  readonly labels: Int32Array;
}

/**
 * Chooses and replaces tokens. Draws come from (seed, step, example, start) alone and nothing is kept between calls, so a run
 * that goes on from step n masks as if it had never stopped. A text may have no token chosen.
 * Throws SlmError `BATCH_OPTION` for options out of range.
 */
export function tokenMasker(options: MaskOptions): (ids: Int32Array, counter: MaskCounter) => MaskedTokens {
  const { vocabularySize, maskId, probability = 0.15, maskShare = 0.8, randomShare = 0.1, continuation } = options;
  const shares = { probability, maskShare, randomShare, 'maskShare + randomShare': maskShare + randomShare };
  for (const [name, value] of Object.entries(shares)) {
    if (!(value >= 0 && value <= 1 + 1e-9)) {
      throw new SlmError('BATCH_OPTION', `${name}: expected a share from 0 to 1, got ${value}`);
    }
  }
  const special = new Set([...options.specialIds, maskId]);
  const specials = [...special].sort((a, b) => a - b);
  const known = specials.every((id) => Number.isInteger(id) && id >= 0 && id < vocabularySize);
  if (!Number.isInteger(vocabularySize) || !known || specials.length >= vocabularySize) {
    throw new SlmError(
      'BATCH_OPTION',
      `masking: expected special ids below vocabularySize, and others, got ${specials.join(', ')} of ${vocabularySize}`,
    );
  }
  if (continuation && continuation.length < vocabularySize) {
    throw new SlmError('BATCH_OPTION', `continuation: expected ${vocabularySize} ids, got ${continuation.length}`);
  }
  const base = createRng(options.seed);
  return (ids, { step, example, start = 0 }) => {
    const text = base.fork(step).fork(example);
    const rng = start === 0 ? text : text.fork(start);
    const masked = Int32Array.from(ids);
    const labels = new Int32Array(ids.length).fill(IGNORED_LABEL);
    let inWord = false;
    let chosen = false;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (special.has(id)) {
        inWord = false;
        continue;
      }
      if (!inWord || continuation?.[id] !== 1) chosen = rng.uniform() < probability;
      inWord = true;
      if (!chosen) continue;
      labels[i] = id;
      const draw = rng.uniform();
      if (draw < maskShare) masked[i] = maskId;
      else if (draw < maskShare + randomShare) {
        let other = rng.integer(vocabularySize - specials.length);
        for (const skipped of specials) if (skipped <= other) other++;
        masked[i] = other;
      }
    }
    return { ids: masked, labels };
  };
}

/** How a tokenizer marks where words begin: `##` before what goes on (WordPiece), or `Ġ` or `▁` before what begins. */
export type WordMark = '##' | 'Ġ' | '▁';

/** 1 for each piece of a vocabulary, in order of ids, that goes on with the word before it. */
export function continuationPieces(pieces: readonly string[], mark: WordMark): Uint8Array {
  return Uint8Array.from(pieces, (piece) => (piece.startsWith(mark) === (mark === '##') ? 1 : 0));
}
