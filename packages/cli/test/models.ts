import { createGraphBuilder, createRng, float32, int64, type Model } from '@slm-compress/onnx';

/** A two-layer classifier of token ids with random weights, written as an exporter would: with what `clean` removes. */
export function tinyClassifier(seed = 1, words = 11): Model {
  const rng = createRng(seed);
  const weights = (...dims: readonly [number, number]) =>
    float32(
      Float32Array.from({ length: dims[0] * dims[1] }, () => 0.5 * rng.normal()),
      dims,
    );
  const g = createGraphBuilder('classifier');
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  let h = g.scope('embeddings/', () => g.op('Gather', [g.constant('table', weights(words, 4)), ids]));
  for (const layer of [0, 1]) {
    h = g.scope(`layer.${layer}/`, () => {
      const up = g.op('MatMul', [h, g.constant('weight', weights(4, 4))]);
      return g.op('Tanh', [g.op('Identity', [up])], {}, { name: 'activation' });
    });
  }
  g.scope('head/', () => {
    const counted = g.op('Cast', [g.op('Unsqueeze', [mask, g.constant('last', int64([-1]))])], { to: 1 });
    const summed = g.op('ReduceSum', [g.op('Mul', [h, counted]), g.constant('axis', int64([1]))], { keepdims: 0 });
    g.op('MatMul', [summed, g.constant('weight', weights(4, 3))], {}, { outputs: ['logits'], name: 'logits' });
  });
  g.output('logits', 'float32', ['batch', 3]);
  return g.model({ opset: 17, metadata: { recipe: 'tiny' } });
}
