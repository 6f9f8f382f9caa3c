import { hasReferenceKernel, type Model, type Node, operatorKey, subgraphs } from '@slm-compress/onnx';

/** An operator of the model that the reference interpreter has no kernel for. */
export function uncoveredBy(model: Model): string | undefined {
  const functions = new Set((model.functions ?? []).map((local) => `${local.domain}.${local.name}`));
  const node = nodesOf(model).find(
    (node) => !hasReferenceKernel(node) && !functions.has(`${node.domain}.${node.opType}`),
  );
  return node && operatorKey(node);
}

/** False for a model that draws numbers: there is nothing to compare with. Dropout draws where it is told that it trains. */
export function isComparable(model: Model): boolean {
  return !nodesOf(model).some(
    ({ opType, inputs }) =>
      /^(Bernoulli|Random\w*|Multinomial)$/.test(opType) || (opType === 'Dropout' && (inputs[2] ?? '') !== ''),
  );
}

function nodesOf(model: Model): readonly Node[] {
  const walk = (nodes: readonly Node[]): readonly Node[] =>
    nodes.flatMap((node) => [node, ...subgraphs(node).flatMap((graph) => walk(graph.nodes))]);
  return [model.graph.nodes, ...(model.functions ?? []).map((local) => local.nodes)].flatMap(walk);
}
