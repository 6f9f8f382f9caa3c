import { z } from 'zod';
import type { DecoderConfig } from './decoder-config.ts';
import { decoderLayer, POSITIONS, TOKENS } from './decoder-parameters.ts';
import type { StoredParameter } from './decoder-weights.ts';
import { activationName, type DecoderFamily, repeated } from './family.ts';
import { activation, deviation, epsilon, layerCount, probability, size } from './fields.ts';

const fields = z.looseObject({
  vocab_size: size,
  n_positions: size,
  n_embd: size,
  n_layer: layerCount,
  n_head: size,
  n_inner: size.nullish(),
  activation_function: activation.default('gelu_tanh'),
  resid_pdrop: probability.default(0.1),
  layer_norm_epsilon: epsilon.default(1e-5),
  initializer_range: deviation,
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.literal(false).optional(),
  tie_word_embeddings: z.boolean().default(true),
});

const schema = fields
  .refine(({ n_embd, n_head }) => n_embd % n_head === 0, { path: ['n_embd'], message: 'must be a multiple of n_head' })
  .transform((json): DecoderConfig => {
    const headSize = json.n_embd / json.n_head;
    const scale = json.scale_attn_weights ? 1 / Math.sqrt(headSize) : 1;
    return {
      vocabSize: json.vocab_size,
      hiddenSize: json.n_embd,
      layers: json.n_layer,
      heads: json.n_head,
      keyValueHeads: json.n_head,
      headSize,
      intermediateSize: json.n_inner ?? 4 * json.n_embd,
      maxPositions: json.n_positions,
      norm: 'layer',
      normEpsilon: json.layer_norm_epsilon,
      attentionScales: Array.from({ length: json.n_layer }, (_, index) =>
        json.scale_attn_by_inverse_layer_idx ? scale / (index + 1) : scale,
      ),
      windows: repeated(0, json.n_layer),
      activation: json.activation_function,
      gated: false,
      biases: { qkv: true, output: true, ffn: true },
      tied: json.tie_word_embeddings,
      initialDeviation: json.initializer_range,
      scaledResiduals: true,
      dropout: json.resid_pdrop,
    };
  });

/** GPT-2 (Radford et al., 2019): linear weights are stored `[in, out]`, query, key and value as one. */
export const gpt2: DecoderFamily = {
  className: 'GPT2LMHeadModel',
  prefix: 'transformer.',
  schema,
  write: (config) => ({
    vocab_size: config.vocabSize,
    n_positions: config.maxPositions,
    n_embd: config.hiddenSize,
    n_layer: config.layers,
    n_head: config.heads,
    n_inner: config.intermediateSize,
    activation_function: activationName(config.activation),
    resid_pdrop: config.dropout,
    embd_pdrop: config.dropout,
    attn_pdrop: 0,
    layer_norm_epsilon: config.normEpsilon,
    initializer_range: config.initialDeviation,
    scale_attn_weights: config.headSize === 1 || config.attentionScales[0] !== 1,
    scale_attn_by_inverse_layer_idx: config.layers > 1 && config.attentionScales[1] !== config.attentionScales[0],
    tie_word_embeddings: config.tied,
  }),
  names(config) {
    const names = new Map<string, StoredParameter>();
    const add = (name: string, stored: string) => {
      names.set(name, { parts: [stored], transposed: false });
    };
    const both = (name: string, stored: string) => {
      for (const role of ['weight', 'bias']) add(`${name}.${role}`, `${stored}.${role}`);
    };
    add(TOKENS, 'transformer.wte.weight');
    add(POSITIONS, 'transformer.wpe.weight');
    for (let index = 0; index < config.layers; index++) {
      const [layer, stored] = [decoderLayer(index), `transformer.h.${index}`];
      both(`${layer}.attention_norm`, `${stored}.ln_1`);
      both(`${layer}.attention.qkv`, `${stored}.attn.c_attn`);
      both(`${layer}.attention.output`, `${stored}.attn.c_proj`);
      both(`${layer}.ffn_norm`, `${stored}.ln_2`);
      both(`${layer}.ffn.up`, `${stored}.mlp.c_fc`);
      both(`${layer}.ffn.down`, `${stored}.mlp.c_proj`);
    }
    both('decoder.norm', 'transformer.ln_f');
    if (!config.tied) add('head.weight', 'lm_head.weight');
    return names;
  },
};
