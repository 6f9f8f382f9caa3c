import { float } from '../../../src/builder.ts';
import { int64, scalar } from '../../../src/model.ts';
import { awayFromZero, type Case, type Cases, inside, one, op, positive } from '../finite-differences.ts';

const elementwise = (opType: string, draw?: Case['draw'], more: Partial<Case> = {}): readonly Case[] => [
  one([[2, 3]], op(opType), { ...(draw ? { draw } : {}), unranked: true, ...more }),
];

/** Shapes that broadcast: equal, a missing axis, stretched on both sides, a scalar, stretched in the middle. */
const pairs: readonly Case['shapes'][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [1, 3],
    [4, 2, 1],
  ],
  [[], [2, 2]],
  [
    [2, 1, 3],
    [2, 4, 1],
  ],
];
const broadcasts = (opType: string, draw?: Case['draw'], attributes = {}): readonly Case[] =>
  pairs.map((shapes) => one(shapes, op(opType, attributes), { ...(draw ? { draw } : {}), unranked: true }));

const condition = (dims: readonly number[]) => ({
  type: 'bool' as const,
  dims,
  data: Uint8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i % 3 === 0 ? 1 : 0)),
});

/** Operators of one input, and those that broadcast. */
export const elementwiseCases: Cases = {
  Abs: elementwise('Abs', awayFromZero),
  Neg: elementwise('Neg'),
  Identity: elementwise('Identity'),
  Sqrt: elementwise('Sqrt', positive),
  Reciprocal: elementwise('Reciprocal', positive),
  Exp: elementwise('Exp'),
  Log: elementwise('Log', positive),
  Sin: elementwise('Sin'),
  Cos: elementwise('Cos'),
  Tan: elementwise('Tan', inside),
  Asin: elementwise('Asin', inside),
  Acos: elementwise('Acos', inside),
  Atan: elementwise('Atan'),
  Sinh: elementwise('Sinh'),
  Cosh: elementwise('Cosh'),
  Asinh: elementwise('Asinh'),
  Acosh: elementwise('Acosh', (x) => 1.1 + positive(x)),
  Atanh: elementwise('Atanh', inside),
  Erf: elementwise('Erf'),
  Tanh: elementwise('Tanh'),
  Sigmoid: elementwise('Sigmoid'),
  Softplus: elementwise('Softplus'),
  Softsign: elementwise('Softsign', awayFromZero),
  Relu: elementwise('Relu', awayFromZero),
  LeakyRelu: [
    ...elementwise('LeakyRelu', awayFromZero),
    one([[2, 3]], op('LeakyRelu', { alpha: float(-0.3) }), { draw: awayFromZero }),
  ],
  Elu: [...elementwise('Elu', awayFromZero), one([[2, 3]], op('Elu', { alpha: float(1.7) }), { draw: awayFromZero })],
  Selu: [
    ...elementwise('Selu', awayFromZero),
    one([[2, 3]], op('Selu', { alpha: float(1.2), gamma: float(0.8) }), { draw: awayFromZero }),
  ],
  ThresholdedRelu: [one([[3, 4]], op('ThresholdedRelu', { alpha: float(0.3) }))],
  Shrink: [one([[3, 4]], op('Shrink', { lambd: float(0.4), bias: float(0.1) })), ...elementwise('Shrink')],
  HardSigmoid: [
    one([[3, 4]], op('HardSigmoid', { alpha: float(0.6), beta: float(0.4) })),
    ...elementwise('HardSigmoid'),
  ],
  Swish: [
    ...elementwise('Swish', undefined, { opset: 24 }),
    one([[2, 3]], op('Swish', { alpha: float(1.5) }), { opset: 24 }),
  ],
  Gelu: [
    ...elementwise('Gelu', undefined, { opset: 20 }),
    one([[2, 3]], op('Gelu', { approximate: 'tanh' }), { opset: 20 }),
  ],
  Dropout: elementwise('Dropout'),
  Cast: [one([[2, 3]], (g, [x]) => g.op('Cast', [g.op('Cast', [x!], { to: 11 })], { to: 1 }))],
  CastLike: [
    one([[2, 3]], (g, [x]) => {
      const double = g.constant('like', { type: 'float64', dims: [], data: Float64Array.of(0) });
      return g.op('Cast', [g.op('CastLike', [x!, double])], { to: 1 });
    }),
    one([[2, 3], [2]], op('CastLike'), { wanted: [0] }),
  ],
  Add: broadcasts('Add'),
  Sum: [one([[2, 3], [3], [1, 1]], op('Sum')), one([[2, 3]], op('Sum'))],
  Mean: [one([[2, 3], [3], [1, 1]], op('Mean'), { unranked: true }), one([[2, 3]], op('Mean'))],
  Sub: broadcasts('Sub'),
  Mul: broadcasts('Mul'),
  Div: broadcasts('Div', positive),
  Mod: broadcasts('Mod', (x, index) => (index === 1 ? positive(x) + 0.4 : 3 * x), { fmod: 1 }),
  Pow: [
    ...broadcasts('Pow', positive),
    ...[0, 1, 2, 3, 0.5, -1].map((p) => one([[2, 3]], op('Pow', {}, [scalar(p)]), { draw: positive })),
    // Bases that are not positive, and exponents that make them real.
    one([[2, 3]], op('Pow', {}, [scalar(3)])),
    one([[2, 2], [2]], op('Pow'), {
      draw: (x, index, element) => (index === 1 ? 2 + element : -positive(x)),
      wanted: [0],
    }),
    one([[3], [3]], op('Pow'), {
      draw: (x, index, element) => (index === 1 ? [0, 1, 5][element]! : element === 0 ? 0 : x),
      wanted: [0],
    }),
    one([[2, 3]], op('Pow', {}, [int64([0, 1, 2])])),
  ],
  PRelu: [
    one([[2, 3], [3]], op('PRelu'), { draw: awayFromZero, unranked: true }),
    one(
      [
        [2, 3, 2],
        [3, 1],
      ],
      op('PRelu'),
      { draw: awayFromZero },
    ),
    one([[2, 3], [1]], op('PRelu'), { draw: awayFromZero }),
  ],
  Where: [
    one([[2, 3], [3]], (g, x) => g.op('Where', [g.constant('c', condition([2, 1])), ...x]), { unranked: true }),
    one([[2, 1], []], (g, x) => g.op('Where', [g.constant('c', condition([2, 3])), ...x]), { unranked: true }),
    one([[2, 3]], (g, [x]) => g.op('Where', [g.constant('c', condition([3])), x!, g.constant('z', scalar(2))])),
  ],
  Max: [one([[2, 3], [3], []], op('Max')), one([[2, 3]], op('Max', {}, [scalar(0.2)]))],
  Min: [
    one(
      [
        [2, 3],
        [2, 1],
      ],
      op('Min'),
    ),
    one([[2, 3]], op('Min', {}, [scalar(0.2)])),
  ],
  Clip: [
    one([[3, 4]], op('Clip', {}, [scalar(-0.7), scalar(0.6)]), { unranked: true }),
    one([[3, 4], [], []], op('Clip'), { draw: (x, index) => (index === 0 ? x : index === 1 ? -0.5 : 0.4) }),
    one([[3, 4], []], (g, [x, high]) => g.op('Clip', [x!, '', high!])),
  ],
};
