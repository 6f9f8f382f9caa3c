import { describe, expect, it } from 'vitest';
import type { GraphBuilder } from '../builder.ts';
import { createGraphBuilder } from '../builder.ts';
import type { Tensors } from '../engine.ts';
import { float32, int64, scalar } from '../model.ts';
import { openReference } from '../reference/open-reference.ts';
import { addGradients } from './add-gradients.ts';

/** The operators emitted to differentiate Σ body(x), and the gradient of x. */
async function differentiate(body: (g: GraphBuilder, x: string) => string, x: readonly number[], dims = [x.length]) {
  const g = createGraphBuilder('leaner');
  const made = body(g, g.input('x', 'float32', dims));
  g.output(g.op('ReduceSum', [made], { keepdims: 0 }), 'float32', [], 'loss');
  const model = g.model({ opset: 17 });
  const step = addGradients(model, { loss: 'loss', parameters: ['x'] }).model;
  const feeds: Tensors = { x: { type: 'float64', dims, data: Float64Array.from(x) } };
  const result = await (await openReference(step, { precision: 'float64' })).run(feeds);
  const { nodes } = step.graph;
  return {
    emitted: nodes.slice(model.graph.nodes.length).map((node) => node.opType),
    nodes: nodes.slice(model.graph.nodes.length),
    gradient: Array.from(result['grad/x']!.data as Float64Array),
  };
}

describe('the spelled-out Gelu', () => {
  const points = [-3, -1, -0.2, 0, 0.7, 2.5];
  /** Φ(x) + x·φ(x) at the points, from Python's math.erf and math.exp. */
  const slopes = [-0.011945647, -0.083315471, 0.342531752, 0.5, 0.976614101, 1.037611086];
  const half = (g: GraphBuilder) => g.constant('half', scalar(0.5));
  const gate = (g: GraphBuilder, x: string) => {
    const scaled = g.op('Div', [x, g.constant('root', scalar(Math.SQRT2))]);
    return g.op('Add', [g.op('Erf', [scaled]), g.constant('one', scalar(1))]);
  };
  const groupings: Record<string, (g: GraphBuilder, x: string) => string> = {
    '(x · gate) · ½': (g, x) => g.op('Mul', [g.op('Mul', [x, gate(g, x)]), half(g)]),
    'x · (½ · gate)': (g, x) => g.op('Mul', [x, g.op('Mul', [half(g), gate(g, x)])]),
    '(½ · x) · gate': (g, x) => g.op('Mul', [g.op('Mul', [half(g), x]), gate(g, x)]),
  };
  for (const [name, body] of Object.entries(groupings)) {
    it(`is recognised as ${name}`, async () => {
      const { emitted, gradient } = await differentiate(body, points);
      expect(emitted.filter((opType) => opType !== 'Mul').toSorted()).toEqual(['Add', 'Exp', 'Sub']);
      for (const [i, slope] of slopes.entries()) expect(gradient[i]).toBeCloseTo(slope, 6);
    });
  }

  it('is not seen where a constant differs', async () => {
    const third = (g: GraphBuilder) => g.constant('third', scalar(0.3));
    const { gradient } = await differentiate((g, x) => g.op('Mul', [g.op('Mul', [x, gate(g, x)]), third(g)]), points);
    for (const [i, slope] of slopes.entries()) expect(gradient[i]).toBeCloseTo(slope * 0.6, 6);
  });
});

describe('scales and transpositions', () => {
  const weights = float32([1, 2, 3, 4], [2, 2]);

  it('folds a scale into the Gemm that made its gradient', async () => {
    const { nodes, gradient } = await differentiate(
      (g, x) => g.op('MatMul', [g.op('Mul', [g.op('Neg', [x]), g.constant('s', scalar(4))]), g.constant('w', weights)]),
      [1, 1],
      [1, 2],
    );
    expect(nodes.filter((node) => node.opType === 'Mul')).toEqual([]);
    expect(nodes.find((node) => node.opType === 'Gemm')?.attributes.alpha).toEqual({ kind: 'float', value: 4 });
    expect(gradient).toEqual([-12, -28]);
  });

  it('keeps a scale whose unscaled gradient something else reads', async () => {
    const { gradient } = await differentiate(
      (g, x) => {
        const sum = g.op('Add', [g.op('Mul', [x, g.constant('s', scalar(4))]), g.op('Exp', [x])]);
        return g.op('MatMul', [sum, g.constant('w', weights)]);
      },
      [0, 0],
      [1, 2],
    );
    expect(gradient).toEqual([15, 35]);
  });

  it('merges transpositions in a row', async () => {
    const { emitted, gradient } = await differentiate(
      (g, x) => {
        const turned = g.op('Transpose', [g.op('Transpose', [x], { perm: [1, 0] })], { perm: [1, 0] });
        return g.op('Mul', [turned, g.constant('w', weights)]);
      },
      [1, 1, 1, 1],
      [2, 2],
    );
    expect(emitted).not.toContain('Transpose');
    expect(gradient).toEqual([1, 2, 3, 4]);
  });

  it('divides a gradient that only broadcasts', async () => {
    const { gradient } = await differentiate(
      (g, x) => {
        const total = g.op('ReduceSum', [g.op('Div', [x, g.constant('d', scalar(4))]), g.constant('a', int64([0]))]);
        return g.op('Mul', [total, g.constant('w', float32([2, 4], [1, 2]))]);
      },
      [1, 1, 1, 1],
      [2, 2],
    );
    expect(gradient).toEqual([0.5, 1, 0.5, 1]);
  });
});
