import { SlmError } from '@slm-compress/onnx';

/** Rotary position embedding (Su et al., 2021), and how its wavelengths are stretched for longer texts. */
export interface RotaryConfig {
  /** Base of the wavelengths. */
  readonly theta: number;
  readonly scaling?: RotaryScaling;
}

export type RotaryScaling =
  /** Positions divided by `factor`. */
  | { readonly kind: 'linear'; readonly factor: number }
  /** Llama 3.1: long waves stretched, short ones kept, those between blended. */
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalPositions: number;
    }
  /** YaRN (Peng et al., 2023). */
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly originalPositions: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Multiplies cosine and sine. */
      readonly attentionFactor: number;
      /** Bounds of the blend rounded to whole dimensions. */
      readonly truncate: boolean;
    };

/** Angles a position turns each of the `headSize / 2` pairs by, and the number that multiplies their cosines and sines. */
export function rotaryFrequencies(
  { theta, scaling }: RotaryConfig,
  headSize: number,
): { readonly frequencies: Float32Array; readonly magnitude: number } {
  const plain = Float32Array.from({ length: headSize / 2 }, (_, i) => theta ** ((-2 * i) / headSize));
  if (scaling === undefined) return { frequencies: plain, magnitude: 1 };
  if (scaling.kind === 'linear') return { frequencies: plain.map((x) => x / scaling.factor), magnitude: 1 };
  if (scaling.kind === 'yarn') {
    const { factor, originalPositions, betaFast, betaSlow, attentionFactor, truncate } = scaling;
    const dimensionOf = (turns: number) =>
      (headSize * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
    const [first, last] = [dimensionOf(betaFast), dimensionOf(betaSlow)];
    const low = Math.max(truncate ? Math.floor(first) : first, 0);
    const high = Math.min(truncate ? Math.ceil(last) : last, headSize - 1);
    const frequencies = plain.map((x, i) => {
      const share = Math.min(Math.max((i - low) / (high === low ? 0.001 : high - low), 0), 1);
      return (x / factor) * share + x * (1 - share);
    });
    return { frequencies, magnitude: attentionFactor };
  }
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  const frequencies = plain.map((x) => {
    const wavelength = (2 * Math.PI) / x;
    if (wavelength < originalPositions / high) return x;
    if (wavelength > originalPositions / low) return x / factor;
    const share = (originalPositions / wavelength - low) / (high - low);
    return ((1 - share) * x) / factor + share * x;
  });
  return { frequencies, magnitude: 1 };
}

/** Throws `CONFIG_INVALID` for numbers that are no wavelengths; `where` starts the message. */
export function checkRotary({ theta, scaling }: RotaryConfig, where: string): void {
  const positive = (field: string, value: number) => {
    if (value > 0 && Number.isFinite(value)) return;
    throw new SlmError('CONFIG_INVALID', `${where}: ${field} must be above 0, got ${value}`);
  };
  positive('rope_theta', theta);
  for (const [field, value] of Object.entries(scaling ?? {})) {
    if (typeof value === 'number') positive(`rope_scaling ${field}`, value);
  }
}
