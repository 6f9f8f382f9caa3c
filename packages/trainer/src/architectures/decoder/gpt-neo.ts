import { z } from 'zod';
import type { DecoderConfig } from './decoder-config.ts';
import { decoderLayer, POSITIONS, TOKENS } from './decoder-parameters.ts';
import type { StoredParameter } from './decoder-weights.ts';
import { activationName, type DecoderFamily, repeated } from './family.ts';
import { activation, deviation, epsilon, layerCount, probability, size } from './fields.ts';

const attention = z.enum(['global', 'local']);

const fields = z.looseObject({
  vocab_size: size,
  max_position_embeddings: size,
  hidden_size: size,
  num_layers: layerCount,
  num_heads: size,
  intermediate_size: size.nullish(),
  attention_types: z
    .array(z.tuple([z.array(attention).min(1).max(1000), layerCount]))
    .max(1000)
    .default([[['global', 'local'], 12]]),
  window_size: size.default(256),
  activation_function: activation.default('gelu_tanh'),
  resid_dropout: probability.default(0),
  layer_norm_epsilon: epsilon.default(1e-5),
  initializer_range: deviation,
  tie_word_embeddings: z.boolean().default(true),
});

const schema = fields
  .refine((json) => json.hidden_size % json.num_heads === 0, {
    path: ['hidden_size'],
    message: 'must be a multiple of num_heads',
  })
  .refine(
    (json) => json.attention_types.reduce((sum, [kinds, count]) => sum + kinds.length * count, 0) === json.num_layers,
    {
      path: ['attention_types'],
      message: 'must name num_layers layers',
    },
  )
  .transform((json): DecoderConfig => {
    const kinds = json.attention_types.flatMap(([cycle, count]) => Array.from({ length: count }, () => cycle).flat());
    return {
      vocabSize: json.vocab_size,
      hiddenSize: json.hidden_size,
      layers: json.num_layers,
      heads: json.num_heads,
      keyValueHeads: json.num_heads,
      headSize: json.hidden_size / json.num_heads,
      intermediateSize: json.intermediate_size ?? 4 * json.hidden_size,
      maxPositions: json.max_position_embeddings,
      norm: 'layer',
      normEpsilon: json.layer_norm_epsilon,
      attentionScales: repeated(1, json.num_layers),
      windows: kinds.map((kind) => (kind === 'local' ? json.window_size : 0)),
      activation: json.activation_function,
      gated: false,
      biases: { qkv: false, output: true, ffn: true },
      tied: json.tie_word_embeddings,
      initialDeviation: json.initializer_range,
      scaledResiduals: false,
      dropout: json.resid_dropout,
    };
  });

/** GPT-Neo (Black et al., 2021): layers see all that is before or a window of it, and scores are not scaled. */
export const gptNeo: DecoderFamily = {
  className: 'GPTNeoForCausalLM',
  prefix: 'transformer.',
  schema,
  write: (config) => ({
    vocab_size: config.vocabSize,
    max_position_embeddings: config.maxPositions,
    hidden_size: config.hiddenSize,
    num_layers: config.layers,
    num_heads: config.heads,
    intermediate_size: config.intermediateSize,
    attention_types: [[config.windows.map((window) => (window > 0 ? 'local' : 'global')), 1]],
    window_size: config.windows.find((window) => window > 0) ?? 256,
    activation_function: activationName(config.activation),
    resid_dropout: config.dropout,
    embed_dropout: config.dropout,
    attention_dropout: 0,
    layer_norm_epsilon: config.normEpsilon,
    initializer_range: config.initialDeviation,
    tie_word_embeddings: config.tied,
  }),
  names(config) {
    const names = new Map<string, StoredParameter>();
    const add = (name: string, stored: string, transposed = false) => {
      names.set(name, { parts: [stored], transposed });
    };
    const linear = (name: string, stored: string) => {
      add(`${name}.weight`, `${stored}.weight`, true);
      add(`${name}.bias`, `${stored}.bias`);
    };
    const norm = (name: string, stored: string) => {
      for (const role of ['weight', 'bias']) add(`${name}.${role}`, `${stored}.${role}`);
    };
    add(TOKENS, 'transformer.wte.weight');
    add(POSITIONS, 'transformer.wpe.weight');
    for (let index = 0; index < config.layers; index++) {
      const [layer, stored] = [decoderLayer(index), `transformer.h.${index}`];
      norm(`${layer}.attention_norm`, `${stored}.ln_1`);
      names.set(`${layer}.attention.qkv.weight`, {
        parts: ['q', 'k', 'v'].map((role) => `${stored}.attn.attention.${role}_proj.weight`),
        widths: repeated(config.hiddenSize, 3),
        transposed: true,
      });
      linear(`${layer}.attention.output`, `${stored}.attn.attention.out_proj`);
      norm(`${layer}.ffn_norm`, `${stored}.ln_2`);
      linear(`${layer}.ffn.up`, `${stored}.mlp.c_fc`);
      linear(`${layer}.ffn.down`, `${stored}.mlp.c_proj`);
    }
    norm('decoder.norm', 'transformer.ln_f');
    if (!config.tied) add('head.weight', 'lm_head.weight');
    return names;
  },
};
