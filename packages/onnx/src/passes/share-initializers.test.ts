import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder } from '../builder.ts';
import { encodeMessage } from '../io/message.ts';
import { float32, type Model, scalar, type Tensor } from '../model.ts';
import { shareInitializers } from './share-initializers.ts';

const x = float32([1, 2]);

/** y = x · a + b − c, with these constants. */
function model(
  constants: Readonly<Record<string, Tensor>>,
  change: (graph: Model['graph']) => Model['graph'] = (graph) => graph,
): Model {
  const g = createGraphBuilder('shared');
  let y = g.input('x', 'float32', [2]);
  for (const [name, tensor] of Object.entries(constants)) y = g.op('Mul', [y, g.constant(name, tensor)]);
  g.output(y, 'float32', [2]);
  const whole = g.model({ opset: 18 });
  return { ...whole, graph: change(whole.graph) };
}
const names = ({ graph }: Model) => [...graph.initializers.keys()];

describe('share-initializers', () => {
  it('stores equal constants once: same type, shape and bits', async () => {
    const constants = {
      a: float32([1, 2]),
      b: float32([1, 2]),
      shape: float32([1, 2], [1, 2]),
      c: scalar(0),
      negative: scalar(-0),
      d: scalar(0),
    };
    const given = model(constants, (graph) => graph);
    const flat = { ...given, graph: { ...given.graph, outputs: [{ name: given.graph.outputs[0]!.name }] } };
    const result = await applyPass(shareInitializers, flat, { x });
    expect(names(result.model)).toEqual(['a', 'shape', 'c', 'negative']);
    expect(result.findings.map(({ where, message }) => `${where}: ${message}`)).toEqual([
      'b: equal to "a", 8 bytes less',
      'd: equal to "c", 4 bytes less',
    ]);
  });

  it('lets a subgraph use the constant of the graph around it', async () => {
    const g = createGraphBuilder('outer');
    const y = g.op('Mul', [g.input('x', 'float32', [2]), g.constant('a', float32([3, 4]))]);
    const branch = createGraphBuilder('branch');
    const inner = branch.op('Mul', [y, branch.constant('i', float32([3, 4]))], {}, { outputs: ['p'] });
    branch.output(
      branch.op('Add', [inner, branch.constant('j', float32([3, 4]))], {}, { outputs: ['q'] }),
      'float32',
      [2],
    );
    const branches = { then_branch: branch.graph(), else_branch: branch.graph() };
    g.output(g.op('If', [g.input('c', 'bool', [])], branches), 'float32', [2]);
    const c: Tensor = { type: 'bool', dims: [], data: Uint8Array.of(1) };
    const result = await applyPass(shareInitializers, g.model({ opset: 18 }), { x, c });
    const { then_branch } = result.model.graph.nodes[1]!.attributes;
    expect(then_branch?.kind === 'graph' && [...then_branch.value.initializers.keys()]).toEqual([]);
    expect(then_branch?.kind === 'graph' && then_branch.value.nodes.map(({ inputs }) => inputs[1])).toEqual(['a', 'a']);
  });

  it('skips inputs, outputs, annotated and described constants, and models with training information', () => {
    const pair = { a: x, b: x };
    const cases: readonly (readonly [string, Model])[] = [
      ['', model(pair, (graph) => ({ ...graph, inputs: [...graph.inputs, { name: 'b' }] }))],
      ['it is a graph output', model(pair, (graph) => ({ ...graph, outputs: [...graph.outputs, { name: 'b' }] }))],
      [
        'a quantization annotation describes it',
        model(pair, (graph) => ({ ...graph, quantization: [{ tensor: 'b', parameters: {} }] })),
      ],
      ['it has a documentation or metadata of its own', model({ a: x, b: { ...x, doc: 'tied' } })],
      [
        'initializers stay: the training information of the model may name them',
        {
          ...model(pair),
          unknown: [encodeMessage('ModelProto', { training_info: [{ initialization: { name: 'i' } }] })],
        },
      ],
    ];
    for (const [reason, given] of cases) {
      const result = shareInitializers.run(given);
      expect(result.model).toBe(given);
      expect(result.findings.map(({ kind, message }) => `${kind} ${message}`).join()).toContain(reason && `skipped`);
      expect(result.findings.map(({ message }) => message).join()).toContain(reason);
    }
  });
});
