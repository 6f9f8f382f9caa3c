import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { sample } from '../../test/pass-sample.ts';
import { createGraphBuilder } from '../builder.ts';
import { decodeModel } from '../io/decode.ts';
import { encodeModel } from '../io/encode.ts';
import { encodeMessage } from '../io/message.ts';
import { float32, int64, type LocalFunction, type Model, type Node, scalar } from '../model.ts';
import { removeDeadNodes } from './remove-dead-nodes.ts';

describe('remove-dead-nodes', () => {
  it('removes unused nodes and initializers, and says which', () => {
    const { model, findings } = removeDeadNodes.run(sample());
    expect(model.graph.nodes.map(({ name }) => name)).toEqual(['product', 'choice', 'Identity']);
    expect([...model.graph.initializers.keys()]).toEqual(['w', 'kept']);
    expect(findings.map(({ where, message }) => `${where}: ${message}`)).toEqual([
      'd2: unused Tanh',
      'd1: unused Add',
      'dead: unused initializer',
    ]);
  });

  it('returns the same model when nothing is dead', () => {
    const { model } = removeDeadNodes.run(sample());
    expect(removeDeadNodes.run(model)).toEqual({ model, findings: [] });
    expect(removeDeadNodes.run(model).model).toBe(model);
  });

  it('keeps initializers that an annotation, an input or training information names', () => {
    const whole = sample();
    const { graph } = whole;
    const annotated = { ...graph, quantization: [{ tensor: 'w', parameters: { SCALE_TENSOR: 'dead' } }] };
    expect(removeDeadNodes.run({ ...whole, graph: annotated }).model.graph.initializers.has('dead')).toBe(true);
    const defaulted = { ...graph, inputs: [...graph.inputs, { name: 'dead' }] };
    expect(removeDeadNodes.run({ ...whole, graph: defaulted }).model.graph.initializers.has('dead')).toBe(true);
    const training = [encodeMessage('ModelProto', { training_info: [{ initialization: { name: 'i' } }] })];
    const result = removeDeadNodes.run(decodeModel(encodeModel({ ...whole, unknown: training })));
    expect(result.model.graph.initializers.has('dead')).toBe(true);
    expect(result.findings.at(-1)).toMatchObject({ kind: 'skipped' });
  });

  it('removes unused nodes and initializers of subgraphs, and what only they used outside', async () => {
    const g = createGraphBuilder('outer');
    const x = g.input('x', 'float32', [2]);
    const only = g.op('Exp', [x], {}, { name: 'only' });
    const body = createGraphBuilder('body');
    body.input('i', 'int64', []);
    body.input('more', 'bool', []);
    const state = body.input('state', 'float32', [2]);
    body.op('Mul', [only, body.constant('factor', scalar(2))], {}, { name: 'lost', outputs: ['lost'] });
    body.output(body.op('Identity', ['more'], {}, { outputs: ['again'] }), 'bool', []);
    body.output(body.op('Add', [state, x], {}, { outputs: ['next'] }), 'float32', [2]);
    const count = g.constant('count', int64([3], []));
    g.output(g.op('Loop', [count, '', x], { body: body.graph() }), 'float32', [2]);
    const result = await applyPass(removeDeadNodes, g.model({ opset: 18 }), { x: float32([1, 2]) });
    expect(result.operators).toBe('Loop(Identity Add)');
    expect(result.findings.map(({ where }) => where)).toEqual(['lost', 'factor', 'only']);
  });

  it('leaves out optional outputs that nothing uses, but not the parts of a Split', async () => {
    const g = createGraphBuilder('outputs');
    const x = g.input('x', 'float32', [2, 4]);
    const scale = g.constant('scale', float32([1, 2, 1, 2]));
    const normal = g.ops('LayerNormalization', [x, scale, ''], {}, { outputs: ['n', 'mean', 'deviation'] });
    const parts = g.ops(
      'Split',
      [g.op('Mul', [normal[0]!, normal[2]!])],
      { num_outputs: 2, axis: 1 },
      { outputs: ['p', 'q'] },
    );
    const [dropped] = g.ops('Dropout', [parts[0]!], {}, { outputs: ['d', 'mask'] });
    g.output(dropped!, 'float32', [2, 2]);
    const { model } = await applyPass(removeDeadNodes, g.model({ opset: 18 }), {
      x: float32([1, 2, 3, 5, 5, 6, 7, 9], [2, 4]),
    });
    expect(model.graph.nodes.map(({ outputs }) => outputs)).toEqual([
      ['n', '', 'deviation'],
      ['Mul.out'],
      ['p', 'q'],
      ['d'],
    ]);
  });

  it('removes functions that nothing calls, unused nodes of the others, and unused operator-set domains', async () => {
    const node = (opType: string, inputs: string[], output: string, domain = ''): Node => {
      return { name: '', opType, domain, inputs, outputs: [output], attributes: {} };
    };
    const local = (name: string, nodes: readonly Node[]): LocalFunction => {
      const opsets = { '': 18, local: 1 };
      return {
        domain: 'local',
        name,
        inputs: ['a'],
        outputs: ['r'],
        attributeNames: [],
        attributes: {},
        nodes,
        opsets,
      };
    };
    const g = createGraphBuilder('calls');
    g.output(g.op('F', [g.input('x', 'float32', [2])], {}, { domain: 'local' }), 'float32', [2]);
    const model: Model = {
      ...g.model({ opset: 18, opsets: { local: 1, 'com.microsoft': 1 } }),
      functions: [
        local('F', [node('Exp', ['a'], 'unused'), node('G', ['a'], 'r', 'local')]),
        local('G', [node('Neg', ['a'], 'r')]),
        local('H', [node('F', ['a'], 'r', 'local')]),
      ],
    };
    const result = await applyPass(removeDeadNodes, model, { x: float32([1, 2]) });
    expect(result.model.functions!.map(({ name, nodes }) => [name, nodes.map(({ opType }) => opType)])).toEqual([
      ['F', ['G']],
      ['G', ['Neg']],
    ]);
    expect(result.model.opsets).toEqual({ '': 18, local: 1 });
    expect(result.findings.map(({ where, message }) => `${where}: ${message}`)).toEqual([
      'unused: unused Exp',
      'H: local function that nothing calls',
      'com.microsoft: unused operator-set domain',
    ]);
  });
});
