import type { Attribute, Graph, Node, QuantizationAnnotation, Tensor, TensorType, ValueInfo } from './model.ts';

/** Who makes and who uses each value of a graph. */
export interface GraphIndex {
  /** The node that makes a value; graph inputs and initializers have none. */
  readonly producer: Map<string, Node>;
  /** The nodes that use a value, in graph order, each once; a use inside a subgraph counts for the node that holds it. */
  readonly consumers: Map<string, readonly Node[]>;
}

/** Indexes a graph by value. Unused values have no entry in `consumers`. */
export function indexGraph(graph: Graph): GraphIndex {
  const producer = new Map<string, Node>();
  const consumers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== '') producer.set(output, node);
    for (const input of usedValues(node)) {
      const known = consumers.get(input);
      if (known === undefined) consumers.set(input, [node]);
      else known.push(node);
    }
  }
  return { producer, consumers };
}

/** The values a node uses: its inputs, and what its subgraphs take from outside. Omitted inputs are left out. */
export function usedValues(node: Node): ReadonlySet<string> {
  const used = new Set(node.inputs);
  for (const graph of subgraphs(node)) for (const value of freeValues(graph)) used.add(value);
  used.delete('');
  return used;
}

/** The graphs in a node's attributes. */
export function subgraphs(node: Node): readonly Graph[] {
  return Object.values(node.attributes).flatMap((attribute) => {
    if (attribute.kind === 'graph') return [attribute.value];
    return attribute.kind === 'graphs' ? attribute.value : [];
  });
}

/** The values that a subgraph uses and does not define. */
export function freeValues(graph: Graph): ReadonlySet<string> {
  const defined = new Set<string>([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  for (const name of graph.sparseInitializers?.keys() ?? []) defined.add(name);
  const free = new Set<string>();
  for (const node of graph.nodes) {
    for (const value of usedValues(node)) if (!defined.has(value)) free.add(value);
    for (const output of node.outputs) defined.add(output);
  }
  for (const { name } of graph.outputs) if (!defined.has(name)) free.add(name);
  return free;
}

/** A change of a graph, made in one go by {@link replaceNodes}. */
export interface GraphPatch {
  /** What stands in the place of a node: none removes it. Nodes are compared by identity. */
  readonly replace: ReadonlyMap<Node, readonly Node[]>;
  /** Initializers to add or exchange. */
  readonly initializers?: ReadonlyMap<string, Tensor>;
  /** Types of new or changed values. */
  readonly types?: ReadonlyMap<string, TensorType>;
}

/**
 * Applies a patch; replacements take the place of the node, so that topological order holds when they use only values
 * defined before it. Values that nothing makes any more lose their type. The same graph when the patch is empty.
 */
export function replaceNodes(graph: Graph, patch: GraphPatch): Graph {
  const { replace, initializers, types } = patch;
  if (replace.size === 0 && (initializers?.size ?? 0) === 0 && (types?.size ?? 0) === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => replace.get(node) ?? [node]);
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const gone = new Set<string>();
  for (const node of replace.keys()) for (const output of node.outputs) if (!made.has(output)) gone.add(output);
  return {
    ...graph,
    nodes,
    initializers: initializers === undefined ? graph.initializers : new Map([...graph.initializers, ...initializers]),
    types: new Map([...graph.types, ...(types ?? [])].filter(([name]) => !gone.has(name))),
  };
}

/**
 * Renames a value wherever it is defined and used, subgraphs included. The same graph when `from` does not occur or is
 * `to`. The caller sees to it that `to` is free.
 */
export function renameValue(graph: Graph, from: string, to: string): Graph {
  if (from === to || from === '') return graph;
  let changed = false;
  const name = (value: string): string => {
    if (value !== from) return value;
    changed = true;
    return to;
  };
  const info = (value: ValueInfo): ValueInfo => (value.name === from ? { ...value, name: name(value.name) } : value);
  const renamed: Graph = {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map((node) => {
      const next = renameInNode(node, from, to);
      changed ||= next !== node;
      return next;
    }),
    initializers: renameKey(graph.initializers, name),
    types: renameKey(graph.types, name),
    ...(graph.valueDetails && {
      valueDetails: new Map(Array.from(graph.valueDetails, ([key, value]) => [name(key), info(value)])),
    }),
    ...(graph.sparseInitializers && { sparseInitializers: renameKey(graph.sparseInitializers, name) }),
    ...(graph.quantization && {
      quantization: graph.quantization.map(
        (annotation): QuantizationAnnotation => ({
          ...annotation,
          tensor: name(annotation.tensor),
          parameters: Object.fromEntries(
            Object.entries(annotation.parameters).map(([key, value]) => [key, name(value)]),
          ),
        }),
      ),
    }),
  };
  return changed ? renamed : graph;
}

function renameInNode(node: Node, from: string, to: string): Node {
  const name = (value: string) => (value === from ? to : value);
  const inner = (graph: Graph) => (freeValues(graph).has(from) ? renameValue(graph, from, to) : graph);
  const attribute = (value: Attribute): Attribute => {
    if (value.kind === 'graph') return { ...value, value: inner(value.value) };
    return value.kind === 'graphs' ? { ...value, value: value.value.map(inner) } : value;
  };
  const captured = subgraphs(node).some((graph) => freeValues(graph).has(from));
  if (!captured && !node.inputs.includes(from) && !node.outputs.includes(from)) return node;
  return {
    ...node,
    inputs: node.inputs.map(name),
    outputs: node.outputs.map(name),
    attributes: captured
      ? Object.fromEntries(Object.entries(node.attributes).map(([key, value]) => [key, attribute(value)]))
      : node.attributes,
  };
}

function renameKey<T>(map: ReadonlyMap<string, T>, name: (key: string) => string): ReadonlyMap<string, T> {
  return new Map(Array.from(map, ([key, value]) => [name(key), value]));
}
