import { multiplyAdds } from './costs.ts';
import { tensorBytes } from './data-type.ts';
import { bindInputs, type InputSizes } from './input-sizes.ts';
import { sourceOf } from './io/lazy-tensor.ts';
import { layersOf } from './layers.ts';
import { type DataType, elementCount, type Graph, type Model, type Node, type Tensor } from './model.ts';
import { operatorKey } from './operator.ts';
import { subgraphs } from './rewrite.ts';
import { inferTypes, valueTypes } from './types/infer.ts';

/** What a model consists of. */
export interface ModelSummary {
  /** Number of nodes by operator, domain before the name where it is not ai.onnx; in alphabetical order. */
  readonly operators: Readonly<Record<string, number>>;
  /** Number of nodes, those of subgraphs included. */
  readonly nodes: number;
  /** Elements of all initializers. */
  readonly parameters: number;
  /** Bytes of all initializers. */
  readonly bytes: number;
  /** Bytes of the initializers by element type. */
  readonly bytesByType: Readonly<Partial<Record<DataType, number>>>;
  /** Bytes of the initializers that are in a data file beside the model's and have not been read with it. */
  readonly externalBytes: number;
  /** Multiply-adds of one run (see {@link multiplyAdds}), when `dims` are given and tell all sizes. */
  readonly multiplyAdds?: number;
}

export interface SummaryOptions {
  /** Sizes for symbolic dimensions of the inputs: `{ batch: 1, sequence: 128 }`; `{}` for a model without any. */
  readonly dims?: InputSizes;
}

/** Counts operators, parameters, bytes, and the multiply-adds of an inference (of `dims`). Local functions count as one operator. */
export function summarizeModel(model: Model, options: SummaryOptions = {}): ModelSummary {
  const operators = new Map<string, number>();
  const bytesByType = new Map<DataType, number>();
  let parameters = 0;
  let externalBytes = 0;
  for (const graph of graphsOf(model.graph)) {
    for (const node of graph.nodes) addOperator(operators, node);
    for (const tensor of graph.initializers.values()) {
      parameters += elementCount(tensor.dims);
      const bytes = tensorBytes(tensor);
      bytesByType.set(tensor.type, (bytesByType.get(tensor.type) ?? 0) + bytes);
      if (sourceOf(tensor) !== undefined) externalBytes += bytes;
    }
  }
  const costs = options.dims && [...countMultiplyAdds(model, options.dims).values()];
  const total = costs?.every((cost) => cost !== undefined) ? sum(costs) : undefined;
  return {
    operators: sorted(operators),
    nodes: sum(operators.values()),
    parameters,
    bytes: sum(bytesByType.values()),
    bytesByType: sorted(bytesByType),
    externalBytes,
    ...(total === undefined ? {} : { multiplyAdds: total }),
  };
}

function graphsOf(graph: Graph): readonly Graph[] {
  return [graph, ...graph.nodes.flatMap((node) => subgraphs(node).flatMap(graphsOf))];
}

/** Multiply-adds by node of the main graph; `undefined` where they cannot be told. */
function countMultiplyAdds(model: Model, sizes: InputSizes): ReadonlyMap<Node, number | undefined> {
  const { graph } = inferTypes(bindInputs(model, sizes));
  const types = valueTypes(graph);
  return new Map(
    graph.nodes.map((node, index) => {
      const count = multiplyAdds(node, types);
      return [model.graph.nodes[index]!, typeof count === 'number' ? count : undefined];
    }),
  );
}

/** What a layer of a model (see {@link layersOf}) consists of. */
export interface LayerSummary {
  /** `''` for what belongs to no layer. */
  readonly name: string;
  /** Number of nodes, those of subgraphs included. */
  readonly nodes: number;
  /** Number of nodes by operator. */
  readonly operators: Readonly<Record<string, number>>;
  readonly parameters: number;
  readonly bytes: number;
  /** Multiply-adds of one run, as far as they can be told; absent without `dims`. */
  readonly multiplyAdds?: number;
  /** Names of the nodes whose multiply-adds cannot be told, with their operators; absent without `dims`. */
  readonly uncounted?: readonly { readonly node: string; readonly operator: string }[];
}

/**
 * The layers of a model in the order of their first nodes. What a subgraph holds belongs to the layer of the node that
 * holds it. Throws what {@link inferTypes} throws, when `dims` are given.
 */
export function summarizeLayers(model: Model, options: SummaryOptions = {}): readonly LayerSummary[] {
  const { graph } = model;
  const layers = layersOf(graph);
  const costs = options.dims && countMultiplyAdds(model, options.dims);
  const found = new Map<string, LayerTally>();
  const tally = (name: string) => {
    const known = found.get(name);
    if (known !== undefined) return known;
    const made: LayerTally = { operators: new Map(), parameters: 0, bytes: 0, multiplyAdds: 0, uncounted: [] };
    found.set(name, made);
    return made;
  };
  const addTensor = (layer: LayerTally, tensor: Tensor) => {
    layer.parameters += elementCount(tensor.dims);
    layer.bytes += tensorBytes(tensor);
  };
  for (const node of graph.nodes) {
    const layer = tally(layers.ofNode.get(node)!);
    const cost = costs?.get(node);
    if (cost === undefined)
      layer.uncounted.push({ node: node.name || node.outputs.join(', '), operator: operatorKey(node) });
    else layer.multiplyAdds += cost;
    addOperator(layer.operators, node);
    for (const inner of subgraphs(node).flatMap(graphsOf)) {
      for (const held of inner.nodes) addOperator(layer.operators, held);
      for (const tensor of inner.initializers.values()) addTensor(layer, tensor);
    }
  }
  for (const [name, tensor] of graph.initializers) addTensor(tally(layers.ofInitializer.get(name)!), tensor);
  return Array.from(found, ([name, { operators, parameters, bytes, multiplyAdds: count, uncounted }]) => ({
    name,
    nodes: sum(operators.values()),
    operators: sorted(operators),
    parameters,
    bytes,
    ...(costs === undefined ? {} : { multiplyAdds: count, uncounted }),
  }));
}

interface LayerTally {
  readonly operators: Map<string, number>;
  readonly uncounted: { readonly node: string; readonly operator: string }[];
  parameters: number;
  bytes: number;
  multiplyAdds: number;
}

function addOperator(counts: Map<string, number>, node: Node): void {
  const key = operatorKey(node);
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function sorted<K extends string>(map: ReadonlyMap<K, number>): Record<K, number> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1))) as Record<K, number>;
}
