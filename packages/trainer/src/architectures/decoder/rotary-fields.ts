import { z } from 'zod';
import type { RotaryConfig, RotaryScaling } from './rotary.ts';

const positive = z.number().gt(0).lt(1e12);

const parameters = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: positive.optional(),
  partial_rotary_factor: z.literal(1, 'must be 1').optional(),
  factor: positive.nullish(),
  original_max_position_embeddings: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  attention_factor: positive.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  mscale: positive.nullish(),
  mscale_all_dim: positive.nullish(),
  truncate: z.boolean().optional(),
});

/** Rotary positions in a `config.json`: `rope_parameters`, or `rope_theta` and `rope_scaling` as before transformers 5. */
export const rotaryFields = {
  rope_theta: positive.optional(),
  rope_scaling: parameters.nullish(),
  rope_parameters: parameters.nullish(),
};

interface Fields {
  readonly rope_theta?: number | undefined;
  readonly rope_scaling?: z.infer<typeof parameters> | null | undefined;
  readonly rope_parameters?: z.infer<typeof parameters> | null | undefined;
  readonly max_position_embeddings: number;
}

/** Reads {@link rotaryFields}; `fail` reports a field. */
export function readRotary(json: Fields, fail: (field: string, message: string) => never): RotaryConfig {
  const given = json.rope_parameters ?? json.rope_scaling ?? {};
  const theta = given.rope_theta ?? json.rope_theta ?? 10_000;
  const kind = given.rope_type ?? given.type ?? 'default';
  if (kind === 'default') return { theta };
  const need = (field: 'factor' | 'low_freq_factor' | 'high_freq_factor'): number =>
    given[field] ?? fail(field, `must be given for ${kind} rotary positions`);
  const originalPositions = given.original_max_position_embeddings ?? json.max_position_embeddings;
  if (kind === 'linear') return { theta, scaling: { kind, factor: need('factor') } };
  if (kind === 'llama3') {
    const lowFrequencyFactor = need('low_freq_factor');
    const highFrequencyFactor = need('high_freq_factor');
    return {
      theta,
      scaling: { kind, factor: need('factor'), lowFrequencyFactor, highFrequencyFactor, originalPositions },
    };
  }
  if (kind !== 'yarn') return fail('rope_type', `must be default, linear, llama3 or yarn, got ${JSON.stringify(kind)}`);
  const factor = given.factor ?? json.max_position_embeddings / originalPositions;
  const magnitude = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const ofScales = given.mscale && given.mscale_all_dim && magnitude(given.mscale) / magnitude(given.mscale_all_dim);
  return {
    theta,
    scaling: {
      kind,
      factor,
      originalPositions,
      betaFast: given.beta_fast ?? 32,
      betaSlow: given.beta_slow ?? 1,
      attentionFactor: given.attention_factor ?? (ofScales || magnitude(1)),
      truncate: given.truncate ?? true,
    },
  };
}

/** The fields of {@link rotaryFields}, in both forms where the older can say it. */
export function writeRotary({ theta, scaling }: RotaryConfig): Readonly<Record<string, unknown>> {
  const fields = scaling ? scalingFields(scaling) : { rope_type: 'default' };
  return {
    rope_theta: theta,
    ...(scaling && { rope_scaling: fields }),
    rope_parameters: { rope_theta: theta, ...fields },
  };
}

function scalingFields(scaling: RotaryScaling): Readonly<Record<string, unknown>> {
  if (scaling.kind === 'linear') return { rope_type: 'linear', factor: scaling.factor };
  const common = {
    rope_type: scaling.kind,
    factor: scaling.factor,
    original_max_position_embeddings: scaling.originalPositions,
  };
  if (scaling.kind === 'llama3') {
    return { ...common, low_freq_factor: scaling.lowFrequencyFactor, high_freq_factor: scaling.highFrequencyFactor };
  }
  return {
    ...common,
    beta_fast: scaling.betaFast,
    beta_slow: scaling.betaSlow,
    attention_factor: scaling.attentionFactor,
    truncate: scaling.truncate,
  };
}
