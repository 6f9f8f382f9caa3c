import { metricsError } from './check-rows.ts';

/** Scores of short answers, as in SQuAD (Rajpurkar et al. 2016, arXiv:1606.05250). */
export interface AnswerScores {
  /** Share of predictions equal to a reference after {@link normalizeAnswer}. */
  readonly exactMatch: number;
  /** Mean of the best F1 over words with a reference. */
  readonly f1: number;
}

/**
 * Lowercase, without ASCII punctuation and the articles *a*, *an*, *the*, white space collapsed: what SQuAD compares.
 */
export function normalizeAnswer(text: string): string {
  return text
    .toLowerCase()
    .replace(/[!-/:-@[-`{-~]/g, '')
    .replace(/(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu, ' ')
    .split(/\s+/u)
    .filter((word) => word !== '')
    .join(' ');
}

/**
 * F1 over the words of two answers, each word counted as often as it occurs. When either is empty after
 * normalisation, 1 if both are, else 0 (SQuAD 2.0).
 */
export function tokenF1(predicted: string, reference: string): number {
  const [p, r] = [predicted, reference].map((text) => normalizeAnswer(text).split(' ').filter(Boolean));
  if (p!.length === 0 || r!.length === 0) return p!.length === r!.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of r!) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of p!) {
    const count = left.get(word) ?? 0;
    if (count > 0) {
      shared++;
      left.set(word, count - 1);
    }
  }
  return (2 * shared) / (p!.length + r!.length);
}

/**
 * Exact match and token F1 of predictions, each against the best of its references.
 * Throws SlmError `METRICS_INPUT` for no predictions, unequal lengths or a row without references.
 */
export function answerScores(predicted: readonly string[], references: readonly (readonly string[])[]): AnswerScores {
  if (predicted.length !== references.length || predicted.length === 0 || references.some((row) => row.length === 0)) {
    throw metricsError(
      'answers',
      `expected as many rows of references, each with one or more, got ${references.length} for ${predicted.length}`,
    );
  }
  let exact = 0;
  let f1 = 0;
  predicted.forEach((answer, i) => {
    const normal = normalizeAnswer(answer);
    if (references[i]!.some((reference) => normalizeAnswer(reference) === normal)) exact++;
    f1 += Math.max(...references[i]!.map((reference) => tokenF1(answer, reference)));
  });
  return { exactMatch: exact / predicted.length, f1: f1 / predicted.length };
}
