import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, int64, type Model, scalar } from '../model.ts';
import { cleanUp, cleanUpPasses, cleanUpRounds } from './clean-up.ts';
import { runPasses } from './run-passes.ts';

/** One head of attention over x [batch,sequence,4] as a tracing exporter writes it, constants as nodes, shapes computed anew each time. */
function exported(): Model {
  const g = createGraphBuilder('exported');
  const x = g.input('x', 'float32', ['batch', 'sequence', 4]);
  const k = (...values: number[]) => g.op('Constant', [], { value: int64(values) });
  const size = (axis: number) => {
    const index = g.op('Constant', [], { value: int64([axis], []) });
    return g.op('Unsqueeze', [g.op('Gather', [g.op('Shape', [x]), index]), k(0)]);
  };
  const weight = (name: string) =>
    g.constant(
      name,
      float32(
        Array.from({ length: 16 }, (_, i) => Math.sin(i)),
        [4, 4],
      ),
    );
  const heads = (value: string) => {
    const shape = g.op('Concat', [size(0), size(1), k(2), k(2)], { axis: 0 });
    return g.op('Transpose', [g.op('Reshape', [value, shape])], { perm: [0, 2, 1, 3] });
  };
  const project = (value: string, name: string) =>
    g.op('MatMul', [value, g.op('Transpose', [weight(name)], { perm: [1, 0] })]);
  const [q, key, v] = ['wq', 'wk', 'wv'].map((name) => heads(project(x, name)));
  const turned = g.op('Transpose', [key!], { perm: [0, 1, 3, 2] });
  const scores = g.op('Mul', [
    g.op('MatMul', [q!, turned]),
    g.op('Div', [g.constant('one', scalar(1)), g.constant('two', scalar(2))]),
  ]);
  const shares = g.op('Dropout', [g.op('Softmax', [g.op('Identity', [scores])])]);
  const mixed = g.op('Transpose', [g.op('MatMul', [shares, v!])], { perm: [0, 2, 1, 3] });
  const flat = g.op('Reshape', [mixed, g.op('Concat', [size(0), size(1), k(4)], { axis: 0 })]);
  g.output(g.op('Add', [flat, g.op('Cast', [x], { to: 1 })]), 'float32', ['batch', 'sequence', 4], 'y');
  return g.model({ opset: 17 });
}

describe('clean-up', () => {
  it('leaves of a traced attention what computes it', async () => {
    const x = float32(
      Array.from({ length: 24 }, (_, i) => Math.cos(i)),
      [2, 3, 4],
    );
    const { model, operators, findings } = await applyPass(cleanUp(), exported(), { x });
    expect(operators).toBe('MatMul Reshape Transpose Transpose MatMul Mul Softmax MatMul Transpose Reshape Add');
    expect([...model.graph.initializers.values()].map(({ type, dims }) => `${type}[${dims}]`).toSorted()).toEqual([
      'float32[4,4]',
      'float32[]',
      'int64[3]',
      'int64[4]',
    ]);
    expect(model.graph.nodes.at(-1)!.outputs).toEqual(['y']);
    const passes = new Set(findings.map(({ message }) => message.slice(0, message.indexOf(':'))));
    expect([...passes]).toEqual(expect.arrayContaining(['fold-constants', 'remove-identities', 'simplify-shapes']));
  });

  it('does the same as its passes one by one', () => {
    const { model } = runPasses(exported(), cleanUpPasses(), { rounds: cleanUpRounds });
    expect(model).toEqual(cleanUp().run(exported()).model);
  });

  it('comes to an end on thousands of nodes that all go', () => {
    const chain = (g: GraphBuilder, x: string) =>
      g.op('Transpose', [g.op('Identity', [g.op('Relu', [x])])], { perm: [1, 0] });
    const g = createGraphBuilder('chain');
    let x = g.input('x', 'float32', ['rows', 4]);
    for (let i = 0; i < 400; i++) x = chain(g, x);
    g.output(x, 'float32', ['rows', 4]);
    const { model } = cleanUp().run(g.model({ opset: 17 }));
    expect(model.graph.nodes.length).toBe(1);
  });
});
