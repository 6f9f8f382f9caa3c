import type { Dim } from '../../model.ts';
import { formatDims } from '../dims.ts';
import {
  attributeOf,
  axisOf,
  elementOf,
  intOf,
  invalid,
  like,
  rows,
  sameAsFirst,
  type TypeRule,
  tensor,
  unknownDims,
} from '../rule.ts';

/** Operators that pick and put elements by index or by value. */
export const indexingRules: Readonly<Record<string, TypeRule>> = {
  ...rows('Scatter ScatterElements ScatterND TensorScatter Trilu ReverseSequence', sameAsFirst),
  Gather: ({ node, inputs: [x, indices] }) => {
    if (x?.dims === undefined || indices?.dims === undefined) return [like(x, undefined)];
    const axis = axisOf(intOf(node, 'axis', 0), x.dims.length, node);
    return [like(x, [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)])];
  },
  GatherElements: ({ inputs: [x, indices] }) => [like(x, indices?.dims)],
  GatherND: ({ node, inputs: [x, indices] }) => {
    const last = indices?.dims?.at(-1);
    const batch = intOf(node, 'batch_dims', 0);
    if (x?.dims === undefined || indices?.dims === undefined || typeof last !== 'number') return [like(x, undefined)];
    if (batch + last > x.dims.length)
      throw invalid(node, `indices of at most ${x.dims.length - batch} axes`, formatDims(indices.dims));
    return [like(x, [...indices.dims.slice(0, -1), ...x.dims.slice(batch + last)])];
  },
  OneHot: (context) => {
    const [indices, , values] = context.inputs;
    if (values === undefined || indices?.dims === undefined) return [like(values, undefined)];
    const rank = indices.dims.length + 1;
    const axis = axisOf(intOf(context.node, 'axis', -1), rank, context.node);
    return [like(values, indices.dims.toSpliced(axis, 0, context.known(1)?.elements[0]))];
  },
  NonZero: ({ inputs: [x] }) => [tensor('int64', [x?.dims?.length, undefined])],
  TopK: (context) => {
    const [x] = context.inputs;
    const k = intOf(context.node, 'k', undefined) ?? elementOf(context, 1);
    const dims = x?.dims?.with(axisOf(intOf(context.node, 'axis', -1), x.dims.length, context.node), k);
    return [like(x, dims), tensor('int64', dims)];
  },
  Unique: ({ node, inputs: [x] }) => {
    const axis = attributeOf(node, 'axis')?.kind === 'int' ? intOf(node, 'axis', 0) : undefined;
    const picked: readonly Dim[] | undefined =
      axis === undefined ? [undefined] : x?.dims?.with(axisOf(axis, x.dims.length, node), undefined);
    return [like(x, picked), ...Array(3).fill(tensor('int64', [undefined]))];
  },
  Compress: ({ node, inputs: [x] }) => {
    if (attributeOf(node, 'axis')?.kind !== 'int') return [like(x, [undefined])];
    return [like(x, x?.dims?.with(axisOf(intOf(node, 'axis', 0), x.dims.length, node), undefined))];
  },
  NonMaxSuppression: () => [tensor('int64', [undefined, 3])],
  'ai.onnx.ml.ArrayFeatureExtractor': ({ inputs: [x, indices] }) => {
    if (x?.dims === undefined) return [like(x, undefined)];
    const count = indices?.dims?.at(-1);
    return [like(x, x.dims.length === 1 ? [1, count] : x.dims.length === 0 ? unknownDims(2) : x.dims.with(-1, count))];
  },
};
