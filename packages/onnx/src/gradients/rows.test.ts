import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeInput, GraphBuilder } from '../builder.ts';
import { createGraphBuilder, float } from '../builder.ts';
import type { Dim, Model, Tensor } from '../model.ts';
import { elementCount, int64, scalar } from '../model.ts';
import { openReference } from '../reference/open-reference.ts';
import { createRng } from '../rng.ts';
import { addGradients } from './add-gradients.ts';
import { gradients } from './table.ts';

/** Largest difference to central finite differences, relative to the largest gradient. */
const WITHIN = 1e-6;

interface Case {
  /** Shapes of the float inputs x0, x1, … */
  readonly shapes: readonly (readonly number[])[];
  /** Emits the operator; returns the values whose weighted sum is the loss. */
  build(g: GraphBuilder, x: readonly string[]): string | readonly string[];
  /** Maps a standard normal draw into the operator's domain. */
  readonly draw?: (normal: number, index: number) => number;
  readonly opset?: number;
  /** Inputs to differentiate; all by default. */
  readonly wanted?: readonly number[];
  /** Also with dimensions that are not declared. Default true. */
  readonly dynamic?: boolean;
}

const positive = (x: number) => Math.exp(0.4 * x) + 0.1;
/** Keeps away from the kink at 0. */
const awayFromZero = (x: number) => (x < 0 ? x - 0.1 : x + 0.1);

const op =
  (opType: string, attributes: Record<string, AttributeInput> = {}, constants: readonly Tensor[] = []) =>
  (g: GraphBuilder, x: readonly string[]) =>
    g.op(opType, [...x, ...constants.map((tensor, i) => g.constant(`c${i}`, tensor))], attributes);

const one = (shapes: Case['shapes'], build: Case['build'], more: Partial<Case> = {}): Case => ({
  shapes,
  build,
  ...more,
});
const elementwise = (opType: string, draw?: Case['draw'], more: Partial<Case> = {}): readonly Case[] => [
  one([[2, 3]], op(opType), { ...(draw ? { draw } : {}), ...more }),
];
const broadcasts = (opType: string, draw?: Case['draw']): readonly Case[] =>
  [
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
  ].map((shapes) => one(shapes, op(opType), draw ? { draw } : {}));
const reductions = (opType: string, draw?: Case['draw']): readonly Case[] => {
  const axes = (values: readonly number[], keepdims: number): Case['build'] =>
    opType === 'ReduceSum' ? op(opType, { keepdims }, [int64(values)]) : op(opType, { axes: values, keepdims });
  const more = draw ? { draw } : {};
  return [
    one([[2, 3, 4]], op(opType, { keepdims: 0 }), more),
    one([[2, 3, 4]], op(opType), more),
    one([[2, 3, 4]], axes([1], 0), more),
    one([[2, 3, 4]], axes([-1, 0], 1), more),
    one([[2, 3]], op(opType, { keepdims: 0 }, [int64([-1])]), { ...more, opset: 18 }),
  ];
};

const cases: Readonly<Record<string, readonly Case[]>> = {
  Abs: elementwise('Abs', awayFromZero),
  Neg: elementwise('Neg'),
  Identity: elementwise('Identity'),
  Sqrt: elementwise('Sqrt', positive),
  Reciprocal: elementwise('Reciprocal', positive),
  Exp: elementwise('Exp'),
  Log: elementwise('Log', positive),
  Sin: elementwise('Sin'),
  Cos: elementwise('Cos'),
  Erf: elementwise('Erf'),
  Tanh: elementwise('Tanh'),
  Sigmoid: elementwise('Sigmoid'),
  Softplus: elementwise('Softplus'),
  Relu: elementwise('Relu', awayFromZero),
  Gelu: [
    ...elementwise('Gelu', undefined, { opset: 20 }),
    one([[2, 3]], op('Gelu', { approximate: 'tanh' }), { opset: 20 }),
  ],
  Dropout: elementwise('Dropout'),
  Cast: [one([[2, 3]], (g, [x]) => g.op('Cast', [g.op('Cast', [x!], { to: 11 })], { to: 1 }))],
  Add: broadcasts('Add'),
  Sum: [one([[2, 3], [3], [1, 1]], op('Sum'))],
  Sub: broadcasts('Sub'),
  Mul: broadcasts('Mul'),
  Div: broadcasts('Div', positive),
  Pow: [
    ...broadcasts('Pow', positive),
    ...[1, 2, 3, 0.5, -1].map((p) => one([[2, 3]], op('Pow', {}, [scalar(p)]), { draw: positive })),
  ],
  Where: [
    one([[2, 3], [3]], (g, [a, b]) =>
      g.op('Where', [g.constant('c', { type: 'bool', dims: [2, 1], data: Uint8Array.of(1, 0) }), a!, b!]),
    ),
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
  Clip: [one([[3, 4]], op('Clip', {}, [scalar(-0.7), scalar(0.6)]))],
  MatMul: [
    one(
      [
        [3, 4],
        [4, 2],
      ],
      op('MatMul'),
    ),
    one(
      [
        [2, 3, 4],
        [4, 2],
      ],
      op('MatMul'),
    ),
    one(
      [
        [2, 2, 3, 4],
        [4, 2],
      ],
      op('MatMul'),
    ),
    one(
      [
        [2, 3, 4],
        [2, 4, 2],
      ],
      op('MatMul'),
    ),
    one(
      [
        [2, 1, 3, 4],
        [3, 4, 2],
      ],
      op('MatMul'),
    ),
    one(
      [
        [3, 4],
        [2, 4, 2],
      ],
      op('MatMul'),
    ),
    one([[4], [4, 2]], op('MatMul')),
    one([[3, 4], [4]], op('MatMul')),
    one([[4], [4]], op('MatMul')),
    one([[2, 3, 4], [4]], op('MatMul')),
    one([[4], [2, 4, 3]], op('MatMul')),
  ],
  Gemm: [0, 1].flatMap((transA) =>
    [0, 1].map((transB) =>
      one(
        [transA ? [4, 3] : [3, 4], transB ? [2, 4] : [4, 2], [2]],
        op('Gemm', { transA, transB, alpha: float(0.5), beta: float(2) }),
      ),
    ),
  ),
  Reshape: [
    one([[2, 6]], op('Reshape', {}, [int64([3, -1])])),
    one([[2, 3, 4]], op('Reshape', {}, [int64([0, 0, 2, 2])])),
  ],
  Flatten: [one([[2, 3, 2]], op('Flatten', { axis: 2 }))],
  Squeeze: [one([[2, 1, 3]], op('Squeeze', {}, [int64([1])])), one([[2, 1, 3]], op('Squeeze'), { dynamic: false })],
  Unsqueeze: [one([[2, 3]], op('Unsqueeze', {}, [int64([0, -1])]))],
  Transpose: [one([[2, 3, 4]], op('Transpose', { perm: [2, 0, 1] })), one([[2, 3]], op('Transpose'))],
  Expand: [one([[3, 1]], op('Expand', {}, [int64([2, 1, 4])]))],
  Tile: [one([[2, 3]], op('Tile', {}, [int64([2, 3])]))],
  Concat: [
    one(
      [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      op('Concat', { axis: 1 }),
    ),
    one(
      [
        [2, 3],
        [1, 3],
      ],
      op('Concat', { axis: -2 }),
      { wanted: [1] },
    ),
  ],
  Split: [
    one([[2, 5]], (g, [x]) => g.ops('Split', [x!, g.constant('s', int64([2, 3]))], { axis: 1 }, { outputs: 2 })),
    one([[2, 5]], (g, [x]) => g.ops('Split', [x!, g.constant('s', int64([2, 3]))], { axis: 1 }, { outputs: 2 })[1]!),
  ],
  Pad: [
    one([[2, 3]], op('Pad', {}, [int64([1, 0, 0, 2])])),
    one([[2, 3]], op('Pad', {}, [int64([0, -1, 1, 0]), scalar(3)])),
    one([[2, 3]], (g, [x]) => g.op('Pad', [x!, g.constant('p', int64([1, 2])), '', g.constant('a', int64([1]))]), {
      opset: 18,
    }),
  ],
  Trilu: [one([[2, 3, 3]], op('Trilu')), one([[3, 4]], op('Trilu', { upper: 0 }, [int64([1], [])]))],
  Gather: [
    one([[5, 3]], op('Gather', {}, [int64([4, 1, 4, 0], [2, 2])])),
    one([[70, 2]], op('Gather', {}, [int64([69, 1, 1])])),
    one([[70, 2, 2]], op('Gather', {}, [int64([69, 1, -69, 3], [2, 2])])),
    one([[2, 4, 3]], op('Gather', { axis: 1 }, [int64([0], [])])),
    one([[2, 4, 3]], op('Gather', { axis: 1 }, [int64([-2])])),
    one([[2, 4, 3]], op('Gather', { axis: -2 }, [int64([3, -1, 0])])),
    one([[2, 3, 2, 2]], op('Gather', { axis: 1 }, [int64([2, 2])])),
    one([[4]], op('Gather', {}, [int64([1], [])])),
  ],
  GatherElements: [one([[3, 4]], op('GatherElements', { axis: 1 }, [int64([0, 0, 2, 3, 1, 1], [3, 2])]))],
  Slice: [
    one([[4, 5]], op('Slice', {}, [int64([1]), int64([3]), int64([1])])),
    one([[4, 5]], op('Slice', {}, [int64([1, -4]), int64([4, 1000])])),
    one([[4, 5]], op('Slice', {}, [int64([3, 0]), int64([-1000, 5]), int64([0, -1]), int64([-2, 2])])),
  ],
  ReduceSum: reductions('ReduceSum'),
  ReduceMean: reductions('ReduceMean'),
  ReduceMax: reductions('ReduceMax'),
  ReduceMin: reductions('ReduceMin'),
  ReduceSumSquare: reductions('ReduceSumSquare'),
  ReduceLogSumExp: reductions('ReduceLogSumExp'),
  Softmax: [one([[2, 3, 4]], op('Softmax')), one([[2, 3, 4]], op('Softmax', { axis: 1 }))],
  LogSoftmax: [one([[2, 5]], op('LogSoftmax')), one([[3, 2]], op('LogSoftmax', { axis: 0 }))],
  LayerNormalization: [
    one([[2, 3, 4], [4], [4]], op('LayerNormalization', { epsilon: float(1e-3) })),
    one([[3, 4], [4]], op('LayerNormalization')),
    one(
      [
        [2, 3, 4],
        [3, 4],
        [3, 4],
      ],
      op('LayerNormalization', { axis: 1 }),
    ),
  ],
};

/** Rows without a derivative to compare with finite differences; `quantize.test.ts` and `refusals.test.ts` hold them. */
const elsewhere = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  ...Object.entries(gradients).flatMap(([operator, rule]) => ('stops' in rule ? [operator] : [])),
]);

describe('gradients against finite differences in float64', () => {
  it('has cases for every row, and rows for every case', () => {
    expect(Object.keys(gradients).filter((operator) => !elsewhere.has(operator) && !cases[operator])).toEqual([]);
    expect(Object.keys(cases).filter((operator) => !gradients[operator])).toEqual([]);
  });

  for (const [operator, rows] of Object.entries(cases)) {
    it(operator, async () => {
      for (const [index, row] of rows.entries()) {
        for (const declared of row.dynamic === false ? [true] : [true, false]) {
          const error = await worstError(row, declared, index);
          expect(error, `case ${index}, dims ${declared ? 'declared' : 'unknown'}`).toBeLessThanOrEqual(WITHIN);
        }
      }
    });
  }

  it('sums over whatever axes were broadcast', async () => {
    const shapePair = fc
      .tuple(
        fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 0, max: 3 }),
      )
      .map(([dims, left, right, drop]) => [
        dims.map((dim, axis) => (left[axis] ? 1 : dim)),
        dims.map((dim, axis) => (right[axis] ? 1 : dim)).slice(drop),
      ]);
    await fc.assert(
      fc.asyncProperty(
        shapePair,
        fc.constantFrom('Add', 'Sub', 'Mul', 'Div', 'Max'),
        fc.boolean(),
        fc.boolean(),
        async (shapes, operator, declared, swapped) => {
          const pair = swapped ? [shapes[1]!, shapes[0]!] : shapes;
          const error = await worstError({ shapes: pair, build: op(operator), draw: positive }, declared, 7);
          expect(error).toBeLessThanOrEqual(WITHIN);
        },
      ),
      { seed: 5, numRuns: 60 },
    );
  });
});

/** The loss Σ w·y over all outputs y, with fixed random weights w. */
function lossModel(row: Case, declared: boolean): Model {
  const g = createGraphBuilder('row');
  const dims = (shape: readonly number[]): readonly Dim[] => (declared ? shape : shape.map(() => undefined));
  const inputs = row.shapes.map((shape, i) => g.input(`x${i}`, 'float32', dims(shape)));
  const made = row.build(g, inputs);
  const terms = (typeof made === 'string' ? [made] : made).map((value, i) => {
    const phase = g.constant(`phase${i}`, scalar(0.7 + i));
    const flat = g.op('Reshape', [value, g.constant(`flat${i}`, int64([-1]))]);
    const size = g.op('Size', [flat]);
    const integer = (name: string, n: number) => g.constant(`${name}${i}`, int64([n], []));
    const ramp = g.op(
      'Cast',
      [g.op('Range', [integer('from', 1), g.op('Add', [size, integer('by', 1)]), integer('step', 1)])],
      {
        to: 1,
      },
    );
    const weights = g.op('Sin', [g.op('Mul', [ramp, phase])]);
    return g.op('ReduceSum', [g.op('Mul', [flat, weights])], { keepdims: 0 });
  });
  const loss = terms.length === 1 ? terms[0]! : g.op('Sum', terms);
  g.output(loss, 'float32', []);
  return g.model({ opset: row.opset ?? 17 });
}

async function worstError(row: Case, declared: boolean, seed: number): Promise<number> {
  const model = lossModel(row, declared);
  const loss = model.graph.outputs[0]!.name;
  const rng = createRng(`row ${seed}`);
  const { draw = (x: number) => x } = row;
  const feeds = Object.fromEntries(
    row.shapes.map((dims, i) => [
      `x${i}`,
      {
        type: 'float64' as const,
        dims,
        data: Float64Array.from({ length: elementCount(dims) }, () => draw(rng.normal(), i)),
      },
    ]),
  );
  const wanted = row.wanted ?? row.shapes.map((_, i) => i);
  const { model: step } = addGradients(model, { loss, parameters: wanted.map((i) => `x${i}`) });
  const engine = await openReference(step, { precision: 'float64' });
  const results = await engine.run(feeds);
  const forward = await openReference(model, { precision: 'float64' });
  const at = async (name: string, index: number, shift: number) => {
    const tensor = feeds[name]!;
    const data = tensor.data.slice();
    data[index] = data[index]! + shift;
    const moved = await forward.run({ ...feeds, [name]: { ...tensor, data } });
    return Number(moved[loss]!.data[0]);
  };

  let worst = 0;
  for (const i of wanted) {
    const name = `x${i}`;
    const gradient = results[`grad/${name}`]!;
    expect(gradient.dims).toEqual(row.shapes[i]);
    const expected: number[] = [];
    const h = 2e-4;
    for (let index = 0; index < feeds[name]!.data.length; index++) {
      // Fourth-order central difference: the error falls with h⁴.
      const [far, near] = [
        (await at(name, index, 2 * h)) - (await at(name, index, -2 * h)),
        (await at(name, index, h)) - (await at(name, index, -h)),
      ];
      expected.push((8 * near - far) / (12 * h));
    }
    const scale = Math.max(...expected.map(Math.abs), 1e-3);
    for (const [index, value] of expected.entries()) {
      worst = Math.max(worst, Math.abs(Number(gradient.data[index]) - value) / scale);
    }
  }
  return worst;
}
