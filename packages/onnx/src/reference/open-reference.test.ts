import { describe, expect, it } from 'vitest';
import type { AttributeInput } from '../builder.ts';
import { createGraphBuilder } from '../builder.ts';
import { isSlmError } from '../errors.ts';
import type { Tensor, TensorData } from '../model.ts';
import { float32, int64, scalar } from '../model.ts';
import { erf } from './kernels/erf.ts';
import { openReference } from './open-reference.ts';

/** Runs one operator on constants; lists of the elements of each output. */
async function run(
  opType: string,
  inputs: readonly (Tensor | undefined)[],
  attributes: Record<string, AttributeInput> = {},
  { outputs = 1, opset = 17 }: { outputs?: number; opset?: number } = {},
): Promise<readonly Tensor[]> {
  const g = createGraphBuilder('one');
  const names = inputs.map((tensor, i) => (tensor ? g.constant(`c${i}`, tensor) : ''));
  const made = g.ops(opType, names, attributes, { outputs });
  for (const name of made) g.output(name, 'float32', []);
  const result = await (await openReference(g.model({ opset }))).run({});
  return made.map((name) => result[name]!);
}

const list = (data: TensorData) => Array.from(data as ArrayLike<number | bigint>, Number);

/** Operator, inputs, attributes, expected shape and elements: worked out by hand from the operators' specification. */
const facts: readonly (readonly [
  string,
  readonly (Tensor | undefined)[],
  Record<string, AttributeInput>,
  readonly number[],
  readonly number[],
])[] = [
  ['Add', [float32([1, 2]), float32([10, 20], [2, 1])], {}, [2, 2], [11, 12, 21, 22]],
  ['Div', [int64([7, -7]), int64([2, 2])], {}, [2], [3, -3]],
  ['Round', [float32([0.5, 1.5, -2.5, 2.4])], {}, [4], [0, 2, -2, 2]],
  ['Less', [float32([1, 2]), scalar(2)], {}, [2], [1, 0]],
  ['Where', [{ type: 'bool', dims: [2], data: Uint8Array.of(1, 0) }, float32([1, 2]), scalar(9)], {}, [2], [1, 9]],
  ['Cast', [float32([1.7, -1.7])], { to: 7 }, [2], [1, -1]],
  ['Cast', [float32([300, -1])], { to: 2 }, [2], [44, 255]],
  ['Clip', [float32([-2, 0, 2]), undefined, scalar(1)], {}, [3], [-2, 0, 1]],
  ['MatMul', [float32([1, 2, 3, 4], [2, 2]), float32([1, 1])], {}, [2], [3, 7]],
  ['Gemm', [float32([1, 2], [1, 2]), float32([3, 4], [1, 2]), float32([5])], { transB: 1 }, [1, 1], [16]],
  ['Shape', [float32([1, 2, 3, 4, 5, 6], [1, 2, 3])], { start: -2 }, [2], [2, 3]],
  ['Reshape', [float32([1, 2, 3, 4], [2, 2]), int64([0, -1, 1])], {}, [2, 2, 1], [1, 2, 3, 4]],
  ['Transpose', [float32([1, 2, 3, 4], [2, 2])], {}, [2, 2], [1, 3, 2, 4]],
  ['Slice', [float32([0, 1, 2, 3, 4]), int64([-1]), int64([-10]), int64([0]), int64([-2])], {}, [3], [4, 2, 0]],
  ['Gather', [float32([1, 2, 3, 4], [2, 2]), int64([-1], [])], {}, [2], [3, 4]],
  ['GatherElements', [float32([1, 2, 3, 4], [2, 2]), int64([1, 0], [2, 1])], { axis: 1 }, [2, 1], [2, 3]],
  ['ScatterElements', [float32([0, 0, 0]), int64([1, 1]), float32([2, 3])], { reduction: 'add' }, [3], [0, 5, 0]],
  ['Concat', [float32([1], [1, 1]), float32([2, 3], [1, 2])], { axis: -1 }, [1, 3], [1, 2, 3]],
  ['Pad', [float32([1, 2]), int64([1, 1]), scalar(7)], {}, [4], [7, 1, 2, 7]],
  ['Trilu', [float32([1, 2, 3, 4], [2, 2])], { upper: 0 }, [2, 2], [1, 0, 3, 4]],
  ['Expand', [float32([1, 2], [2, 1]), int64([1, 2])], {}, [2, 2], [1, 1, 2, 2]],
  ['ReduceMean', [float32([1, 2, 3, 4], [2, 2])], { axes: [0], keepdims: 0 }, [2], [2, 3]],
  ['ReduceMax', [float32([1, 5, 3, 4], [2, 2])], { axes: [-1] }, [2, 1], [5, 4]],
  ['ArgMax', [float32([1, 5, 5, 4], [2, 2])], { axis: 1, keepdims: 0 }, [2], [1, 0]],
  ['Softmax', [float32([0, Math.log(3)])], {}, [2], [0.25, 0.75].map(Math.fround)],
  ['NonZero', [float32([0, 1, 1, 0], [2, 2])], {}, [2, 2], [0, 1, 1, 0]],
  ['OneHot', [int64([1, -1]), int64([2]), float32([0, 5])], {}, [2, 2], [0, 5, 0, 5]],
  [
    'QuantizeLinear',
    [float32([0.5, 1.5, 2.5, -200, 900]), scalar(1), { type: 'uint8', dims: [], data: Uint8Array.of(128) }],
    {},
    [5],
    [128, 130, 130, 0, 255],
  ],
  [
    'QuantizeLinear',
    [float32([1, 1, -300, 3], [2, 2]), float32([1, 2]), { type: 'int8', dims: [2], data: Int8Array.of(0, 1) }],
    { axis: 1 },
    [2, 2],
    [1, 1, -128, 3],
  ],
  [
    'DequantizeLinear',
    [
      { type: 'int8', dims: [2, 1], data: Int8Array.of(-3, 4) },
      float32([0.5, 2]),
      { type: 'int8', dims: [2], data: Int8Array.of(1, 0) },
    ],
    { axis: 0 },
    [2, 1],
    [-2, 8],
  ],
];

describe('openReference', () => {
  for (const [opType, inputs, attributes, dims, data] of facts) {
    it(`${opType} ${JSON.stringify(attributes)} gives [${data}]`, async () => {
      const [result] = await run(opType, inputs, attributes);
      expect(result!.dims).toEqual(dims);
      const got = list(result!.data);
      expect(got.map((value) => value + 0)).toEqual(data);
    });
  }

  it('splits, and drops nothing', async () => {
    const parts = await run('Split', [float32([1, 2, 3]), int64([2, 1])], {}, { outputs: 2 });
    expect(parts.map((part) => list(part.data))).toEqual([[1, 2], [3]]);
  });

  it('normalizes layers and gives the statistics', async () => {
    const inputs = [float32([1, 3], [1, 2]), float32([2, 2]), float32([0, 1])];
    const parts = await run('LayerNormalization', inputs, {}, { outputs: 3 });
    expect(list(parts[0]!.data)[1]).toBeCloseTo(3, 4);
    expect(list(parts[1]!.data)).toEqual([2]);
  });

  it('knows erf to the last digits (values of glibc)', () => {
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 15);
    expect(erf(-1)).toBeCloseTo(-0.8427007929497149, 15);
    expect(erf(2)).toBeCloseTo(0.9953222650189527, 15);
    expect(erf(2.4999999999)).toBeCloseTo(erf(2.5000000001), 11);
    expect(erf(3)).toBeCloseTo(0.9999779095030014, 15);
  });

  it('computes in double precision on request', async () => {
    const g = createGraphBuilder('third');
    g.output(g.op('Div', [g.input('x', 'float32', [1]), g.constant('three', scalar(3))]), 'float32', [1], 'y');
    const model = g.model({ opset: 17 });
    const x = { type: 'float64' as const, dims: [1], data: Float64Array.of(1) };
    const exact = await (await openReference(model, { precision: 'float64' })).run({ x });
    expect(exact.y).toEqual({ type: 'float64', dims: [1], data: Float64Array.of(1 / 3) });
    const rounded = await (await openReference(model)).run({ x });
    expect(rounded.y).toEqual(float32([1 / 3]));
  });

  it('names what it cannot do', async () => {
    const code = async (attempt: Promise<unknown>) => {
      const error = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!isSlmError(error)) throw error;
      return `${error.code} ${error.message}`;
    };
    expect(await code(run('Multinomial', [float32([1], [1, 1])]))).toBe(
      'REFERENCE_UNSUPPORTED reference, node "Multinomial": expected an operator with a kernel, got Multinomial',
    );
    expect(await code(run('Pad', [float32([1]), int64([1, 1])], { mode: 'mirror' }))).toContain('mode mirror');
    expect(await code(run('Add', [float32([1, 2]), float32([1, 2, 3])]))).toContain('REFERENCE_SHAPE');
    expect(await code(run('Gather', [float32([1]), int64([4])]))).toContain('index 4');
    expect(await code(run('Neg', [{ type: 'string', dims: [1], data: ['a'] }]))).toContain('got string');
    const g = createGraphBuilder('feeds');
    g.output(g.op('Neg', [g.input('x', 'float32', [2])]), 'float32', [2], 'y');
    const engine = await openReference(g.model({ opset: 17 }));
    expect(await code(engine.run({}))).toBe('ENGINE_INPUT reference, input "x": expected a tensor, got none');
    expect(await code(engine.run({ z: scalar(1) }))).toContain('expected one of x');
    expect(await code(engine.run({ x: int64([1, 2]) }))).toContain('expected float32, got int64');
    expect(await code(engine.run({ x: float32([1]) }))).toContain('expected [2], got [1]');
    expect(await code(engine.run({ x: float32([1, 2]) }, { outputs: ['q'] }))).toContain('output "q"');
  });

  it('stops when it is told to', async () => {
    const g = createGraphBuilder('stop');
    g.output(g.op('Neg', [g.input('x', 'float32', [1])]), 'float32', [1], 'y');
    const engine = await openReference(g.model({ opset: 17 }));
    const reason = new Error('enough');
    await expect(engine.run({ x: scalar(1) }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
