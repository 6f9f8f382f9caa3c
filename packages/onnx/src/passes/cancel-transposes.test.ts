import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { type AttributeInput, createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, int64, type Model, scalar, type Tensor } from '../model.ts';
import { cancelTransposes } from './cancel-transposes.ts';

const ramp = (...dims: number[]) =>
  float32(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1)),
    dims,
  );
const feeds = { x: ramp(2, 3, 4), z: ramp(2, 3, 4) };
const perm = [2, 0, 1];
const back = [1, 2, 0];

/** What is left of a graph over x and z [batch,3,4]. */
async function left(make: (g: GraphBuilder, x: string, z: string) => string, opset = 18): Promise<string> {
  const g = createGraphBuilder('moves');
  const made = make(g, g.input('x', 'float32', ['batch', 3, 4]), g.input('z', 'float32', ['batch', 3, 4]));
  g.output(made, 'float32', []);
  const model = g.model({ opset });
  const untyped: Model = { ...model, graph: { ...model.graph, outputs: [{ name: made }] } };
  return (await applyPass(cancelTransposes, untyped, feeds)).operators;
}
const turn = (g: GraphBuilder, x: string, by: readonly number[]) => g.op('Transpose', [x], { perm: by });

/** Operators a Transpose goes through, with what is beside the value: constants, `z` (transposed too), or nothing. */
const through: readonly (readonly [string, readonly (string | Tensor)[], Record<string, AttributeInput>?, number?])[] =
  [
    ['Relu', ['x']],
    ['Cast', ['x'], { to: 11 }],
    ['Clip', ['x', scalar(0), scalar(0.5)]],
    ['Dropout', ['x']],
    ['Add', ['x', 'z']],
    ['Mul', [scalar(2), 'x']],
    ['Sub', ['x', float32([1, 2, 3])]],
    ['Div', ['x', float32([1, 2], [2, 1])]],
    ['Max', ['x', 'z', float32([0.25], [1, 1, 1])]],
    ['Softmax', ['x']],
    ['Softmax', ['x'], { axis: 0 }],
    ['ReduceMean', ['x'], { axes: [0, -1] }, 17],
    ['ReduceMax', ['x', int64([1])]],
    ['ReduceSum', ['x']],
    ['Concat', ['x', 'z', ramp(4, 2, 3)], { axis: 2 }],
    ['Pad', ['x', int64([1, 0, 0, 0, 2, 0])]],
    ['Slice', ['x', int64([1]), int64([3]), int64([0])]],
    ['Slice', ['x', int64([1, 0]), int64([3, 1])]],
  ];

describe('cancel-transposes', () => {
  it('merges Transposes, and drops them when they undo each other', async () => {
    expect(await left((g, x) => g.op('Neg', [turn(g, turn(g, x, perm), back)]))).toBe('Neg');
    expect(await left((g, x) => turn(g, turn(g, x, perm), perm))).toBe('Transpose');
    expect(await left((g, x) => g.op('Transpose', [g.op('Transpose', [x])]))).toBe('Identity');
  });

  for (const [opType, inputs, attributes = {}, opset] of through) {
    const shown = inputs.map((input) => (typeof input === 'string' ? input : `[${input.dims}]`)).join();
    it(`drops two Transposes around ${opType}(${shown}) ${JSON.stringify(attributes)}`, async () => {
      const operators = await left((g, x, z) => {
        const names = inputs.map((input) => {
          if (typeof input !== 'string') return g.constant('c', input);
          return turn(g, input === 'x' ? x : z, perm);
        });
        return turn(g, g.op(opType, names, attributes), back);
      }, opset);
      expect(operators).toBe(opType);
    });
  }

  it('goes through several operators, quantized ones among them', async () => {
    const operators = await left((g, x) => {
      const [scale, zero] = [
        g.constant('s', scalar(0.01)),
        g.constant('z', { type: 'int8', dims: [], data: Int8Array.of(3) }),
      ];
      const small = g.op('QuantizeLinear', [g.op('Tanh', [turn(g, x, perm)]), scale, zero]);
      return turn(g, g.op('DequantizeLinear', [small, scale, zero]), back);
    });
    expect(operators).toBe('Tanh QuantizeLinear DequantizeLinear');
  });

  it('leaves Transposes that would stay: one side only, a result used twice, reductions that drop axes', async () => {
    expect(await left((g, x) => turn(g, g.op('Relu', [x]), back))).toBe('Relu Transpose');
    const other = (g: GraphBuilder, z: string) => g.op('Reshape', [z, g.constant('shape', int64([4, 2, 3]))]);
    expect(await left((g, x, z) => turn(g, g.op('Add', [turn(g, x, perm), other(g, z)]), back))).toBe(
      'Transpose Reshape Add Transpose',
    );
    const twice = await left((g, x) => {
      const inner = g.op('Relu', [turn(g, x, perm)]);
      return g.op('Mul', [g.op('ReduceMax', [inner]), turn(g, inner, back)]);
    });
    expect(twice).toBe('Transpose Relu ReduceMax Transpose Mul');
    const dropped = (g: GraphBuilder, x: string) =>
      g.op('ReduceMax', [turn(g, x, perm), g.constant('a', int64([0]))], { keepdims: 0 });
    expect(await left((g, x) => g.op('Transpose', [dropped(g, x)]))).toBe('Transpose ReduceMax Transpose');
    const lower = (g: GraphBuilder, z: string) =>
      g.op('ReduceMax', [z, g.constant('a', int64([0, 2]))], { keepdims: 0 });
    expect(await left((g, x, z) => turn(g, g.op('Add', [turn(g, x, perm), lower(g, z)]), back))).toBe(
      'Transpose ReduceMax Add Transpose',
    );
  });

  it('merges Reshape, Squeeze, Unsqueeze and Flatten into one Reshape', async () => {
    const shape = (g: GraphBuilder, ...dims: number[]) => g.constant('shape', int64(dims));
    const reshape = (g: GraphBuilder, x: string, ...dims: number[]) => g.op('Reshape', [x, shape(g, ...dims)]);
    expect(await left((g, x) => reshape(g, reshape(g, x, -1, 12), 3, -1))).toBe('Reshape');
    expect(await left((g, x) => reshape(g, reshape(g, x, 0, 12), 0, 2, 6))).toBe('Reshape');
    expect(await left((g, x) => g.op('Unsqueeze', [reshape(g, x, 0, -1), shape(g, 1)]))).toBe('Reshape');
    expect(await left((g, x) => g.op('Flatten', [g.op('Unsqueeze', [x, shape(g, 0)])], { axis: 2 }))).toBe('Reshape');
    expect(await left((g, x) => g.op('Squeeze', [g.op('Unsqueeze', [x, shape(g, 0, 2)]), shape(g, 2)]))).toBe(
      'Reshape',
    );
    const one = (g: GraphBuilder, x: string) => {
      const sign = g.op('ReduceMax', [g.op('Sign', [g.op('Exp', [x])])], { keepdims: 0 });
      return g.op('Cast', [g.op('Unsqueeze', [sign, shape(g, 0)])], { to: 7 });
    };
    const open = (g: GraphBuilder, x: string) => g.op('Concat', [one(g, x), one(g, x), shape(g, -1)], { axis: 0 });
    expect(await left((g, x) => g.op('Reshape', [reshape(g, x, -1, 6), open(g, x)]))).toMatch(
      /^Reshape .*Concat Reshape$/,
    );
  });

  it('puts the Transpose of a matrix into Gemm, and makes one of MatMul', async () => {
    const matrix = (g: GraphBuilder, x: string) => g.op('Flatten', [x], { axis: 2 });
    const square = (g: GraphBuilder) => g.constant('w', ramp(6, 4));
    const wide = (g: GraphBuilder) => g.constant('w', ramp(4, 6));
    expect(await left((g, x) => g.op('MatMul', [matrix(g, x), turn(g, square(g), [1, 0])]))).toBe('Flatten Gemm');
    expect(await left((g, x) => g.op('MatMul', [turn(g, matrix(g, x), [1, 0]), turn(g, wide(g), [1, 0])]))).toBe(
      'Flatten Gemm',
    );
    expect(await left((g, x) => g.op('MatMul', [x, turn(g, square(g), [1, 0])]))).toBe('Transpose MatMul');
    const gemm = (g: GraphBuilder, x: string) =>
      g.op('Gemm', [turn(g, matrix(g, x), [1, 0]), square(g), g.constant('b', scalar(1))], { transA: 1, transB: 1 });
    expect(await left(gemm)).toBe('Flatten Gemm');
  });
});
