import { float32, type Rng, SlmError, type Tensor } from '@slm-compress/onnx';
import type { DecoderConfig } from './decoder-config.ts';

/** Name of the embedding table. */
export const TOKENS = 'decoder.tokens.weight';
/** Name of the position table. */
export const POSITIONS = 'decoder.positions.weight';
const HEAD = 'head.weight';

/** The initializer `[vocabulary, width]` that logits are made with: the embedding table where it is tied. */
export function decoderHead(config: Pick<DecoderConfig, 'tied'>): string {
  return config.tied ? TOKENS : HEAD;
}

/** The parameters' name prefix of layer `index`. */
export function decoderLayer(index: number): string {
  return `decoder.layers.${index}`;
}

/**
 * Names and shapes of a decoder's parameters, in graph order. Weights of linear layers are `[in, out]`. D = heads · headSize,
 * K = keyValueHeads · headSize, I = the feed-forward width; biases and norm biases are there as the configuration says.
 *
 * - `decoder.tokens.weight` [vocabulary, H], `decoder.positions.weight` [positions, H] without rotary positions
 * - per layer `decoder.layers.N.`: `attention_norm.{weight,bias}` [H]; `attention.qkv.{weight [H, D + 2K], bias}`, query, key
 *   and value side by side, each head by head; `attention.output.{weight [D, H], bias}`; `ffn_norm.{weight,bias}`;
 *   `ffn.gate.{weight [H, I], bias}` when gated; `ffn.up.{weight [H, I], bias}`; `ffn.down.{weight [I, H], bias}`
 * - `decoder.norm.{weight,bias}` [H]
 * - `head.weight` [vocabulary, H] unless tied
 */
export function decoderParameterShapes(config: DecoderConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: H, intermediateSize: I, biases } = config;
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, inputs: number, outputs: number, bias: boolean) => {
    shapes.set(`${name}.weight`, [inputs, outputs]);
    if (bias) shapes.set(`${name}.bias`, [outputs]);
  };
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [H]);
    if (config.norm === 'layer') shapes.set(`${name}.bias`, [H]);
  };
  const D = config.heads * config.headSize;
  const K = config.keyValueHeads * config.headSize;
  shapes.set(TOKENS, [config.vocabSize, H]);
  if (!config.rotary) shapes.set(POSITIONS, [config.maxPositions, H]);
  for (let index = 0; index < config.layers; index++) {
    const layer = decoderLayer(index);
    norm(`${layer}.attention_norm`);
    linear(`${layer}.attention.qkv`, H, D + 2 * K, biases.qkv);
    linear(`${layer}.attention.output`, D, H, biases.output);
    norm(`${layer}.ffn_norm`);
    if (config.gated) linear(`${layer}.ffn.gate`, H, I, biases.ffn);
    linear(`${layer}.ffn.up`, H, I, biases.ffn);
    linear(`${layer}.ffn.down`, I, H, biases.ffn);
  }
  norm('decoder.norm');
  if (!config.tied) shapes.set(HEAD, [config.vocabSize, H]);
  return shapes;
}

/**
 * The originals' initialisation: weights normal, projections into the residual stream narrower where the configuration says
 * so (Radford et al., 2019), biases zero, norms one and zero. Every parameter draws from its own fork of `rng`, named after it.
 */
export function initializeDecoder(config: DecoderConfig, rng: Rng): ReadonlyMap<string, Tensor> {
  const residual = config.scaledResiduals ? config.initialDeviation / Math.sqrt(2 * config.layers) : undefined;
  return new Map(
    Array.from(decoderParameterShapes(config), ([name, dims]) => {
      const data = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
      if (name.endsWith('norm.weight')) data.fill(1);
      else if (dims.length > 1) {
        const own = rng.fork(name);
        const projects = /\.(output|down)\.weight$/.test(name);
        const deviation = (projects ? residual : undefined) ?? config.initialDeviation;
        for (let i = 0; i < data.length; i++) data[i] = own.normal() * deviation;
      }
      return [name, float32(data, dims)] as const;
    }),
  );
}

/** Throws `WEIGHTS_MISMATCH` unless `weights` has every parameter of `config` as float32 of its shape. */
export function checkDecoderWeights(config: DecoderConfig, weights: ReadonlyMap<string, Tensor>): void {
  for (const [name, dims] of decoderParameterShapes(config)) {
    const tensor = weights.get(name);
    if (tensor?.type === 'float32' && tensor.dims.join() === dims.join()) continue;
    const got = tensor ? `${tensor.type} [${tensor.dims.join(', ')}]` : 'no such tensor';
    throw new SlmError('WEIGHTS_MISMATCH', `weights: expected ${name} as float32 [${dims.join(', ')}], got ${got}`);
  }
}
