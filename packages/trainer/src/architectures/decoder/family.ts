import type { z } from 'zod';
import type { DecoderActivation, DecoderConfig } from './decoder-config.ts';
import type { StoredNames } from './decoder-weights.ts';

/** How one `model_type` writes down a decoder. */
export interface DecoderFamily {
  /** The class that Hugging Face names in `architectures`. */
  readonly className: string;
  /** In front of the names of everything but the head. */
  readonly prefix: string;
  /** Reads the fields of a `config.json`; issues are reported by field. */
  readonly schema: z.ZodType<DecoderConfig>;
  /** The fields of a `config.json`, without `model_type`; undefined where the family cannot say this configuration. */
  readonly write: (config: DecoderConfig) => Readonly<Record<string, unknown>> | undefined;
  readonly names: StoredNames;
}

/** Hugging Face's names of activations. */
export const activationNames: Readonly<Record<string, DecoderActivation>> = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

/** The name that is written for an activation. */
export function activationName(activation: DecoderActivation): string {
  return Object.keys(activationNames).find((name) => activationNames[name] === activation)!;
}

/** A list of `count` equal values. */
export function repeated(value: number, count: number): readonly number[] {
  return Array<number>(count).fill(value);
}
