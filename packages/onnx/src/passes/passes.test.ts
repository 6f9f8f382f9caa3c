import { describe, expect, it } from 'vitest';
import { createGraphBuilder } from '../builder.ts';
import { SlmError } from '../errors.ts';
import { decodeModel } from '../io/decode.ts';
import { encodeModel } from '../io/encode.ts';
import { encodeMessage } from '../io/message.ts';
import { float32, type Graph, type Model } from '../model.ts';
import type { Pass } from '../pass.ts';
import { freeValues, indexGraph, renameValue, replaceNodes } from '../rewrite.ts';
import { removeDeadNodes } from './remove-dead-nodes.ts';
import { runPasses } from './run-passes.ts';

/** y = relu(x · w); a dead branch d1 → d2 with an initializer of its own; `kept` is used by a subgraph only. */
function sample(): Model {
  const g = createGraphBuilder('sample');
  const x = g.input('x', 'float32', [2, 2]);
  const w = g.constant('w', float32([1, 2, 3, 4], [2, 2]));
  g.constant('kept', float32([1], []));
  g.op('Tanh', [g.op('Add', [x, g.constant('dead', float32([1], []))], {}, { name: 'd1' })], {}, { name: 'd2' });
  const product = g.op('MatMul', [x, w], {}, { name: 'product' });
  const branch = createGraphBuilder('branch');
  branch.output(branch.op('Mul', [product, 'kept'], {}, { outputs: ['z'] }), 'float32', [2, 2]);
  const body = branch.graph();
  g.output(
    g.op('If', [g.input('c', 'bool', [])], { then_branch: body, else_branch: body }, { name: 'choice' }),
    'float32',
    [2, 2],
    'y',
  );
  return g.model({ opset: 17 });
}

describe('rewriting', () => {
  it('indexes producers and consumers, subgraphs included', () => {
    const { graph } = sample();
    const { producer, consumers } = indexGraph(graph);
    expect(producer.get('product.out')!.name).toBe('product');
    expect(producer.has('x')).toBe(false);
    expect(consumers.get('x')!.map(({ name }) => name)).toEqual(['d1', 'product']);
    expect(consumers.get('product.out')!.map(({ name }) => name)).toEqual(['choice']);
    expect(consumers.get('kept')!.map(({ name }) => name)).toEqual(['choice']);
    expect(consumers.has('y')).toBe(false);
  });

  it('replaces nodes in place and drops types of values that are gone', () => {
    const { graph } = sample();
    const typed: Graph = {
      ...graph,
      types: new Map([
        ['d2.out', { type: 'float32' }],
        ['product.out', { type: 'float32' }],
      ]),
    };
    const product = graph.nodes.find(({ name }) => name === 'product')!;
    const d2 = graph.nodes.find(({ name }) => name === 'd2')!;
    const next = replaceNodes(typed, {
      replace: new Map([
        [product, [{ ...product, opType: 'Gemm' }]],
        [d2, []],
      ]),
      initializers: new Map([['v', float32([1])]]),
    });
    expect(next.nodes.map(({ opType }) => opType)).toEqual(['Add', 'Gemm', 'If', 'Identity']);
    expect([...next.types.keys()]).toEqual(['product.out']);
    expect([...next.initializers.keys()]).toEqual(['w', 'kept', 'dead', 'v']);
    expect(replaceNodes(graph, { replace: new Map() })).toBe(graph);
  });

  it('renames a value everywhere', () => {
    const { graph } = sample();
    const next = renameValue(renameValue(renameValue(graph, 'kept', 'factor'), 'y', 'result'), 'product.out', 'p');
    expect(next.initializers.has('factor')).toBe(true);
    expect(next.outputs[0]!.name).toBe('result');
    const choice = next.nodes.find(({ name }) => name === 'choice')!;
    const { then_branch } = choice.attributes;
    expect(then_branch?.kind === 'graph' && [...freeValues(then_branch.value)]).toEqual(['p', 'factor']);
    expect(indexGraph(next).producer.get('p')!.name).toBe('product');
    expect(renameValue(graph, 'nowhere', 'z')).toBe(graph);
  });
});

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
});

describe('runPasses', () => {
  const rename: Pass = {
    name: 'rename',
    run: (model) => ({ model: { ...model, graph: renameValue(model.graph, 'w', 'v') }, findings: [] }),
  };
  const breaking: Pass = {
    name: 'break',
    run: (model) => ({ model: { ...model, graph: { ...model.graph, initializers: new Map() } }, findings: [] }),
  };
  const refusing: Pass = {
    name: 'refuse',
    run: () => {
      throw new SlmError('NO_WEIGHTS', 'node "a": expected a weight, got none');
    },
  };

  it('reports sizes and findings of every pass', () => {
    const seen: string[] = [];
    const { model, reports } = runPasses(sample(), [removeDeadNodes, rename, removeDeadNodes], {
      onPass: ({ pass }) => seen.push(pass),
    });
    expect(seen).toEqual(['remove-dead-nodes', 'rename', 'remove-dead-nodes']);
    expect(reports.map(({ changed }) => changed)).toEqual([true, true, false]);
    expect(reports[0]).toMatchObject({
      before: { nodes: 7, parameters: 6, bytes: 24 },
      after: { nodes: 5, parameters: 5, bytes: 20 },
    });
    expect(model.graph.initializers.has('v')).toBe(true);
  });

  it('names the pass that fails and those before it', () => {
    const run = (passes: readonly Pass[]) => () => runPasses(sample(), passes);
    expect(run([removeDeadNodes, refusing])).toThrow(
      'pass 2 of 2, refuse (after remove-dead-nodes): node "a": expected a weight, got none',
    );
    expect(run([refusing])).toThrow(expect.objectContaining({ code: 'NO_WEIGHTS' }));
    expect(run([breaking])).toThrow(
      'pass 1 of 1, break: graph, node "d1" (Add): expected defined inputs, got unknown value "dead"',
    );
    expect(run([breaking])).toThrow(expect.objectContaining({ code: 'PASS_INVALID_MODEL' }));
  });
});
