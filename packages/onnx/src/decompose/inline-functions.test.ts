import { describe, expect, it } from 'vitest';
import { createGraphBuilder } from '../builder.ts';
import { checkModel } from '../check/check-model.ts';
import { addGradients } from '../gradients/add-gradients.ts';
import type { Attribute, Graph, LocalFunction, Model, Node } from '../model.ts';
import { float32, scalar } from '../model.ts';
import { openReference } from '../reference/open-reference.ts';
import { inlineFunctions } from './inline-functions.ts';

const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  more: { readonly domain?: string; readonly attributes?: Readonly<Record<string, Attribute>> } = {},
): Node => ({ name: `${opType}.${outputs[0]}`, opType, domain: '', inputs, outputs, attributes: {}, ...more });

const ref = (name: string, type: number): Attribute => ({ kind: 'ref', value: name, type });

/** leaky(x, slope attribute = 0.5): LeakyRelu; twice(x): leaky of leaky with slope 0.25, its first result as well. */
const functions: readonly LocalFunction[] = [
  {
    domain: 'own',
    name: 'leaky',
    inputs: ['x', 'unused'],
    outputs: ['y'],
    attributeNames: [],
    attributes: { slope: { kind: 'float', value: 0.5 } },
    nodes: [node('LeakyRelu', ['x'], ['y'], { attributes: { alpha: ref('slope', 1) } })],
    opsets: { '': 17 },
  },
  {
    domain: 'own',
    name: 'twice',
    inputs: ['x'],
    outputs: ['y', 'first', 'x'],
    attributeNames: ['slope'],
    attributes: {},
    nodes: [
      node('leaky', ['x'], ['first'], { domain: 'own' }),
      node('leaky', ['first', ''], ['y'], { domain: 'own', attributes: { slope: ref('slope', 1) } }),
    ],
    opsets: { '': 17, own: 1 },
  },
];

/** Calls twice in the graph and leaky in a branch; a value of the graph is called like one of the function. */
function sample(more: Partial<Model> = {}): Model {
  const g = createGraphBuilder('caller');
  const x = g.input('x', 'float32', [2]);
  const first = g.op('Neg', [x], {}, { outputs: ['first'] });
  const slope: Attribute = { kind: 'float', value: 0.25 };
  const [y, inner, same] = g.ops('twice', [first], { slope }, { domain: 'own', outputs: ['a', 'b', 'c'] });
  const branch = (name: string, opType: string, domain: string): Graph => {
    const b = createGraphBuilder(name);
    return { ...b.graph(), outputs: [{ name: `${name}.y` }], nodes: [node(opType, [y!], [`${name}.y`], { domain })] };
  };
  const branches = { then_branch: branch('then', 'leaky', 'own'), else_branch: branch('else', 'Neg', '') };
  const chosen = g.op('If', [g.input('yes', 'bool', [])], branches);
  g.output(g.op('Sum', [chosen, inner!, same!]), 'float32', [2], 'y');
  return { ...g.model({ opset: 17, opsets: { own: 1 } }), functions, ...more };
}

const feeds = { x: float32([4, -4]), yes: { type: 'bool' as const, dims: [], data: Uint8Array.of(1) } };

describe('inline-functions', () => {
  it('inlines calls, nested and in subgraphs, with attributes and defaults, under names of their own', async () => {
    const { model, findings } = inlineFunctions.run(sample());
    checkModel(model);
    expect(model.functions).toBeUndefined();
    expect(model.graph.nodes.map((made) => made.opType)).toEqual([
      'Neg',
      'LeakyRelu',
      'LeakyRelu',
      'Identity',
      'If',
      'Sum',
      'Identity',
    ]);
    expect(findings.map(({ message }) => message)).toEqual(['own.twice by its 2 nodes', 'own.leaky by its 1 nodes']);
    const [before, after] = await Promise.all(
      [sample(), model].map(async (one) => (await openReference(one)).run(feeds)),
    );
    expect(after).toEqual(before);
    // x = 4: −4 → −2 → −0.5, and −0.25 in the branch; the sum takes −0.25, −2 and −4.
    expect(after!.y).toEqual(float32([-6.25, 12]));
  });

  it('is idempotent', () => {
    const { model } = inlineFunctions.run(sample());
    expect(inlineFunctions.run(model)).toEqual({ model, findings: [] });
    expect(inlineFunctions.run(model).model).toBe(model);
  });

  it('keeps a function that is written for another operator set, and what it calls', () => {
    const older = functions.map((made) => (made.name === 'twice' ? { ...made, opsets: { '': 15, own: 1 } } : made));
    const { model, findings } = inlineFunctions.run(sample({ functions: older }));
    expect(model.functions?.map(({ name }) => name)).toEqual(['leaky', 'twice']);
    expect(findings[0]).toEqual({
      kind: 'skipped',
      where: 'twice',
      message: 'own.twice is written for ai.onnx 15, the model has another version',
    });
  });

  it('takes over operator sets that only a function imports', () => {
    const fused = functions.map((made) => ({ ...made, opsets: { ...made.opsets, 'com.microsoft': 1 } }));
    expect(inlineFunctions.run(sample({ functions: fused })).model.opsets).toEqual({
      '': 17,
      own: 1,
      'com.microsoft': 1,
    });
  });

  it('refuses a function that calls itself', () => {
    const nodes = [node('leaky', ['x'], ['y'], { domain: 'own' })];
    const endless = functions.map((made) => (made.name === 'leaky' ? { ...made, nodes } : made));
    expect(() => inlineFunctions.run(sample({ functions: endless }))).toThrow(
      expect.objectContaining({
        code: 'ONNX_INVALID',
        message: expect.stringContaining('expected functions that do not call themselves, got own.leaky inside itself'),
      }),
    );
  });

  it('refuses functions that grow without bound', () => {
    const call = (name: string) => [0, 1].map((at) => node(name, ['x'], [at === 0 ? 'y' : 'z'], { domain: 'own' }));
    const chain = Array.from(
      { length: 24 },
      (_, at): LocalFunction => ({
        ...functions[0]!,
        name: at === 0 ? 'leaky' : `grow${at}`,
        nodes: at === 23 ? [node('Neg', ['x'], ['y'])] : call(`grow${at + 1}`),
      }),
    );
    expect(() => inlineFunctions.run(sample({ functions: [functions[1]!, ...chain] }))).toThrow(
      expect.objectContaining({ code: 'INLINE_TOO_LARGE' }),
    );
  });
});

describe('addGradients', () => {
  it('inlines calls and spells out operators on the path alone', async () => {
    const g = createGraphBuilder('called');
    const w = g.constant('w', float32([4, -4]));
    const fused = { domain: 'com.microsoft' };
    const aside = g.op('Gelu', [g.input('x', 'float32', [2])], {}, { ...fused, name: 'aside' });
    const on = g.op('QuickGelu', [g.op('leaky', [w], {}, { domain: 'own' })], {}, { ...fused, name: 'on' });
    g.output(g.op('ReduceSum', [g.op('Add', [aside, on])], { keepdims: 0 }), 'float32', [], 'loss');
    const opsets = { own: 1, 'com.microsoft': 1 };
    const called: Model = { ...g.model({ opset: 17, opsets }), functions };
    const { model } = addGradients(called, { loss: 'loss', parameters: ['w'] });
    const forward = model.graph.nodes.filter((made) => made.domain !== '').map((made) => made.name);
    expect(forward).toEqual(['aside']);
    const result = await (await openReference(model)).run({ x: float32([0, 0]), w: float32([0, 0]) });
    expect(result.loss).toEqual(scalar(0));
    // σ(0) = ½, and the slope of the leaky part is 1 at 0.
    expect(Array.from(result['grad/w']!.data as Float32Array)).toEqual([0.5, 0.5]);
  });
});
