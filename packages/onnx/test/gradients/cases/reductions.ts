import type { GraphBuilder } from '../../../src/builder.ts';
import { int64 } from '../../../src/model.ts';
import { awayFromZero, type Case, type Cases, one, op, positive } from '../finite-differences.ts';

/** Every way to say which axes: attribute, constant input, input of a run, none of them; kept or not. */
const reductions = (opType: string, draw?: Case['draw']): readonly Case[] => {
  const axes = (values: readonly number[], keepdims: number): Case['build'] =>
    opType === 'ReduceSum' ? op(opType, { keepdims }, [int64(values)]) : op(opType, { axes: values, keepdims });
  const more = draw ? { draw } : {};
  const shape = [2, 3, 2];
  const withFed = (attributes: Record<string, number>, values: readonly number[]): Case =>
    one([shape], (g, [x]) => g.op(opType, [x!, 'axes'], attributes), {
      ...more,
      opset: 18,
      unranked: true,
      fed: { axes: int64(values) },
    });
  return [
    one([shape], op(opType, { keepdims: 0 }), { ...more, unranked: true }),
    one([shape], op(opType), more),
    one([shape], axes([1], 0), { ...more, unranked: true, opset: 13 }),
    one([shape], axes([-1, 0], 1), more),
    one([[2, 3]], op(opType, { keepdims: 0 }, [int64([-1])]), { ...more, opset: 18 }),
    withFed({ keepdims: 0 }, [0, -1]),
    withFed({ keepdims: 1 }, [1]),
    withFed({ keepdims: 0 }, []),
  ];
};
const withNoop = (opType: string): Case =>
  one([[2, 3]], op(opType, { noop_with_empty_axes: 1 }, [int64([])]), { opset: 18 });
const withFedNoop = (opType: string): Case =>
  one([[2, 3]], (g, [x]) => g.op(opType, [x!, 'axes'], { noop_with_empty_axes: 1, keepdims: 0 }), {
    opset: 18,
    fed: { axes: int64([]) },
  });

/** Zeros at given elements. */
const withZeros =
  (...zeros: readonly number[]): NonNullable<Case['draw']> =>
  (x, _, element) =>
    zeros.includes(element) ? 0 : x;

const cumulative =
  (opType: string, axis: number, attributes = {}) =>
  (g: GraphBuilder, [x]: readonly string[]) =>
    g.op(opType, [x!, g.constant('axis', int64([axis], []))], attributes);
const directions = [0, 1].flatMap((exclusive) => [0, 1].map((reverse) => ({ exclusive, reverse })));

/** Reductions, and sums and products along an axis. */
export const reductionCases: Cases = {
  ReduceSum: [...reductions('ReduceSum'), withNoop('ReduceSum'), withFedNoop('ReduceSum')],
  ReduceMean: [...reductions('ReduceMean'), withNoop('ReduceMean'), withFedNoop('ReduceMean')],
  ReduceMax: [...reductions('ReduceMax'), withNoop('ReduceMax')],
  ReduceMin: [...reductions('ReduceMin'), withNoop('ReduceMin')],
  ReduceSumSquare: reductions('ReduceSumSquare'),
  ReduceL1: reductions('ReduceL1', awayFromZero),
  ReduceL2: reductions('ReduceL2'),
  ReduceLogSum: reductions('ReduceLogSum', positive),
  ReduceLogSumExp: reductions('ReduceLogSumExp'),
  ReduceProd: [
    ...reductions('ReduceProd'),
    one([[3, 3]], op('ReduceProd', { axes: [1] }), { draw: withZeros(1, 3, 5) }),
    one([[3]], op('ReduceProd'), { draw: withZeros(0) }),
  ],
  CumSum: directions.map((attributes, i) => one([[2, 3]], cumulative('CumSum', i % 2, attributes), { unranked: true })),
  CumProd: directions.flatMap((attributes) => [
    one([[2, 3]], cumulative('CumProd', 1, attributes), { opset: 26, unranked: true }),
    one([[5, 2]], cumulative('CumProd', 0, attributes), { opset: 26, draw: withZeros(2, 6, 7) }),
  ]),
};
