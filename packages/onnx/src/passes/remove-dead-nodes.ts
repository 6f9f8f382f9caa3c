import { hasTrainingInfo } from '../io/decode.ts';
import type { Graph, LocalFunction, Model, Node } from '../model.ts';
import { isDefaultDomain, rowOf } from '../operator.ts';
import type { Finding, Pass, PassResult } from '../pass.ts';
import { definedValues, mapSubgraphs, subgraphs, usedValues } from '../rewrite.ts';

/**
 * Removes what no graph output depends on, in the graph, its subgraphs and the local functions:
 *
 * 1. nodes none of whose outputs are used (a use inside a subgraph counts),
 * 2. optional outputs that nothing uses, of the operators of {@link optionalOutputs}: the mask of a Dropout, the
 *    statistics of a LayerNormalization,
 * 3. initializers, dense or sparse, that nothing uses, and types, details and annotations of values that are gone,
 * 4. local functions that nothing calls,
 * 5. versions of operator-set domains, other than ai.onnx, that no node uses.
 *
 * Kept: graph inputs; the initializer of a graph input, which is its default value; initializers that a quantization
 * annotation of a live value names; all initializers of a model with training information, which may name them; other
 * outputs of a node, whose number has a meaning (Split, BatchNormalization).
 */
export const removeDeadNodes: Pass = { name: 'remove-dead-nodes', run: pruneModel };

/** By operator: the first of the outputs that may be left out. */
const optionalOutputs: Readonly<Record<string, number>> = {
  Dropout: 1,
  GRU: 0,
  LSTM: 0,
  LayerNormalization: 1,
  MaxPool: 1,
  RNN: 0,
  'com.microsoft.SkipLayerNormalization': 1,
  'com.microsoft.SkipSimplifiedLayerNormalization': 1,
};

/** What {@link removeDeadNodes} does. */
export function pruneModel(model: Model): PassResult {
  const findings: Finding[] = [];
  const training = hasTrainingInfo(model);
  const graph = pruneGraph(model.graph, training, findings);
  if (training) {
    const message = 'initializers stay: the training information of the model may name them';
    findings.push({ kind: 'skipped', where: model.graph.name, message });
  }
  const functions = model.functions && pruneFunctions(graph, model.functions, training, findings);
  const opsets = pruneOpsets(model.opsets, graph, functions ?? [], findings);
  const same = graph === model.graph && functions === model.functions && opsets === model.opsets;
  return { model: same ? model : { ...model, graph, opsets, ...(functions && { functions }) }, findings };
}

function pruneGraph(graph: Graph, keepInitializers: boolean, findings: Finding[]): Graph {
  const live = new Set(graph.outputs.map((output) => output.name));
  const nodes = pruneNodes(graph.nodes, live, keepInitializers, findings);
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
    nodes === graph.nodes &&
    initializers.size === graph.initializers.size &&
    sparse?.size === graph.sparseInitializers?.size
  ) {
    return graph;
  }
  const pruned: Graph = { ...graph, nodes, initializers, ...(sparse && { sparseInitializers: sparse }) };
  const defined = definedValues(pruned);
  return {
    ...pruned,
    types: filterMap(graph.types, (name) => defined.has(name)),
    ...(graph.valueDetails && { valueDetails: filterMap(graph.valueDetails, (name) => defined.has(name)) }),
    ...(graph.quantization && { quantization: graph.quantization.filter(({ tensor }) => defined.has(tensor)) }),
  };
}

/** The live nodes; what they use is added to `live`. The same list when nothing goes. */
function pruneNodes(
  nodes: readonly Node[],
  live: Set<string>,
  keepInitializers: boolean,
  findings: Finding[],
): readonly Node[] {
  const kept: Node[] = [];
  for (const node of nodes.toReversed()) {
    const where = node.name || node.outputs.join(' ');
    if (!node.outputs.some((output) => output !== '' && live.has(output))) {
      findings.push({ kind: 'patched', where, message: `unused ${node.opType}` });
      continue;
    }
    let next = mapSubgraphs(node, (graph) => pruneGraph(graph, keepInitializers, findings));
    const first = rowOf(optionalOutputs, node) ?? Number.POSITIVE_INFINITY;
    const unused = node.outputs.filter((output, index) => index >= first && output !== '' && !live.has(output));
    if (unused.length > 0) {
      findings.push({ kind: 'patched', where, message: `unused output ${unused.join(', ')}` });
      const outputs = next.outputs.map((output) => (unused.includes(output) ? '' : output));
      next = { ...next, outputs: outputs.slice(0, outputs.findLastIndex((output) => output !== '') + 1) };
    }
    for (const value of usedValues(next)) live.add(value);
    kept.push(next);
  }
  kept.reverse();
  return kept.length === nodes.length && kept.every((node, index) => node === nodes[index]) ? nodes : kept;
}

function pruneFunctions(
  graph: Graph,
  functions: readonly LocalFunction[],
  keepInitializers: boolean,
  findings: Finding[],
): readonly LocalFunction[] {
  const bodies = functions.map((local) => {
    const nodes = pruneNodes(local.nodes, new Set(local.outputs), keepInitializers, findings);
    return nodes === local.nodes ? local : { ...local, nodes };
  });
  const called = new Set<string>();
  const visit = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      for (const inner of subgraphs(node)) visit(inner.nodes);
      const key = `${node.domain}:${node.opType}`;
      if (called.has(key)) continue;
      called.add(key);
      for (const local of bodies) if (key === `${local.domain}:${local.name}`) visit(local.nodes);
    }
  };
  visit(graph.nodes);
  const kept = bodies.filter((local) => {
    if (called.has(`${local.domain}:${local.name}`)) return true;
    findings.push({ kind: 'patched', where: local.name, message: 'local function that nothing calls' });
    return false;
  });
  return kept.length === functions.length && kept.every((local, index) => local === functions[index])
    ? functions
    : kept;
}

function pruneOpsets(
  opsets: Model['opsets'],
  graph: Graph,
  functions: readonly LocalFunction[],
  findings: Finding[],
): Model['opsets'] {
  const used = new Set<string>();
  const visit = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      used.add(node.domain);
      for (const inner of subgraphs(node)) visit(inner.nodes);
    }
  };
  visit(graph.nodes);
  for (const local of functions) {
    used.add(local.domain);
    visit(local.nodes);
  }
  const gone = Object.keys(opsets).filter((domain) => !isDefaultDomain(domain) && !used.has(domain));
  if (gone.length === 0) return opsets;
  for (const domain of gone) findings.push({ kind: 'patched', where: domain, message: 'unused operator-set domain' });
  return Object.fromEntries(Object.entries(opsets).filter(([domain]) => !gone.includes(domain)));
}

function filterMap<T>(map: ReadonlyMap<string, T>, keep: (name: string) => boolean): ReadonlyMap<string, T> {
  return new Map(Array.from(map).filter(([name]) => keep(name)));
}
