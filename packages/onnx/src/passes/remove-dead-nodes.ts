import { hasTrainingInfo } from '../io/decode.ts';
import type { Graph } from '../model.ts';
import type { Finding, Pass } from '../pass.ts';
import { usedValues } from '../rewrite.ts';

/**
 * Removes what no graph output depends on:
 *
 * 1. nodes none of whose outputs are used (a use inside a subgraph counts),
 * 2. initializers, dense or sparse, that nothing uses, and types and annotations of values that are gone.
 *
 * Kept: graph inputs; the initializer of a graph input, which is its default value; initializers that a quantization
 * annotation of a live value names; all initializers of a model with training information, which may name them.
 */
export const removeDeadNodes: Pass = {
  name: 'remove-dead-nodes',
  run(model) {
    const findings: Finding[] = [];
    const training = hasTrainingInfo(model);
    const graph = prune(model.graph, training, findings);
    if (training) {
      const message = 'initializers stay: the training information of the model may name them';
      findings.push({ kind: 'skipped', where: model.graph.name, message });
    }
    return { model: graph === model.graph ? model : { ...model, graph }, findings };
  },
};

function prune(graph: Graph, keepInitializers: boolean, findings: Finding[]): Graph {
  const live = new Set(graph.outputs.map((output) => output.name));
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((output) => output !== '' && live.has(output))) {
        findings.push({
          kind: 'patched',
          where: node.name || node.outputs.join(' '),
          message: `unused ${node.opType}`,
        });
        return false;
      }
      for (const value of usedValues(node)) live.add(value);
      return true;
    })
    .reverse();
  for (const annotation of graph.quantization ?? []) {
    if (live.has(annotation.tensor)) for (const value of Object.values(annotation.parameters)) live.add(value);
  }
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const stays = (name: string): boolean => {
    if (keepInitializers || live.has(name) || inputs.has(name)) return true;
    findings.push({ kind: 'patched', where: name, message: 'unused initializer' });
    return false;
  };
  const initializers = filterMap(graph.initializers, stays);
  const sparse = graph.sparseInitializers && filterMap(graph.sparseInitializers, stays);
  if (
    nodes.length === graph.nodes.length &&
    initializers.size === graph.initializers.size &&
    sparse?.size === graph.sparseInitializers?.size
  ) {
    return graph;
  }
  const defined = new Set([...inputs, ...initializers.keys(), ...(sparse?.keys() ?? [])]);
  for (const node of nodes) for (const output of node.outputs) defined.add(output);
  return {
    ...graph,
    nodes,
    initializers,
    types: filterMap(graph.types, (name) => defined.has(name)),
    ...(sparse && { sparseInitializers: sparse }),
    ...(graph.valueDetails && { valueDetails: filterMap(graph.valueDetails, (name) => defined.has(name)) }),
    ...(graph.quantization && { quantization: graph.quantization.filter(({ tensor }) => defined.has(tensor)) }),
  };
}

function filterMap<T>(map: ReadonlyMap<string, T>, keep: (name: string) => boolean): ReadonlyMap<string, T> {
  return new Map(Array.from(map).filter(([name]) => keep(name)));
}
