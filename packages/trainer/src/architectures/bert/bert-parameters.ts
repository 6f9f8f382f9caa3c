import type { Rng, Tensor } from '@slm-compress/onnx';
import { float32, SlmError } from '@slm-compress/onnx';
import { type BertConfig, headsOf, intermediateOf } from './config.ts';

/** Standard deviation of BERT's initial weights. */
const INITIAL_DEVIATION = 0.02;

/**
 * Names and shapes of a classifier's parameters, in graph order. Weights of linear layers are `[in, out]`.
 * D = heads · headSize of the layer, I = its feed-forward width, C = labels.
 *
 * - `bert.embeddings.word_embeddings.weight` [vocabulary, H]
 * - `bert.embeddings.position_embeddings.weight` [positions, H]; holds the row of token type 0 too, which BERT adds
 *   to every token of a single text
 * - `bert.embeddings.LayerNorm.{weight,bias}` [H]
 * - per layer `bert.encoder.layer.N.`:
 *   `attention.self.qkv.{weight [H, 3D], bias [3D]}`: query, key and value side by side, each head by head; the last
 *   layer under `cls` pooling has `attention.self.query.{weight [H, D], bias}` and
 *   `attention.self.key_value.{weight [H, 2D], bias}` instead;
 *   `attention.output.dense.{weight [D, H], bias}`, `attention.output.LayerNorm.{weight,bias}`,
 *   `intermediate.dense.{weight [H, I], bias}`, `output.dense.{weight [I, H], bias}`, `output.LayerNorm.{weight,bias}`
 * - `bert.pooler.dense.{weight [H, H], bias}` under `cls` pooling
 * - `classifier.{weight [H, C], bias}`
 */
export function bertParameterShapes(config: BertConfig): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const H = config.hiddenSize;
  const linear = (name: string, inputs: number, outputs: number) => {
    shapes.set(`${name}.weight`, [inputs, outputs]);
    shapes.set(`${name}.bias`, [outputs]);
  };
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [H]);
    shapes.set(`${name}.bias`, [H]);
  };
  shapes.set('bert.embeddings.word_embeddings.weight', [config.vocabSize, H]);
  shapes.set('bert.embeddings.position_embeddings.weight', [config.maxPositions, H]);
  norm('bert.embeddings.LayerNorm');
  for (let index = 0; index < config.layers; index++) {
    const layer = layerName(index);
    const D = headsOf(config, index) * config.headSize;
    const I = intermediateOf(config, index);
    if (readsFirstTokenOnly(config, index)) {
      linear(`${layer}.attention.self.query`, H, D);
      linear(`${layer}.attention.self.key_value`, H, 2 * D);
    } else {
      linear(`${layer}.attention.self.qkv`, H, 3 * D);
    }
    linear(`${layer}.attention.output.dense`, D, H);
    norm(`${layer}.attention.output.LayerNorm`);
    linear(`${layer}.intermediate.dense`, H, I);
    linear(`${layer}.output.dense`, I, H);
    norm(`${layer}.output.LayerNorm`);
  }
  if ((config.pooling ?? 'cls') === 'cls') linear('bert.pooler.dense', H, H);
  linear('classifier', H, config.labels.length);
  return shapes;
}

/** Whether only the first token of layer `index` is read by what follows, so that only it is computed. */
export function readsFirstTokenOnly(config: BertConfig, index: number): boolean {
  return (config.pooling ?? 'cls') === 'cls' && index === config.layers - 1;
}

/** The parameters' name prefix of layer `index`. */
export function layerName(index: number): string {
  return `bert.encoder.layer.${index}`;
}

/**
 * BERT's initialisation (Devlin et al., 2019, as in Hugging Face): weights normal with deviation 0.02, biases zero,
 * norms one and zero. Every parameter draws from its own fork of `rng`, named after it: adding one changes no other.
 */
export function initializeBert(config: BertConfig, rng: Rng): ReadonlyMap<string, Tensor> {
  return new Map([...bertParameterShapes(config)].map(([name, dims]) => [name, initialParameter(name, dims, rng)]));
}

/** One parameter of {@link initializeBert}. */
export function initialParameter(name: string, dims: readonly number[], rng: Rng): Tensor {
  const data = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
  if (name.endsWith('LayerNorm.weight')) data.fill(1);
  else if (dims.length > 1) {
    const own = rng.fork(name);
    for (let i = 0; i < data.length; i++) data[i] = own.normal() * INITIAL_DEVIATION;
  }
  return float32(data, dims);
}

/** Throws `WEIGHTS_MISMATCH` unless `weights` has every parameter of `config` as float32 of its shape. */
export function checkBertWeights(config: BertConfig, weights: ReadonlyMap<string, Tensor>): void {
  for (const [name, dims] of bertParameterShapes(config)) {
    const tensor = weights.get(name);
    const expected = `float32 [${dims.join(', ')}]`;
    if (tensor === undefined) {
      throw new SlmError('WEIGHTS_MISMATCH', `weights: expected ${name} as ${expected}, got no such tensor`);
    }
    if (tensor.type !== 'float32' || tensor.dims.join() !== dims.join()) {
      throw new SlmError(
        'WEIGHTS_MISMATCH',
        `weights: expected ${name} as ${expected}, got ${tensor.type} [${tensor.dims.join(', ')}]`,
      );
    }
  }
}
