import { describe, expect, it } from 'vitest';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { isSlmError } from '../errors.ts';
import { float32, int64 } from '../model.ts';
import { divide, multiply } from './dims.ts';
import { inferTypes, valueTypes } from './infer.ts';

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

it('dimensions multiply and divide as products of names', () => {
  expect(multiply(['sequence', 4, 'batch'])).toBe('4*batch*sequence');
  expect(multiply(['batch', undefined])).toBeUndefined();
  expect(multiply(['batch', 0, undefined])).toBe(0);
  expect(divide('4*batch*sequence', '2*batch')).toBe('2*sequence');
  expect(divide('batch', 'sequence')).toBeUndefined();
  expect(divide(7, 2)).toBeUndefined();
});
