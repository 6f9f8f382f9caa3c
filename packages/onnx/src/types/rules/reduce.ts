import type { Dim } from '../../model.ts';
import { axisOf, intOf, like, listOf, type RuleContext, rows, type TypeRule, tensor, textOf } from '../rule.ts';

/** Operators that take axes away. */
export const reduceRules: Readonly<Record<string, TypeRule>> = {
  ...rows(
    'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare',
    (context) => [like(context.inputs[0], reducedDims(context))],
  ),
  ...rows('ArgMax ArgMin', ({ node, inputs: [x] }) => {
    if (x?.dims === undefined) return [tensor('int64', undefined)];
    const axis = axisOf(intOf(node, 'axis', 0), x.dims.length, node);
    return [tensor('int64', intOf(node, 'keepdims', 1) !== 0 ? x.dims.with(axis, 1) : x.dims.toSpliced(axis, 1))];
  }),
  /** The loss of scores [N, C, d…] is a scalar, or [N, d…] without reduction; the log-probabilities are like the scores. */
  ...rows('SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss', ({ node, inputs: [scores, target] }) => [
    like(scores, textOf(node, 'reduction', 'mean') === 'none' ? target?.dims : []),
    scores,
  ]),
  Det: ({ inputs: [x] }) => [like(x, x?.dims?.slice(0, -2))],
};

/** The shape that remains of the first input. */
export function reducedDims(context: RuleContext, axesInput = 1): readonly Dim[] | undefined {
  const { node, inputs } = context;
  const dims = inputs[0]?.dims;
  if (dims === undefined) return undefined;
  const keep = intOf(node, 'keepdims', 1) !== 0;
  const list = listOf(context, 'axes', axesInput);
  if (list === undefined) {
    if (keep) return dims.map(() => undefined);
    const count = context.inputs[axesInput]?.dims?.[0];
    return typeof count === 'number' && count > 0 && count <= dims.length
      ? Array<Dim>(dims.length - count).fill(undefined)
      : undefined;
  }
  const none = list === 'absent' || list.length === 0;
  if (none && intOf(node, 'noop_with_empty_axes', 0) !== 0) return dims;
  const axes = new Set(none ? dims.keys() : (list as readonly number[]).map((axis) => axisOf(axis, dims.length, node)));
  return keep ? dims.map((dim, axis) => (axes.has(axis) ? 1 : dim)) : dims.filter((_, axis) => !axes.has(axis));
}
