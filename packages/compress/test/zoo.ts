import { createRng, float32, type Model, type Rng, type Tensor } from '@slm-compress/onnx';
import { type BertConfig, buildBertClassifier } from '@slm-compress/trainer';

/** A small classifier whose weights have the spread of trained ones, so that its logits are of order one. */
export function seededClassifier(overrides: Partial<BertConfig> = {}, seed = 7): { model: Model; config: BertConfig } {
  const hiddenSize = overrides.hiddenSize ?? 64;
  const config: BertConfig = {
    vocabSize: 512,
    hiddenSize,
    layers: 2,
    heads: hiddenSize / 32,
    headSize: 32,
    intermediateSize: 2 * hiddenSize,
    maxPositions: 128,
    labels: ['ham', 'spam'],
    dropout: 0,
    pooling: 'mean',
    ...overrides,
  };
  const model = buildBertClassifier(config, { rng: createRng(seed) });
  const rng = createRng(seed + 1);
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of model.graph.initializers) {
    const trained = tensor.type === 'float32' && tensor.dims.length > 0;
    initializers.set(name, trained ? spread(name, tensor, rng) : tensor);
  }
  return { model: { ...model, graph: { ...model.graph, initializers } }, config };
}

function spread(name: string, { dims }: Tensor, rng: Rng): Tensor {
  const draw = name.endsWith('LayerNorm.weight')
    ? () => 1 + 0.2 * rng.normal()
    : dims.length === 1
      ? () => 0.1 * rng.normal()
      : name.includes('embeddings')
        ? () => 0.05 * rng.normal()
        : () => (1.2 * rng.normal()) / Math.sqrt(dims[0]!);
  return float32(Array.from({ length: dims.reduce((a, b) => a * b, 1) }, draw), dims);
}

/** Token ids of `count` texts of 3 to `longest` tokens. */
export function seededTexts(count: number, rng: Rng, { vocabSize = 512, longest = 128 } = {}): Int32Array[] {
  return Array.from({ length: count }, () =>
    Int32Array.from({ length: 3 + rng.integer(longest - 2) }, () => 1 + rng.integer(vocabSize - 1)),
  );
}

/** Feeds of texts padded on the right to `length`. */
export function paddedFeeds(texts: readonly Int32Array[], length = Math.max(...texts.map((text) => text.length))) {
  const dims = [texts.length, length];
  const ids = new BigInt64Array(texts.length * length);
  const mask = new BigInt64Array(texts.length * length);
  texts.forEach((text, row) => {
    text.forEach((id, position) => {
      ids[row * length + position] = BigInt(id);
      mask[row * length + position] = 1n;
    });
  });
  const input_ids: Tensor = { type: 'int64', dims, data: ids };
  const attention_mask: Tensor = { type: 'int64', dims, data: mask };
  return { input_ids, attention_mask };
}
