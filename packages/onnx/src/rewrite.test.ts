import { describe, expect, it } from 'vitest';
import { sample } from '../test/pass-sample.ts';
import { float32, type Graph } from './model.ts';
import { createNames, freeValues, indexGraph, renameUses, renameValue, renameValues, replaceNodes } from './rewrite.ts';

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

  it('renames many values at once, and only the uses of a node', () => {
    const { graph } = sample();
    const names = new Map([
      ['kept', 'factor'],
      ['product.out', 'kept'],
    ]);
    const next = renameValues(graph, names);
    const choice = next.nodes.find(({ name }) => name === 'choice')!;
    const { then_branch } = choice.attributes;
    expect(then_branch?.kind === 'graph' && then_branch.value.nodes[0]!.inputs).toEqual(['kept', 'factor']);
    expect([...next.initializers.keys()]).toEqual(['w', 'factor', 'dead']);
    expect(renameValues(graph, new Map([['nowhere', 'z']]))).toBe(graph);
    const product = graph.nodes.find(({ name }) => name === 'product')!;
    expect(renameUses(product, new Map([['product.out', 'p']]))).toBe(product);
    expect(renameUses(product, new Map([['x', 'p']])).inputs).toEqual(['p', 'w']);
  });

  it('makes names that nothing has, in subgraphs neither', () => {
    const fresh = createNames(sample());
    expect(['z', 'choice', 'x', 'new', 'new'].map(fresh)).toEqual(['z_1', 'choice_1', 'x_1', 'new', 'new_1']);
  });
});
