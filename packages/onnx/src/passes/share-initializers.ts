import { tensorBytes } from '../data-type.ts';
import { hasTrainingInfo } from '../io/decode.ts';
import type { Graph, Tensor } from '../model.ts';
import type { Finding, Pass } from '../pass.ts';
import { definedValues, mapSubgraphs, renameParameters, renameUses, subgraphs } from '../rewrite.ts';
import { sampleKey, tensorKey } from './content-key.ts';

/**
 * Stores equal constants once (tied weights, repeated scalars):
 *
 * 1. initializers of one graph with the same type, shape and elements, bit for bit: the first stays,
 * 2. an initializer of a subgraph that the graph around it has as well.
 *
 * Refused, with the reason where there is an equal one: initializers that are graph inputs (a run may override them) or
 * graph outputs; those that a quantization annotation describes; those with a documentation or metadata of their own;
 * names that a subgraph gives to a value of its own; models with training information, which may name initializers.
 * Sparse initializers, and constants inside Constant nodes (`foldConstants` lifts them), stay.
 */
export const shareInitializers: Pass = {
  name: 'share-initializers',
  run(model) {
    const findings: Finding[] = [];
    if (hasTrainingInfo(model)) {
      const message = 'initializers stay: the training information of the model may name them';
      return { model, findings: [{ kind: 'skipped', where: model.graph.name, message }] };
    }
    const graph = share(model.graph, candidates(model.graph), new Map(), findings);
    return { model: graph === model.graph ? model : { ...model, graph }, findings };
  },
};

/** `alike`: constants worth comparing; `outer`: names of those of the graphs around, by content. */
function share(
  graph: Graph,
  alike: ReadonlySet<Tensor>,
  outer: ReadonlyMap<string, string>,
  findings: Finding[],
): Graph {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const annotated = new Set(graph.quantization?.map(({ tensor }) => tensor));
  const own = definedValues(graph);
  const inside = namesInside(graph);
  const first = new Map(Array.from(outer).filter(([, name]) => !own.has(name)));
  const shared = new Map<string, string>();
  for (const [name, tensor] of graph.initializers) {
    if (inputs.has(name) || !alike.has(tensor)) continue;
    const key = tensorKey(tensor);
    const other = first.get(key);
    if (other === undefined) {
      if (!inside.has(name)) first.set(key, name);
      continue;
    }
    const reason = outputs.has(name)
      ? 'it is a graph output'
      : annotated.has(name)
        ? 'a quantization annotation describes it'
        : isDescribed(tensor) || graph.valueDetails?.has(name)
          ? 'it has a documentation or metadata of its own'
          : undefined;
    const message = `equal to ${JSON.stringify(other)}`;
    if (reason !== undefined) findings.push({ kind: 'skipped', where: name, message: `${message}, but ${reason}` });
    else {
      findings.push({ kind: 'patched', where: name, message: `${message}, ${tensorBytes(tensor)} bytes less` });
      shared.set(name, other);
    }
  }
  const nodes = graph.nodes.map((node) =>
    mapSubgraphs(renameUses(node, shared), (inner) => share(inner, alike, first, findings)),
  );
  if (shared.size === 0 && nodes.every((node, index) => node === graph.nodes[index])) return graph;
  const { quantization } = graph;
  return {
    ...graph,
    nodes,
    initializers: new Map(Array.from(graph.initializers).filter(([name]) => !shared.has(name))),
    types: new Map(Array.from(graph.types).filter(([name]) => !shared.has(name))),
    ...(quantization && { quantization: quantization.map((entry) => renameParameters(entry, shared)) }),
  };
}

/** The constants of a graph and its subgraphs that may have an equal one: another has the same size and samples. */
function candidates(graph: Graph): ReadonlySet<Tensor> {
  const constants: Tensor[] = [];
  const collect = (inner: Graph): void => {
    constants.push(...inner.initializers.values());
    for (const node of inner.nodes) subgraphs(node).forEach(collect);
  };
  collect(graph);
  const alike = groups(constants, ({ type, dims }) => `${type}[${dims}]`).flatMap((same) => groups(same, sampleKey));
  return new Set(alike.flat());
}

/** Groups of more than one item with the same key. */
function groups<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = found.get(key);
    if (group === undefined) found.set(key, [item]);
    else group.push(item);
  }
  return [...found.values()].filter(({ length }) => length > 1);
}

function isDescribed({ doc, metadata, unknown }: Tensor): boolean {
  return doc !== undefined || metadata !== undefined || unknown !== undefined;
}

/** Names of the values that the subgraphs of a graph define, at any depth. */
function namesInside(graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (inner: Graph): void => {
    for (const subgraph of inner.nodes.flatMap(subgraphs)) {
      for (const name of definedValues(subgraph)) names.add(name);
      visit(subgraph);
    }
  };
  visit(graph);
  return names;
}
