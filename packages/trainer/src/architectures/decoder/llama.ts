import { z } from 'zod';
import type { DecoderConfig } from './decoder-config.ts';
import { decoderLayer, TOKENS } from './decoder-parameters.ts';
import type { StoredParameter } from './decoder-weights.ts';
import { activationName, type DecoderFamily, repeated } from './family.ts';
import { activation, deviation, epsilon, layerCount, size } from './fields.ts';
import { readRotary, rotaryFields, writeRotary } from './rotary-fields.ts';

type Kind = 'llama' | 'mistral' | 'qwen2';

const fields = z.looseObject({
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  hidden_act: activation.default('silu'),
  max_position_embeddings: size,
  initializer_range: deviation,
  rms_norm_eps: epsilon.default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: size.nullish(),
  use_sliding_window: z.boolean().default(false),
  max_window_layers: z.int().min(0).default(28),
  ...rotaryFields,
});

const schemaOf = (kind: Kind) =>
  fields.transform((json, context): DecoderConfig => {
    const fail = (field: string, message: string): never => {
      context.addIssue({ code: 'custom', path: [field], message });
      return z.NEVER;
    };
    const heads = json.num_attention_heads;
    const headSize = json.head_dim ?? json.hidden_size / heads;
    if (!Number.isInteger(headSize)) fail('hidden_size', 'must be a multiple of num_attention_heads without head_dim');
    return {
      vocabSize: json.vocab_size,
      hiddenSize: json.hidden_size,
      layers: json.num_hidden_layers,
      heads,
      keyValueHeads: json.num_key_value_heads ?? heads,
      headSize,
      intermediateSize: json.intermediate_size,
      maxPositions: json.max_position_embeddings,
      norm: 'rms',
      normEpsilon: json.rms_norm_eps,
      rotary: readRotary(json, fail),
      attentionScales: repeated(1 / Math.sqrt(headSize), json.num_hidden_layers),
      windows: windowsOf(kind, json),
      activation: json.hidden_act,
      gated: true,
      biases:
        kind === 'llama'
          ? { qkv: json.attention_bias, output: json.attention_bias, ffn: json.mlp_bias }
          : { qkv: kind === 'qwen2', output: false, ffn: false },
      tied: json.tie_word_embeddings,
      initialDeviation: json.initializer_range,
      scaledResiduals: false,
      dropout: 0,
    };
  });

function windowsOf(kind: Kind, json: z.infer<typeof fields>): readonly number[] {
  const window = json.sliding_window ?? 0;
  return Array.from({ length: json.num_hidden_layers }, (_, index) => {
    if (kind === 'mistral') return window;
    return kind === 'qwen2' && json.use_sliding_window && index >= json.max_window_layers ? window : 0;
  });
}

/** What a family of the Llama kind can say of windows and biases; undefined where it cannot. */
function writeKind(
  kind: Kind,
  { windows, biases, layers }: DecoderConfig,
): Readonly<Record<string, unknown>> | undefined {
  const first = windows.findIndex((window) => window > 0);
  const window = first < 0 ? undefined : windows[first]!;
  const fromFirst = windows.every((own, index) => own === (first >= 0 && index >= first ? window : 0));
  if (kind === 'llama') {
    if (first >= 0 || biases.qkv !== biases.output) return undefined;
    return { attention_bias: biases.qkv, mlp_bias: biases.ffn };
  }
  if (biases.output || biases.ffn || biases.qkv !== (kind === 'qwen2') || !fromFirst) return undefined;
  if (kind === 'mistral') return first > 0 ? undefined : { sliding_window: window ?? null };
  return {
    use_sliding_window: first >= 0,
    sliding_window: window ?? null,
    max_window_layers: first < 0 ? layers : first,
    // Not read here, but by transformers.
    layer_types: windows.map((own) => (own > 0 ? 'sliding_attention' : 'full_attention')),
  };
}

const family = (kind: Kind, className: string): DecoderFamily => ({
  className,
  prefix: 'model.',
  schema: schemaOf(kind),
  write(config) {
    const own = writeKind(kind, config);
    if (own === undefined || !config.rotary || config.norm !== 'rms' || !config.gated) return undefined;
    return {
      vocab_size: config.vocabSize,
      hidden_size: config.hiddenSize,
      intermediate_size: config.intermediateSize,
      num_hidden_layers: config.layers,
      num_attention_heads: config.heads,
      num_key_value_heads: config.keyValueHeads,
      head_dim: config.headSize,
      hidden_act: activationName(config.activation),
      max_position_embeddings: config.maxPositions,
      initializer_range: config.initialDeviation,
      rms_norm_eps: config.normEpsilon,
      tie_word_embeddings: config.tied,
      attention_dropout: 0,
      ...own,
      ...writeRotary(config.rotary),
    };
  },
  names,
});

function names(config: DecoderConfig): ReadonlyMap<string, StoredParameter> {
  const found = new Map<string, StoredParameter>();
  const add = (name: string, stored: string) => {
    found.set(name, { parts: [stored], transposed: false });
  };
  const linear = (name: string, parts: readonly string[], bias: boolean, widths?: readonly number[]) => {
    for (const role of bias ? ['weight', 'bias'] : ['weight']) {
      const stored = parts.map((part) => `${part}.${role}`);
      found.set(`${name}.${role}`, { parts: stored, ...(widths && { widths }), transposed: role === 'weight' });
    }
  };
  const { biases, headSize } = config;
  const widths = [config.heads, config.keyValueHeads, config.keyValueHeads].map((heads) => heads * headSize);
  add(TOKENS, 'model.embed_tokens.weight');
  for (let index = 0; index < config.layers; index++) {
    const [layer, stored] = [decoderLayer(index), `model.layers.${index}`];
    add(`${layer}.attention_norm.weight`, `${stored}.input_layernorm.weight`);
    const heads = ['q', 'k', 'v'].map((role) => `${stored}.self_attn.${role}_proj`);
    linear(`${layer}.attention.qkv`, heads, biases.qkv, widths);
    linear(`${layer}.attention.output`, [`${stored}.self_attn.o_proj`], biases.output);
    add(`${layer}.ffn_norm.weight`, `${stored}.post_attention_layernorm.weight`);
    for (const role of ['gate', 'up', 'down']) {
      linear(`${layer}.ffn.${role}`, [`${stored}.mlp.${role}_proj`], biases.ffn);
    }
  }
  add('decoder.norm.weight', 'model.norm.weight');
  if (!config.tied) add('head.weight', 'lm_head.weight');
  return found;
}

/** Llama (Touvron et al., 2023), Llama 3. */
export const llama = family('llama', 'LlamaForCausalLM');
/** Mistral 7B (Jiang et al., 2023): Llama whose layers see a window. */
export const mistral = family('mistral', 'MistralForCausalLM');
/** Qwen2 (Yang et al., 2024): Llama with biases on query, key and value, and windows in the upper layers. */
export const qwen2 = family('qwen2', 'Qwen2ForCausalLM');
