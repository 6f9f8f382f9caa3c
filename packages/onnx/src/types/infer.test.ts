import { describe, expect, it } from 'vitest';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { isSlmError } from '../errors.ts';
import { type Dim, elementCount, float32, int64, type Tensor } from '../model.ts';
import { inferTypes, valueTypes } from './infer.ts';

function zeros(dims: readonly number[]): Tensor {
  return float32(new Float32Array(elementCount(dims)), dims);
}

/** The inferred dims of the value that `body` makes from x [batch, sequence, 8]. */
function dimsOf(body: (g: GraphBuilder, x: string) => string) {
  const g = createGraphBuilder('g');
  const value = body(g, g.input('x', 'float32', ['batch', 'sequence', 8]));
  return inferTypes(g.model({ opset: 17 })).graph.types.get(value)?.dims;
}

describe('inferTypes', () => {
  it('follows merged axes there and back', () => {
    const merged = (g: GraphBuilder, x: string) => g.op('Reshape', [x, g.constant('rows', int64([-1, 8]))]);
    expect(dimsOf(merged)).toEqual(['batch*sequence', 8]);
    const back = (g: GraphBuilder, x: string) => {
      const shape = g.op('Shape', [x]);
      return g.op('Reshape', [merged(g, x), shape]);
    };
    expect(dimsOf(back)).toEqual(['batch', 'sequence', 8]);
    expect(dimsOf((g, x) => g.op('Reshape', [x, g.constant('heads', int64([0, 0, 2, -1]))]))).toEqual([
      'batch',
      'sequence',
      2,
      4,
    ]);
  });

  it('carries the growing length of a cache', () => {
    const g = createGraphBuilder('g');
    const [x, past] = [
      g.input('x', 'float32', ['batch', 'sequence', 8]),
      g.input('k', 'float32', ['batch', 2, 'past', 4]),
    ];
    const heads = g.op('Reshape', [x, g.constant('s', int64([0, 0, 2, 4]))]);
    const keys = g.op('Concat', [past, g.op('Transpose', [heads], { perm: [0, 2, 1, 3] })], { axis: 2 });
    const total = g.op('Gather', [g.op('Shape', [keys]), g.constant('two', int64([2], []))]);
    const before = g.op('Sub', [total, g.op('Gather', [g.op('Shape', [x]), g.constant('one', int64([1], []))])]);
    const positions = g.op('Range', [before, total, g.constant('step', int64([1], []))]);
    const one = (value: string, name: string) => g.op('Unsqueeze', [value, g.constant(name, int64([0]))]);
    const mask = g.constant('mask', { type: 'float32', dims: [64, 64], data: new Float32Array(64 * 64) });
    const rows = g.op('Slice', [mask, one(before, 'a'), one(total, 'b'), g.constant('axis', int64([0]))]);
    const columns = g.op('Slice', [
      rows,
      g.constant('zero', int64([0])),
      one(total, 'c'),
      g.constant('last', int64([1])),
    ]);
    const types = inferTypes(g.model({ opset: 17 })).graph.types;
    expect(types.get(keys)!.dims).toEqual(['batch', 2, 'past + sequence', 4]);
    expect(types.get(positions)!.dims).toEqual(['sequence']);
    expect(types.get(columns)!.dims).toEqual(['sequence', 'past + sequence']);
  });

  it.each<[string, (g: GraphBuilder, x: string) => string, readonly Dim[]]>([
    [
      'a convolution',
      (g) =>
        g.op('Conv', [g.input('a', 'float32', ['batch', 3, 'length']), g.constant('w', zeros([5, 3, 4]))], {
          strides: [2],
          pads: [1, 1],
        }),
      ['batch', 5, '(length//2)'],
    ],
    [
      'pooling that divides',
      (g) => g.op('MaxPool', [g.input('a', 'float32', ['batch', 3, '4*length'])], { kernel_shape: [2], strides: [2] }),
      ['batch', 3, '2*length'],
    ],
    [
      'an evaluated choice of sizes',
      (g, x) => {
        const asked = g.constant('asked', int64([-1, 1, 8]));
        const kept = g.op('Equal', [asked, g.constant('minus', int64([-1]))]);
        return g.op('Expand', [x, g.op('Where', [kept, g.op('Shape', [x]), asked])]);
      },
      ['batch', 'sequence', 8],
    ],
    [
      'a pad computed as torch does',
      (g, x) => {
        const pads = g.op('Reshape', [g.constant('p', int64([0, 0, 1, 2, 0, 3])), g.constant('pairs', int64([-1, 2]))]);
        const constant = (name: string, ...values: number[]) => g.constant(name, int64(values));
        const ends = [constant('from', -1), constant('to', -(2 ** 53 - 1)), constant('axis', 0), constant('by', -1)];
        const turned = g.op('Transpose', [g.op('Slice', [pads, ...ends])], { perm: [1, 0] });
        return g.op('Pad', [x, g.op('Reshape', [turned, constant('flat', -1)])]);
      },
      ['batch + 3', 'sequence + 3', 8],
    ],
    [
      'the last position',
      (g, x) =>
        g.op('Slice', [
          x,
          g.constant('a', int64([-1])),
          g.constant('b', int64([2 ** 53 - 1])),
          g.constant('c', int64([1])),
        ]),
      ['batch', 1, 8],
    ],
    [
      'resizing by scales',
      (g) => g.op('Resize', [g.input('a', 'float32', [1, 3, 'h', 8]), '', g.constant('s', float32([1, 1, 2, 0.5]))]),
      [1, 3, '2*h', 4],
    ],
    [
      'a product of letters',
      (g, x) => g.op('Einsum', [x, x], { equation: 'bsh,bth->bts' }),
      ['batch', 'sequence', 'sequence'],
    ],
  ])('follows %s', (_, body, dims) => {
    expect(dimsOf(body)).toEqual(dims);
  });

  it('gives outputs their types and keeps the names they have', () => {
    const g = createGraphBuilder('g');
    g.output(g.op('Relu', [g.input('x', 'float32', ['batch', 8])], {}, { outputs: ['y'] }), 'float32', [
      'rows',
      undefined,
    ]);
    const model = inferTypes(g.model({ opset: 17 }));
    expect(model.graph.outputs[0]!.type).toEqual({ type: 'float32', dims: ['rows', 8] });
    expect(valueTypes(model.graph).get('y')).toEqual({ type: 'float32', dims: ['batch', 8] });
    expect(inferTypes(model)).toBe(model);
  });

  it('takes initializers that are inputs for constants in models that have to list them', () => {
    const g = createGraphBuilder('g');
    const shape = g.constant('shape', int64([2, 3]));
    const made = g.op('ConstantOfShape', [shape]);
    const { graph, ...model } = g.model({ opset: 9 });
    const inputs = [...graph.inputs, { name: shape, type: { type: 'int64', dims: [2] } as const }];
    const dims = (irVersion: number) =>
      inferTypes({ ...model, irVersion, graph: { ...graph, inputs } }).graph.types.get(made)?.dims;
    expect(dims(3)).toEqual([2, 3]);
    expect(dims(4)).toEqual([undefined, undefined]);
  });

  it('keeps declared types where it has no rule', () => {
    const g = createGraphBuilder('g');
    const y = g.op('Custom', [g.input('x', 'float32', [2])], {}, { domain: 'd' });
    g.op('Relu', [y]);
    const model = g.model({ opset: 17, opsets: { d: 1 } });
    const types = new Map([[y, { type: 'int8' as const, dims: [7] }]]);
    const inferred = inferTypes({ ...model, graph: { ...model.graph, types } });
    expect(inferred.graph.types.get('Relu.out')).toEqual({ type: 'int8', dims: [7] });
  });

  it.each<[string, (g: GraphBuilder, x: string) => string, string]>([
    [
      'inner sizes',
      (g, x) => g.op('MatMul', [x, g.constant('w', float32([1, 2, 3], [3, 1]))]),
      'node "MatMul" (MatMul): expected equal inner sizes, got [batch, sequence, 8] and [3, 1]',
    ],
    [
      'broadcasting',
      (g, x) => g.op('Add', [x, g.constant('b', float32([1, 2, 3]))]),
      'node "Add" (Add): expected shapes that broadcast, got [batch, sequence, 8] and [3]',
    ],
    [
      'axes',
      (g, x) => g.op('Softmax', [g.op('Gather', [x, g.constant('i', int64([0]))], { axis: 3 })]),
      'node "Gather" (Gather): expected an axis of a rank-3 tensor, got 3',
    ],
    [
      'element counts',
      (g) => g.op('Reshape', [g.constant('c', float32([1, 2, 3])), g.constant('s', int64([2, 2]))]),
      'node "Reshape" (Reshape): expected a shape of 3 elements, got [2,2] for [3]',
    ],
    [
      'permutations',
      (g, x) => g.op('Transpose', [x], { perm: [0, 1, 1] }),
      'node "Transpose" (Transpose): expected a permutation of 3 axes, got [0,1,1]',
    ],
    [
      'squeezed sizes',
      (g, x) => g.op('Squeeze', [x, g.constant('a', int64([2]))]),
      'node "Squeeze" (Squeeze): expected size 1 at axis 2, got [batch, sequence, 8]',
    ],
    ['pads', (g, x) => g.op('Pad', [x, g.constant('p', int64([1, 1]))]), 'node "Pad" (Pad): expected 6 pads, got 2'],
    [
      'repeats',
      (g, x) => g.op('Tile', [x, g.constant('r', int64([1, 1]))]),
      'node "Tile" (Tile): expected 3 repeats, got [1, 1]',
    ],
    [
      'expanded sizes',
      (g, x) => g.op('Expand', [x, g.constant('e', int64([4]))]),
      'node "Expand" (Expand): expected a size that 8 expands to, got 4',
    ],
    [
      'joined sizes',
      (g, x) => g.op('Concat', [x, g.constant('c', zeros([1, 1, 7]))], { axis: 1 }),
      'node "Concat" (Concat): expected size 8 at axis 2 of every input, got 7',
    ],
    [
      'joined ranks',
      (g, x) => g.op('Concat', [x, g.constant('c', zeros([1, 8]))], { axis: 1 }),
      'node "Concat" (Concat): expected inputs of rank 3, got [1, 8]',
    ],
    [
      'unsqueezed axes',
      (g, x) => g.op('Unsqueeze', [x, g.constant('a', int64([0, 0]))]),
      'node "Unsqueeze" (Unsqueeze): expected axes without repetition, got [0,0]',
    ],
    [
      'flattened axes',
      (g, x) => g.op('Flatten', [x], { axis: 4 }),
      'node "Flatten" (Flatten): expected an axis of a rank-3 tensor, got 4',
    ],
    [
      'shapes of two −1',
      (g, x) => g.op('Reshape', [x, g.constant('s', int64([-1, -1]))]),
      'node "Reshape" (Reshape): expected at most one −1 in the shape, got [-1,-1]',
    ],
    [
      'shapes of a 0 too far',
      (g, x) => g.op('Reshape', [x, g.constant('s', int64([1, 1, 1, 0]))]),
      'node "Reshape" (Reshape): expected 0 only for axes of [batch, sequence, 8], got [1,1,1,0]',
    ],
    [
      'element counts of the rest',
      (g) => g.op('Reshape', [g.constant('c', float32([1, 2, 3])), g.constant('s', int64([-1, 2]))]),
      'node "Reshape" (Reshape): expected 3 elements divisible by 2, got shape [-1,2] for [3]',
    ],
    [
      'batch axes',
      (g) => g.op('MatMul', [g.constant('a', zeros([2, 1, 3])), g.constant('b', zeros([4, 3, 1]))]),
      'node "MatMul" (MatMul): expected batch axes that broadcast, got [2, 1, 3] and [4, 3, 1]',
    ],
    [
      'scalars in products',
      (g, x) => g.op('MatMul', [x, g.constant('b', zeros([]))]),
      'node "MatMul" (MatMul): expected inputs of rank 1 or more, got [batch, sequence, 8] and []',
    ],
    [
      'ranks of Gemm',
      (g, x) => g.op('Gemm', [x, g.constant('b', zeros([8, 8]))]),
      'node "Gemm" (Gemm): expected two matrices, got [batch, sequence, 8] and [8, 8]',
    ],
    [
      'terms of Einsum',
      (g, x) => g.op('Einsum', [x], { equation: 'ij,jk' }),
      'node "Einsum" (Einsum): expected an equation of 1 terms, got "ij,jk"',
    ],
    [
      'ranks of Einsum',
      (g, x) => g.op('Einsum', [x], { equation: 'ij->ji' }),
      'node "Einsum" (Einsum): expected rank 2 for "ij", got [batch, sequence, 8]',
    ],
    [
      'letters of Einsum',
      (g, x) => g.op('Einsum', [x, g.constant('b', zeros([7, 2]))], { equation: 'bsh,hk->bsk' }),
      'node "Einsum" (Einsum): expected one size of h, got 8 and 7',
    ],
    [
      'ellipses of Einsum',
      (g) =>
        g.op('Einsum', [g.constant('a', zeros([2, 3])), g.constant('b', zeros([4, 3]))], {
          equation: '...i,...i->...',
        }),
      'node "Einsum" (Einsum): expected ellipses that broadcast, got [2] and [4]',
    ],
    [
      'ranks of a convolution',
      (g, x) => g.op('Conv', [x, g.constant('w', zeros([2, 2]))]),
      'node "Conv" (Conv): expected weights of the rank of the input, got [batch, sequence, 8] and [2, 2]',
    ],
    [
      'strides',
      (g, x) => g.op('MaxPool', [x], { kernel_shape: [2], strides: [0] }),
      'node "MaxPool" (MaxPool): expected strides of at least 1, got [0]',
    ],
    [
      'window lists',
      (g, x) => g.op('MaxPool', [x], { kernel_shape: [2], pads: [1] }),
      'node "MaxPool" (MaxPool): expected 2 pads, got [1]',
    ],
    [
      'kernels',
      (g, x) => g.op('MaxPool', [x], { kernel_shape: [2, 2] }),
      'node "MaxPool" (MaxPool): expected a kernel of 1 axes, got [2, 2]',
    ],
    [
      'ranks of pooling',
      (g) => g.op('MaxPool', [g.constant('a', zeros([3]))], { kernel_shape: [] }),
      'node "MaxPool" (MaxPool): expected an input of rank 2 or more, got [3]',
    ],
    [
      'indices',
      (g, x) => g.op('GatherND', [x, g.constant('i', int64([0, 0, 0, 0]))]),
      'node "GatherND" (GatherND): expected indices of at most 3 axes, got [4]',
    ],
    [
      'quantized shapes',
      (g, x) => g.op('QLinearAdd', [x, x, x, g.constant('b', zeros([7])), x, x, x], {}, { domain: 'com.microsoft' }),
      'node "QLinearAdd" (QLinearAdd): expected shapes that broadcast, got [batch, sequence, 8] and [7]',
    ],
  ])('refuses contradictory %s', (_, body, message) => {
    let found: unknown;
    try {
      dimsOf(body);
    } catch (error) {
      found = error;
    }
    expect(isSlmError(found) && [found.code, found.message]).toEqual(['ONNX_INVALID', message]);
  });
});
