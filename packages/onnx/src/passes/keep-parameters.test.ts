import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder } from '../builder.ts';
import { float32 } from '../model.ts';
import { cleanUp } from './clean-up.ts';
import { keepParameters, trainableParameters } from './keep-parameters.ts';

/** y = ((x · ones) + zeros) + zeros again, then an Identity. */
function freshLayer() {
  const g = createGraphBuilder('fresh');
  const scaled = g.op('Mul', [g.input('x', 'float32', [2, 3]), g.constant('scale', float32([1, 1, 1]))]);
  const shifted = g.op('Add', [scaled, g.constant('shift', float32([0, 0, 0]))]);
  const both = g.op('Add', [shifted, g.constant('bias', float32([0, 0, 0]))]);
  g.output(g.op('Identity', [both]), 'float32', [2, 3], 'y');
  return g.model({ opset: 17 });
}

const feeds = { x: float32([1, 2, 3, 4, 5, 6], [2, 3]) };
const parameters = ['scale', 'shift', 'bias'];

describe('keep-parameters', () => {
  it('without it, what computes nothing today is gone', async () => {
    const { model } = await applyPass(cleanUp(), freshLayer(), feeds);
    expect([...model.graph.initializers.keys()]).toEqual([]);
  });

  it('parameters stay apart and used, the rest is cleaned', async () => {
    const { model, operators } = await applyPass(keepParameters(cleanUp(), parameters), freshLayer(), feeds);
    expect(operators).toBe('Mul Add Add');
    expect([...model.graph.initializers.keys()]).toEqual(parameters);
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  it('names that are no initializers are left alone', async () => {
    const pass = keepParameters(cleanUp(), ['x', 'none', ...parameters]);
    expect((await applyPass(pass, freshLayer(), feeds)).operators).toBe('Mul Add Add');
  });

  it('trainable are floats that are no scalars', () => {
    const g = createGraphBuilder('weights');
    for (const [name, tensor] of [
      ['weight', float32([1, 2])],
      ['epsilon', float32([1], [])],
      ['axes', { type: 'int64', dims: [1], data: BigInt64Array.of(1n) }],
    ] as const)
      g.constant(name, tensor);
    expect(trainableParameters(g.model({ opset: 17 }))).toEqual(['weight']);
  });
});
