import { byteLength } from '../data-type.ts';
import { hasTrainingInfo } from '../io/decode.ts';
import type { Graph, Tensor } from '../model.ts';
import type { Finding, Pass } from '../pass.ts';
import { definedValues, mapSubgraphs, renameParameters, renameUses } from '../rewrite.ts';
import { tensorKey } from './content-key.ts';

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
    const graph = share(model.graph, new Map(), findings);
    return { model: graph === model.graph ? model : { ...model, graph }, findings };
  },
};

/** `outer`: names of the constants of the graphs around, by content. */
function share(graph: Graph, outer: ReadonlyMap<string, string>, findings: Finding[]): Graph {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const annotated = new Set(graph.quantization?.map(({ tensor }) => tensor));
  const own = definedValues(graph);
  const inside = namesInside(graph);
  const keys = keysOf(graph, inputs, outer);
  const first = new Map(Array.from(outer).filter(([, name]) => !own.has(name)));
  const shared = new Map<string, string>();
  for (const [name, tensor] of graph.initializers) {
    const key = keys.get(name);
    if (key === undefined) continue;
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
      findings.push({ kind: 'patched', where: name, message: `${message}, ${byteLength(tensor.data)} bytes less` });
      shared.set(name, other);
    }
  }
  const nodes = graph.nodes.map((node) =>
    mapSubgraphs(renameUses(node, shared), (inner) => share(inner, first, findings)),
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

/** The content of each initializer that is no input; only where another of its size is there, hashing being the cost. */
function keysOf(
  graph: Graph,
  inputs: ReadonlySet<string>,
  outer: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const sizes = new Map<string, number>();
  const sizeOf = ({ type, dims }: Tensor) => `${type}[${dims}]`;
  for (const key of outer.keys()) sizes.set(key.slice(0, key.indexOf(']') + 1), 2);
  for (const tensor of graph.initializers.values()) sizes.set(sizeOf(tensor), (sizes.get(sizeOf(tensor)) ?? 0) + 1);
  const hasInner = graph.nodes.some((node) =>
    Object.values(node.attributes).some(({ kind }) => /^graphs?$/.test(kind)),
  );
  const keys = new Map<string, string>();
  for (const [name, tensor] of graph.initializers) {
    if (!inputs.has(name) && (hasInner || sizes.get(sizeOf(tensor))! > 1)) keys.set(name, tensorKey(tensor));
  }
  return keys;
}

function isDescribed({ doc, metadata, unknown }: Tensor): boolean {
  return doc !== undefined || metadata !== undefined || unknown !== undefined;
}

/** Names of the values that the subgraphs of a graph define, at any depth. */
function namesInside(graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (inner: Graph): void => {
    for (const node of inner.nodes) {
      mapSubgraphs(node, (subgraph) => {
        for (const name of definedValues(subgraph)) names.add(name);
        visit(subgraph);
        return subgraph;
      });
    }
  };
  visit(graph);
  return names;
}
