import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder } from '../builder.ts';
import { float32, type Graph, type Model, scalar, type Tensor } from '../model.ts';
import { inlineBranches } from './inline-branches.ts';

const x = float32([1, -2]);
const bool = (value: number): Tensor => ({ type: 'bool', dims: [], data: Uint8Array.of(value) });

/** then: (−x·2, x, −x·2); else: (|x|, 3, |x|). Both branches use the same names inside. */
function branches(): { then_branch: Graph; else_branch: Graph } {
  const then = createGraphBuilder('then');
  const minus = then.op('Neg', ['x'], {}, { outputs: ['inner'], name: 'inner node' });
  const product = then.op('Mul', [minus, then.constant('k', scalar(2))], {}, { outputs: ['product'] });
  const otherwise = createGraphBuilder('else');
  const size = otherwise.op('Abs', ['x'], {}, { outputs: ['inner'], name: 'inner node' });
  const three = otherwise.constant('k', float32([3, 3]));
  const outputs = (...names: string[]) => names.map((name) => ({ name }));
  return {
    then_branch: { ...then.graph(), outputs: outputs(product, 'x') },
    else_branch: { ...otherwise.graph(), outputs: outputs(size, three) },
  };
}

/** Two Ifs on the same branches, so that names inside are there twice. */
function model(first: Tensor, second: Tensor): Model {
  const g = createGraphBuilder('choices');
  g.input('x', 'float32', [2]);
  for (const [index, condition] of [first, second].entries()) {
    const made = g.ops('If', [g.constant('c', condition)], branches(), { outputs: [`a${index}`, `b${index}`] });
    for (const name of made) g.output(name, 'float32', [2]);
  }
  return g.model({ opset: 18 });
}

describe('inline-branches', () => {
  it('puts the branch that is always taken in the place of the If, names and initializers with it', async () => {
    const result = await applyPass(inlineBranches, model(bool(1), bool(1)), { x });
    expect(result.operators).toBe('Neg Mul Identity Neg Mul Identity');
    expect(result.model.graph.initializers.size).toBe(2);
    expect((await applyPass(inlineBranches, model(bool(0), bool(1)), { x })).operators).toBe(
      'Abs Identity Neg Mul Identity',
    );
  });

  it('inlines branches in branches, and in local functions', async () => {
    const g = createGraphBuilder('nested');
    g.input('x', 'float32', [2]);
    const outer = createGraphBuilder('outer');
    const made = outer.ops('If', ['yes'], branches(), { outputs: ['p', 'q'] });
    const graph = { ...outer.graph(), outputs: [{ name: made[0]! }] };
    g.constant('yes', bool(1));
    g.output(g.op('If', [g.input('c', 'bool', [])], { then_branch: graph, else_branch: graph }), 'float32', [2], 'y');
    g.output(g.op('F', ['x'], {}, { domain: 'local' }), 'float32', [2], 'z');
    const body = createGraphBuilder('body');
    const condition = body.op('Constant', [], { value: bool(0) }, { outputs: ['no'] });
    body.ops('If', [condition], branches(), { outputs: ['r', 's'] });
    const nodes = [
      ...body.graph().nodes,
      { name: '', opType: 'Add', domain: '', inputs: ['r', 's'], outputs: ['t'], attributes: {} },
    ];
    const local = {
      domain: 'local',
      name: 'F',
      inputs: ['x'],
      outputs: ['t'],
      attributeNames: [],
      attributes: {},
      nodes,
      opsets: { '': 18 },
    };
    const whole: Model = { ...g.model({ opset: 18, opsets: { local: 1 } }), functions: [local] };
    const result = await applyPass(inlineBranches, whole, { x, c: bool(1) });
    expect(result.operators).toBe('If(Neg Mul | Neg Mul) Identity F Identity');
    expect(result.model.functions![0]!.nodes.map(({ opType }) => opType)).toEqual([
      'Constant',
      'Abs',
      'Identity',
      'Add',
    ]);
  });

  it('keeps an If with a condition that is computed, and branches with annotations or sparse initializers', () => {
    const g = createGraphBuilder('computed');
    g.input('x', 'float32', [2]);
    const [y] = g.ops('If', [g.input('c', 'bool', [])], branches(), { outputs: ['y', ''] });
    g.output(y!, 'float32', [2]);
    const computed = g.model({ opset: 18 });
    expect(inlineBranches.run(computed)).toEqual({ model: computed, findings: [] });
    const index: Tensor = { type: 'int64', dims: [0], data: new BigInt64Array(0) };
    const sparse = { dims: [2], values: float32([]), indices: index };
    const extras: readonly (readonly [Partial<Graph>, string])[] = [
      [{ quantization: [{ tensor: 'inner', parameters: {} }] }, 'the then_branch has quantization annotations'],
      [{ sparseInitializers: new Map([['s', sparse]]) }, 'the then_branch has a sparse initializer'],
    ];
    for (const [extra, reason] of extras) {
      const { then_branch, else_branch } = branches();
      const h = createGraphBuilder('kept');
      h.input('x', 'float32', [2]);
      const attributes = { then_branch: { ...then_branch, ...extra }, else_branch };
      h.output(h.ops('If', [h.constant('c', bool(1))], attributes, { outputs: ['y', 'z'] })[0]!, 'float32', [2]);
      const given = h.model({ opset: 18 });
      const { model: next, findings } = inlineBranches.run(given);
      expect(next).toBe(given);
      expect(findings).toEqual([{ kind: 'skipped', where: 'If', message: reason }]);
    }
  });
});
