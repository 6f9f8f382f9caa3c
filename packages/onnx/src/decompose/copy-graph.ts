import type { Attribute, Graph, Node, Tensor } from '../model.ts';

/** The content of a graph under new names. */
export interface GraphCopy {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** The values of the graph's outputs. */
  readonly outputs: readonly string[];
  /** The name of each renamed value. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Copies the nodes and initializers of a graph so that they can stand in another one: `given` says what its inputs (or
 * outer values) are called there, everything it defines gets a name from `fresh`, values of subgraphs included. Values
 * it takes from outside keep their names.
 */
export function copyGraph(
  graph: Pick<Graph, 'inputs' | 'nodes' | 'initializers' | 'outputs'>,
  given: ReadonlyMap<string, string>,
  fresh: (name: string) => string,
  attribute: (value: Attribute) => Attribute | undefined = (value) => value,
): GraphCopy {
  const names = new Map(given);
  names.delete('');
  const own = (name: string): string => {
    const found = names.get(name);
    if (found !== undefined) return found;
    const made = fresh(name);
    names.set(name, made);
    return made;
  };
  const initializers = new Map(Array.from(graph.initializers, ([name, tensor]) => [own(name), tensor] as const));
  for (const node of graph.nodes) for (const output of node.outputs) if (output !== '') own(output);
  const rename = (value: string) => names.get(value) ?? value;
  return {
    nodes: graph.nodes.map((node) => copyNode(node, rename, fresh, attribute)),
    initializers,
    outputs: graph.outputs.map((output) => rename(output.name)),
    names,
  };
}

function copyNode(
  node: Node,
  rename: (value: string) => string,
  fresh: (name: string) => string,
  attribute: (value: Attribute) => Attribute | undefined,
): Node {
  const entries = Object.entries(node.attributes).flatMap(([name, value]) => {
    const given = attribute(value);
    return given === undefined ? [] : [[name, copyAttribute(given, rename, fresh, attribute)] as const];
  });
  return {
    ...node,
    name: node.name === '' ? '' : fresh(node.name),
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
    attributes: Object.fromEntries(entries),
  };
}

function copyAttribute(
  value: Attribute,
  rename: (value: string) => string,
  fresh: (name: string) => string,
  attribute: (value: Attribute) => Attribute | undefined,
): Attribute {
  const inner = (graph: Graph) => copySubgraph(graph, rename, fresh, attribute);
  if (value.kind === 'graph') return { ...value, value: inner(value.value) };
  return value.kind === 'graphs' ? { ...value, value: value.value.map(inner) } : value;
}

/** A subgraph whose own values get new names too, so that no name of the graph around it is hidden. */
function copySubgraph(
  graph: Graph,
  rename: (value: string) => string,
  fresh: (name: string) => string,
  attribute: (value: Attribute) => Attribute | undefined,
): Graph {
  const names = new Map<string, string>();
  const own = (name: string) => {
    if (name !== '' && !names.has(name)) names.set(name, fresh(name));
  };
  for (const input of graph.inputs) own(input.name);
  for (const name of graph.initializers.keys()) own(name);
  for (const name of graph.sparseInitializers?.keys() ?? []) own(name);
  for (const node of graph.nodes) for (const output of node.outputs) own(output);
  const local = (value: string) => names.get(value) ?? rename(value);
  const keys = <T>(map: ReadonlyMap<string, T>) =>
    new Map(Array.from(map).flatMap(([name, item]) => (names.has(name) ? [[local(name), item] as const] : [])));
  return {
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, name: local(input.name) })),
    outputs: graph.outputs.map((output) => ({ ...output, name: local(output.name) })),
    nodes: graph.nodes.map((node) => copyNode(node, local, fresh, attribute)),
    initializers: keys(graph.initializers),
    types: keys(graph.types),
    ...(graph.sparseInitializers && { sparseInitializers: keys(graph.sparseInitializers) }),
    ...(graph.valueDetails && { valueDetails: keys(graph.valueDetails) }),
  };
}
