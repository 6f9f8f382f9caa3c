import { describe, expect, it } from 'vitest';
import { applyPass, type Passed } from '../../test/pass-harness.ts';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, int64, type Model } from '../model.ts';
import { simplifyShapes } from './simplify-shapes.ts';

const feeds = {
  x: float32(
    Array.from({ length: 24 }, (_, i) => i),
    [2, 3, 4],
  ),
  y: float32([1, 2, 3, 4, 5, 6], [2, 3]),
};

/** Passes a graph over x [batch,sequence,4] and y [batch,sequence]. */
async function simplified(make: (g: GraphBuilder, x: string, y: string) => string, opset = 18): Promise<Passed> {
  const g = createGraphBuilder('shapes');
  const made = make(
    g,
    g.input('x', 'float32', ['batch', 'sequence', 4]),
    g.input('y', 'float32', ['batch', 'sequence']),
  );
  g.output(g.op('Cast', [made], { to: 1 }), 'float32', []);
  const model = g.model({ opset });
  const untyped: Model = {
    ...model,
    graph: { ...model.graph, outputs: model.graph.outputs.map(({ name }) => ({ name })) },
  };
  return applyPass(simplifyShapes, untyped, feeds);
}
const constants = ({ model }: Passed) =>
  [...model.graph.initializers.values()].map(({ data }) => Array.from(data as BigInt64Array, Number));
const ints = (g: GraphBuilder, ...values: number[]) => g.constant('k', int64(values));
const size = (g: GraphBuilder, x: string, axis: number) =>
  g.op('Gather', [g.op('Shape', [x]), g.constant('i', int64([axis], []))]);
const sizes = (g: GraphBuilder, x: string, ...axes: number[]) =>
  axes.map((axis) => g.op('Unsqueeze', [size(g, x, axis), ints(g, 0)]));
const concat = (g: GraphBuilder, ...parts: string[]) => g.op('Concat', parts, { axis: 0 });

describe('simplify-shapes', () => {
  it('makes constants of sizes that are known', async () => {
    const known = await simplified((g, x) => g.op('Mul', [size(g, x, 2), g.constant('two', int64([2], []))]));
    expect(known.operators).toBe('Cast');
    expect(constants(known)).toEqual([[8]]);
    const range = (g: GraphBuilder, x: string) =>
      g.op('Range', [g.constant('from', int64([0], [])), size(g, x, -1), g.constant('step', int64([1], []))]);
    const counted = await simplified(range);
    expect([counted.operators, constants(counted)]).toEqual(['Cast', [[0, 1, 2, 3]]]);
    const equal = await simplified((g, x) => g.op('Equal', [size(g, x, 2), g.constant('four', int64([4], []))]));
    expect(equal.operators).toBe('Cast');
    const open = await simplified((g, x) => g.op('Shape', [x]));
    expect(open.operators).toBe('Shape Cast');
  });

  it('takes equal sizes from one place', async () => {
    const { operators } = await simplified((g, x, y) => concat(g, ...sizes(g, x, 1), ...sizes(g, y, 1)), 13);
    expect(operators).toBe('Shape Gather Unsqueeze Concat Cast');
  });

  it('gives Reshape and Expand constant targets', async () => {
    const copied = await simplified((g, x) => g.op('Reshape', [x, concat(g, ...sizes(g, x, 0, 1), ints(g, 2, 2))]));
    expect([copied.operators, constants(copied)]).toEqual(['Reshape Cast', [[0, 0, 2, 2]]]);
    const moved = await simplified((g, x, y) => g.op('Reshape', [x, concat(g, ints(g, 4), ...sizes(g, y, 0, 1))]));
    expect(moved.operators).toContain('Concat Reshape Cast');
    expect(moved.findings.at(-1)!.message).toBe(
      'Reshape to [4, batch, sequence]: more than one size is neither a number nor copied',
    );
    const product = (g: GraphBuilder, x: string) =>
      g.op('Unsqueeze', [g.op('Mul', [size(g, x, 0), size(g, x, 1)]), ints(g, 0)]);
    const flat = await simplified((g, x) => g.op('Reshape', [x, concat(g, product(g, x), ints(g, 4))]));
    expect([flat.operators, constants(flat)]).toEqual(['Reshape Cast', [[-1, 4]]]);
    const zero = await simplified((g, x) =>
      g.op('Reshape', [x, concat(g, ...sizes(g, x, 0), ints(g, -1))], { allowzero: 1 }),
    );
    expect([zero.operators, constants(zero)]).toEqual(['Reshape Cast', [[0, -1]]]);
    const wide = await simplified((g, _, y) => g.op('Expand', [y, concat(g, ints(g, 3), ...sizes(g, y, 0, 1))]));
    expect([wide.operators, constants(wide)]).toEqual(['Expand Cast', [[3, 1, 1]]]);
    const larger = await simplified((g, x) => g.op('Expand', [ints(g, 7), concat(g, ...sizes(g, x, 0, 1))]));
    expect(larger.operators).toContain('Expand');
  });

  it('reads one size by a Shape with bounds, from opset 15 on', async () => {
    const one = (g: GraphBuilder, x: string) => concat(g, ...sizes(g, x, 1), ints(g, 5));
    const bounds = await simplified(one);
    expect(bounds.operators).toBe('Shape Concat Cast');
    expect(bounds.model.graph.nodes[0]!.attributes).toEqual({
      start: { kind: 'int', value: 1 },
      end: { kind: 'int', value: 2 },
    });
    expect((await simplified(one, 13)).operators).toBe('Shape Gather Unsqueeze Concat Cast');
    const picked = await simplified((g, x) => g.op('Gather', [g.op('Shape', [x]), ints(g, -2)]));
    expect(picked.operators).toBe('Shape Cast');
    const cut = await simplified((g, x) => g.op('Slice', [g.op('Shape', [x]), ints(g, -3), ints(g, 2)]));
    expect(cut.operators).toBe('Shape Cast');
  });

  it('reads the shape of what an operator is given when it keeps the shape', async () => {
    const { operators } = await simplified((g, x) => g.op('Shape', [g.op('Cast', [g.op('Tanh', [x])], { to: 11 })]));
    expect(operators).toBe('Shape Cast');
  });

  it('takes elements from the parts of Concat and Unsqueeze', async () => {
    const sum = (g: GraphBuilder, y: string) => g.op('Cast', [g.op('ReduceSum', [y], { keepdims: 0 })], { to: 7 });
    const joined = (g: GraphBuilder, y: string) =>
      concat(g, ints(g, 3, 4), g.op('Unsqueeze', [sum(g, y), ints(g, 0)]), ints(g, 5));
    const scalarIndex = (value: number) => (g: GraphBuilder, _: string, y: string) =>
      g.op('Gather', [joined(g, y), g.constant('i', int64([value], []))]);
    expect((await simplified(scalarIndex(2))).operators).toBe('ReduceSum Cast Cast');
    expect((await simplified(scalarIndex(-1))).operators).toBe('Cast');
    const listed = await simplified((g, _, y) => g.op('Gather', [joined(g, y), ints(g, 2)]));
    expect(listed.operators).toBe('ReduceSum Cast Unsqueeze Cast');
  });

  it('drops a Cast of sizes to int32 and back', async () => {
    const cast = (g: GraphBuilder, x: string) =>
      g.op('Cast', [g.op('Cast', [g.op('Shape', [x])], { to: 6 })], { to: 7 });
    expect((await simplified(cast)).operators).toBe('Shape Cast');
    const other = (g: GraphBuilder, _: string, y: string) =>
      g.op('Cast', [g.op('Cast', [g.op('Cast', [y], { to: 7 })], { to: 6 })], { to: 7 });
    expect((await simplified(other)).operators).toBe('Cast Cast Cast Cast');
  });
});
