import type {
  Attribute,
  Graph,
  LocalFunction,
  Model,
  Node,
  QuantizationAnnotation,
  Tensor,
  TensorType,
  ValueInfo,
} from './model.ts';

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

/** The body of a local function as a graph, in which nothing is known of types. */
export function bodyOf({ name, inputs, outputs, nodes }: LocalFunction): Graph {
  const values = (names: readonly string[]) => names.map((value) => ({ name: value }));
  return {
    name,
    inputs: values(inputs),
    outputs: values(outputs),
    nodes,
    initializers: new Map(),
    types: new Map(),
  };
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
  return from === to || from === '' ? graph : renameValues(graph, new Map([[from, to]]));
}

/** As {@link renameValue}, for many values at once: `names` tells the new name by the old one. */
export function renameValues(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  let changed = false;
  const name = (value: string): string => {
    const next = names.get(value);
    if (next === undefined) return value;
    changed = true;
    return next;
  };
  const info = (value: ValueInfo): ValueInfo => (names.has(value.name) ? { ...value, name: name(value.name) } : value);
  const renamed: Graph = {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map((node) => {
      const used = renameUses(node, names);
      const next = used.outputs.some((output) => names.has(output))
        ? { ...used, outputs: used.outputs.map(name) }
        : used;
      changed ||= next !== node;
      return next;
    }),
    initializers: renameKeys(graph.initializers, name),
    types: renameKeys(graph.types, name),
    ...(graph.valueDetails && {
      valueDetails: new Map(Array.from(graph.valueDetails, ([key, value]) => [name(key), info(value)])),
    }),
    ...(graph.sparseInitializers && { sparseInitializers: renameKeys(graph.sparseInitializers, name) }),
    ...(graph.quantization && {
      quantization: graph.quantization.map((annotation) => ({
        ...renameParameters(annotation, names),
        tensor: name(annotation.tensor),
      })),
    }),
  };
  return changed ? renamed : graph;
}

/** Renames the values that a node uses, those that its subgraphs take from outside among them. */
export function renameUses(node: Node, names: ReadonlyMap<string, string>): Node {
  if (names.size === 0) return node;
  const attributes = mapSubgraphs(node, (graph) => {
    const captured = Array.from(freeValues(graph)).filter((value) => names.has(value));
    return renameValues(graph, new Map(captured.map((value) => [value, names.get(value)!])));
  }).attributes;
  const direct = node.inputs.some((input) => names.has(input));
  if (!direct && attributes === node.attributes) return node;
  return { ...node, inputs: node.inputs.map((input) => names.get(input) ?? input), attributes };
}

/** Exchanges the subgraphs of a node; the same node when each stays the same object. */
export function mapSubgraphs(node: Node, change: (graph: Graph, attribute: string, index: number) => Graph): Node {
  let changed = false;
  const entries = Object.entries(node.attributes).map(([key, attribute]): [string, Attribute] => {
    if (attribute.kind !== 'graph' && attribute.kind !== 'graphs') return [key, attribute];
    const before = attribute.kind === 'graph' ? [attribute.value] : attribute.value;
    const after = before.map((graph, index) => change(graph, key, index));
    if (after.every((graph, index) => graph === before[index])) return [key, attribute];
    changed = true;
    return [key, attribute.kind === 'graph' ? { ...attribute, value: after[0]! } : { ...attribute, value: after }];
  });
  return changed ? { ...node, attributes: Object.fromEntries(entries) } : node;
}

/** Renames the values that an annotation names as parameters. */
export function renameParameters(
  annotation: QuantizationAnnotation,
  names: ReadonlyMap<string, string>,
): QuantizationAnnotation {
  const parameters = Object.entries(annotation.parameters);
  if (!parameters.some(([, value]) => names.has(value))) return annotation;
  return {
    ...annotation,
    parameters: Object.fromEntries(parameters.map(([key, value]) => [key, names.get(value) ?? value])),
  };
}

function renameKeys<T>(map: ReadonlyMap<string, T>, name: (key: string) => string): ReadonlyMap<string, T> {
  return new Map(Array.from(map, ([key, value]) => [name(key), value]));
}

/** The values that a graph itself defines: inputs, initializers, node outputs; not those of its subgraphs. */
export function definedValues(graph: Graph): Set<string> {
  const defined = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const name of graph.sparseInitializers?.keys() ?? []) defined.add(name);
  for (const node of graph.nodes) for (const output of node.outputs) defined.add(output);
  defined.delete('');
  return defined;
}

/** A maker of names that no value and no node of the model has, subgraphs and local functions included. */
export function createNames(model: Model): (base: string) => string {
  const taken = new Set<string>(['']);
  const visit = (nodes: readonly Node[]) => {
    for (const node of nodes) {
      for (const name of [node.name, ...node.outputs]) taken.add(name);
      for (const graph of subgraphs(node)) visitGraph(graph);
    }
  };
  const visitGraph = (graph: Graph) => {
    for (const name of definedValues(graph)) taken.add(name);
    visit(graph.nodes);
  };
  visitGraph(model.graph);
  for (const local of model.functions ?? []) {
    for (const input of local.inputs) taken.add(input);
    visit(local.nodes);
  }
  const counters = new Map<string, number>();
  return (base) => {
    let name = base;
    while (taken.has(name)) {
      const count = (counters.get(base) ?? 0) + 1;
      counters.set(base, count);
      name = `${base}_${count}`;
    }
    taken.add(name);
    return name;
  };
}
