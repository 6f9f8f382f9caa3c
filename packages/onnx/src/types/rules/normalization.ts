import type { Dim } from '../../model.ts';
import { asTensor, axisOf, dataTypeAttribute, intOf, like, rows, sameAsFirst, type TypeRule, tensor } from '../rule.ts';

/** LayerNormalization and its like: the normalized input, and statistics of `stash_type` over the axes from `axis` on. */
const layerNormalization: TypeRule = ({ node, inputs: [x] }) => {
  if (x === undefined) return [];
  const axis = x.dims && axisOf(intOf(node, 'axis', -1), x.dims.length, node);
  const kept = x.dims?.map((dim, at): Dim => (at < axis! ? dim : 1));
  const stash = dataTypeAttribute(node, 'stash_type') ?? 'float32';
  return [x, tensor(stash, kept), tensor(stash, kept)];
};

/** Operators that normalize. */
export const normalizationRules: Readonly<Record<string, TypeRule>> = {
  LayerNormalization: layerNormalization,
  /** ONNX Runtime's, in ai.onnx; the result has the type of the scale. */
  SimplifiedLayerNormalization: (context) => {
    const [x, ...statistics] = layerNormalization(context);
    return [like(context.inputs[1], asTensor(x)?.dims), ...statistics];
  },
  ...rows(
    'RMSNormalization GroupNormalization InstanceNormalization LpNormalization LRN MeanVarianceNormalization',
    sameAsFirst,
  ),
  BatchNormalization: ({ node, inputs: [x, , , mean, variance] }) =>
    node.outputs.map((_, index) => [x, mean, variance, mean, variance][index]),
};
