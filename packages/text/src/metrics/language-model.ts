import { metricsError } from './check-rows.ts';

/**
 * exp(summed negative log-likelihood / tokens), the likelihood in nats. Infinity where that overflows.
 * Throws SlmError `METRICS_INPUT` for a sum that is negative or NaN, or tokens that are not a positive integer.
 */
export function perplexity(negativeLogLikelihood: number, tokens: number): number {
  return Math.exp(perUnit('perplexity', negativeLogLikelihood, tokens));
}

/**
 * Summed negative log-likelihood in bits per UTF-8 byte of the text: comparable between tokenizers, as perplexity is not.
 * Throws SlmError `METRICS_INPUT` as {@link perplexity}.
 */
export function bitsPerByte(negativeLogLikelihood: number, bytes: number): number {
  return perUnit('bits per byte', negativeLogLikelihood, bytes) / Math.LN2;
}

function perUnit(where: string, negativeLogLikelihood: number, units: number): number {
  if (!(negativeLogLikelihood >= 0) || !Number.isInteger(units) || units < 1) {
    throw metricsError(
      where,
      `expected a sum of 0 or more over 1 or more units, got ${negativeLogLikelihood} over ${units}`,
    );
  }
  return negativeLogLikelihood / units;
}
