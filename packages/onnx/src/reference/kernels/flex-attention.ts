import type { ControlKernel, KernelContext, Steps } from '../kernel.ts';
import type { Value } from '../value.ts';
import { numeric } from '../value.ts';
import { scoresOf, softmaxRows, weightedValues } from './attend.ts';
import { expectDims } from './expect-shape.ts';

/** `x` after the subgraph of an attribute, if the node has it; it must keep the shape. */
function* modified(c: KernelContext, attribute: string, x: Value): Steps<Value> {
  if (!c.node.attributes[attribute]) return x;
  const [made] = yield* c.run(c.graph(attribute), [x]);
  if (!made || made.kind !== undefined) return c.misfit(`a tensor from ${attribute}`, 'none');
  const result = numeric(made, c.where);
  expectDims(c, `the result of ${attribute}`, result, x.dims);
  return result;
}

export const flexAttention: Readonly<Record<string, ControlKernel>> = {
  /** prob_mod(softmax(score_mod(scale · Q Kᵀ))) V on `[batch, heads, sequence, size]`. */
  *'ai.onnx.preview.FlexAttention'(c) {
    const [query, key, value] = [c.input(0), c.input(1), c.input(2)];
    const softmaxType = query.type === 'float64' ? 'float64' : 'float32';
    const scores = {
      ...scoresOf(c, { query, key, value, scale: c.node.attributes.scale && c.float('scale', 1) }),
      type: softmaxType,
    } as const;
    const biased = yield* modified(c, 'score_mod', scores);
    const probabilities = yield* modified(c, 'prob_mod', softmaxRows(biased));
    return [weightedValues(c, query, probabilities, value)];
  },
};
