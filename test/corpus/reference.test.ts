import {
  decodeModel,
  evaluateReference,
  hasReferenceKernel,
  type Model,
  type Node,
  subgraphs,
} from '@slm-compress/onnx';
import { describe, expect, test } from 'vitest';
import { corpusFolder, readCases } from './cases.ts';
import { countSkips } from './skips.ts';
import { difference, feedsOf, readValue } from './values.ts';

const cases = corpusFolder === undefined ? [] : readCases(corpusFolder);
const named = cases.map((entry) => [entry.name, entry] as const);
const skip = countSkips('reference interpreter');

/** Operators whose outputs are drawn at random: there is nothing to compare with. */
const random = /^(Bernoulli|Random\w*|Multinomial)$/;

describe.skipIf(cases.length === 0)('the reference interpreter gives the expected outputs', () => {
  test.for(named)('%s', ([, { bytes, sets }], context) => {
    if (sets.length === 0) skip(context, 'comes without inputs and outputs');
    const model = decodeModel(bytes);
    const uncovered = nodesOf(model).find((node) => !hasReferenceKernel(node) && !isFunction(model, node));
    if (uncovered)
      skip(context, `${uncovered.domain ? `${uncovered.domain}.` : ''}${uncovered.opType} is not in the table`);
    const drawn = nodesOf(model).find((node) => random.test(node.opType));
    if (drawn) skip(context, `the outputs of ${drawn.opType} are random`);
    for (const { inputs, outputs } of sets) {
      const given = evaluateReference(model, feedsOf(model.graph, inputs));
      for (const [index, bytes] of outputs.entries()) {
        const output = model.graph.outputs[index]!;
        expect(difference(given[output.name], readValue(bytes, output)), output.name).toBeUndefined();
      }
    }
  });
});

function nodesOf(model: Model): readonly Node[] {
  const walk = (nodes: readonly Node[]): readonly Node[] =>
    nodes.flatMap((node) => [node, ...subgraphs(node).flatMap((graph) => walk(graph.nodes))]);
  return [model.graph.nodes, ...(model.functions ?? []).map((local) => local.nodes)].flatMap(walk);
}

function isFunction(model: Model, node: Node): boolean {
  return (model.functions ?? []).some((local) => local.name === node.opType && local.domain === node.domain);
}
