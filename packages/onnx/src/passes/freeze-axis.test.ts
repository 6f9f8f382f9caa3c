import { describe, expect, it } from 'vitest';
import { createGraphBuilder } from '../builder.ts';
import { int64, type Model } from '../model.ts';
import { inferTypes } from '../types/infer.ts';
import { cleanUp } from './clean-up.ts';
import { freezeAxis } from './freeze-axis.ts';
import { runPasses } from './run-passes.ts';

/** Flattens x [batch, sequence, 4] to [batch·sequence, 4] by way of its shape; `z` has an axis without a name. */
function flatten(): Model {
  const g = createGraphBuilder('flatten');
  const x = g.input('x', 'float32', ['batch', 'sequence', 4]);
  const z = g.input('z', 'float32', [undefined, 4]);
  const rows = g.op('ReduceProd', [g.op('Shape', [x], { end: 2 })], { keepdims: 1 });
  const flat = g.op('Reshape', [x, g.op('Concat', [rows, g.constant('width', int64([4]))], { axis: 0 })]);
  const branch = createGraphBuilder('branch');
  branch.output(branch.op('Neg', [flat], {}, { outputs: ['n'] }), 'float32', ['batch*sequence', 4]);
  const branches = { then_branch: branch.graph(), else_branch: branch.graph() };
  g.output(g.op('If', [g.input('c', 'bool', [])], branches, { outputs: ['y'] }), 'float32', ['batch*sequence', 4]);
  g.output(g.op('Relu', [z], {}, { outputs: ['r'] }), 'float32', ['rows', 4]);
  return inferTypes(g.model({ opset: 18 }));
}
const dims = ({ graph }: Model) =>
  Object.fromEntries([...graph.inputs, ...graph.outputs].map(({ name, type }) => [name, type?.dims]));

describe('freeze-axis', () => {
  it('gives a name its size everywhere, in products and subgraphs too', () => {
    const result = freezeAxis({ symbol: 'batch', value: 2 }).run(flatten());
    expect(dims(result.model)).toEqual({
      x: [2, 'sequence', 4],
      z: [undefined, 4],
      c: [],
      y: ['2*sequence', 4],
      r: ['rows', 4],
    });
    const { then_branch } = result.model.graph.nodes.find(({ opType }) => opType === 'If')!.attributes;
    expect(then_branch?.kind === 'graph' && then_branch.value.outputs[0]!.type!.dims).toEqual(['2*sequence', 4]);
    expect(JSON.stringify([...result.model.graph.types])).not.toContain('batch');
    expect(freezeAxis({ symbol: 'batch', value: 2 }).run(result.model)).toEqual({
      model: result.model,
      findings: [{ kind: 'skipped', where: 'batch', message: 'no dimension has this name' }],
    });
  });

  it('takes the name from an axis of an input, or sets an axis without one there alone', () => {
    const named = freezeAxis({ input: 'x', axis: -2, value: 7 }).run(flatten()).model;
    expect(dims(named)).toMatchObject({ x: ['batch', 7, 4], y: ['7*batch', 4] });
    const alone = freezeAxis({ input: 'z', axis: 0, value: 3 });
    const { model } = alone.run(flatten());
    expect(dims(model)).toMatchObject({ z: [3, 4] });
    expect(alone.run(model)).toEqual({ model, findings: [] });
  });

  it('lets shapes fold: no node computes one any more', () => {
    const passes = [freezeAxis({ symbol: 'batch', value: 2 }), freezeAxis({ symbol: 'sequence', value: 3 }), cleanUp()];
    const { model } = runPasses(flatten(), passes);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Reshape', 'If', 'Relu']);
    expect([...model.graph.initializers.values()]).toEqual([int64([6, 4])]);
  });

  it('refuses sizes that are none, and inputs and axes that are not there or have another size', () => {
    const message = (action: () => unknown) => expect(action);
    message(() => freezeAxis({ symbol: 'batch', value: 1.5 })).toThrow('freeze-axis, value: expected a size, got 1.5');
    const run = (input: string, axis: number) => () => freezeAxis({ input, axis, value: 2 }).run(flatten());
    message(run('q', 0)).toThrow('freeze-axis, input: expected one of x, z, c, got "q"');
    message(run('x', 3)).toThrow('freeze-axis, input "x": expected an axis of [batch, sequence, 4], got 3');
    message(run('x', 2)).toThrow('freeze-axis, input "x", axis 2: expected a dynamic axis, got size 4');
    message(run('x', 2)).toThrow(expect.objectContaining({ code: 'PASS_OPTIONS' }));
  });
});
