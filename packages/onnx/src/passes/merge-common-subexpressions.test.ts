import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, scalar } from '../model.ts';
import { mergeCommonSubexpressions } from './merge-common-subexpressions.ts';

const feeds = { x: float32([1, 2, 3, 4], [2, 2]), y: float32([5, 6, 7, 8], [2, 2]) };

/** The operators left of two values that are subtracted. */
async function merged(make: (g: GraphBuilder, x: string, y: string) => readonly [string, string]): Promise<string> {
  const g = createGraphBuilder('pair');
  const [x, y] = ['x', 'y'].map((name) => g.input(name, 'float32', [2, 2]));
  const pair = make(g, x!, y!);
  g.output(g.op('Sub', pair), 'float32', [2, 2]);
  return (await applyPass(mergeCommonSubexpressions, g.model({ opset: 18 }), feeds)).operators;
}

describe('merge-common-subexpressions', () => {
  it('merges chains of equal nodes, Constant nodes among them', async () => {
    const half = (g: GraphBuilder, x: string) =>
      g.op('Tanh', [g.op('Mul', [x, g.op('Constant', [], { value: scalar(0.5) })])]);
    expect(await merged((g, x) => [half(g, x), half(g, x)])).toBe('Constant Mul Tanh Sub');
  });

  it('takes two inputs in any order where the operator commutes', async () => {
    expect(await merged((g, x, y) => [g.op('Add', [x, y]), g.op('Add', [y, x])])).toBe('Add Sub');
    expect(await merged((g, x, y) => [g.op('Div', [x, y]), g.op('Div', [y, x])])).toBe('Div Div Sub');
    expect(await merged((g, x, y) => [g.op('Sum', [x, y, y]), g.op('Sum', [y, x, y])])).toBe('Sum Sum Sub');
  });

  it('tells attributes apart: values, tensors bit for bit, and defaults that are written out', async () => {
    const turned = (perm: number[]) => (g: GraphBuilder, x: string) => g.op('Transpose', [x], { perm });
    const pair = (a: (g: GraphBuilder, x: string) => string, b: (g: GraphBuilder, x: string) => string) =>
      merged((g, x) => [a(g, x), b(g, x)]);
    expect(await pair(turned([1, 0]), turned([1, 0]))).toBe('Transpose Sub');
    expect(await pair(turned([1, 0]), turned([0, 1]))).toBe('Transpose Transpose Sub');
    expect(await pair(turned([1, 0]), (g, x) => g.op('Transpose', [x]))).toBe('Transpose Transpose Sub');
    const constant = (value: number) => (g: GraphBuilder) => g.op('Constant', [], { value: float32([value]) });
    expect(await pair(constant(0), constant(-0))).toBe('Constant Constant Sub');
    expect(await pair(constant(0), constant(0))).toBe('Constant Sub');
  });

  it('merges nodes of several outputs when the same ones are there', async () => {
    const masked = (g: GraphBuilder, x: string, mask: string) =>
      g.ops('Dropout', [x], {}, { outputs: [g.fresh('out'), mask] });
    const split = (g: GraphBuilder, x: string) => g.ops('Split', [x], { num_outputs: 2 }, { outputs: 2 });
    expect(await merged((g, x) => [split(g, x)[0]!, split(g, x)[1]!])).toBe('Split Sub');
    const pair = (mask: string) => merged((g, x) => [masked(g, x, 'm')[0]!, masked(g, x, mask)[0]!]);
    expect(await pair('n')).toBe('Dropout Sub');
    expect(await pair('')).toBe('Dropout Dropout Sub');
  });

  it('keeps two outputs of the graph apart, and each of their names', async () => {
    const g = createGraphBuilder('outputs');
    const x = g.input('x', 'float32', [2, 2]);
    for (const name of ['a', 'b']) g.output(g.op('Tanh', [x], {}, { outputs: [name] }), 'float32', [2, 2]);
    const inner = g.op('Exp', [x]);
    g.output(g.op('Exp', [x], {}, { outputs: ['c'] }), 'float32', [2, 2]);
    g.output(g.op('Neg', [inner], {}, { outputs: ['d'] }), 'float32', [2, 2]);
    const { operators } = await applyPass(mergeCommonSubexpressions, g.model({ opset: 18 }), { x: feeds.x });
    expect(operators).toBe('Tanh Identity Exp Neg');
  });

  it('leaves random operators, nodes with subgraphs, other domains and other graphs alone', () => {
    const g = createGraphBuilder('kept');
    const x = g.input('x', 'float32', [2, 2]);
    const branch = createGraphBuilder('branch');
    branch.output(branch.op('Tanh', [x], {}, { outputs: ['t'] }), 'float32', [2, 2]);
    const branches = { then_branch: branch.graph(), else_branch: branch.graph() };
    const c = g.input('c', 'bool', []);
    const pairs = [0, 1].flatMap(() => [
      g.op('RandomNormalLike', [x], {}, { name: 'noise' }),
      g.op('If', [c], branches),
      g.op('Mystery', [x], {}, { domain: 'custom' }),
    ]);
    g.output(g.op('Sum', [...pairs, g.op('Tanh', [x])]), 'float32', [2, 2]);
    const model = g.model({ opset: 18, opsets: { custom: 1 } });
    const result = mergeCommonSubexpressions.run(model);
    expect(result.model).toBe(model);
    expect(result.findings).toEqual([
      { kind: 'skipped', where: 'noise_1', message: 'RandomNormalLike draws random numbers' },
    ]);
  });
});
