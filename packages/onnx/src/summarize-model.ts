import { multiplyAdds } from './costs.ts';
import { tensorBytes } from './data-type.ts';
import { type DataType, type Dim, elementCount, type Graph, type Model } from './model.ts';
import { subgraphs } from './rewrite.ts';
import { substitute } from './types/dims.ts';
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
  /** Multiply-adds of one run (see {@link multiplyAdds}), when `dims` are given and tell all sizes. */
  readonly multiplyAdds?: number;
}

export interface SummaryOptions {
  /** Sizes for symbolic dimensions of the inputs: `{ batch: 1, sequence: 128 }`; `{}` for a model without any. */
  readonly dims?: Readonly<Record<string, number>>;
}

/** Counts operators, parameters, bytes, and the multiply-adds of an inference (of `dims`). Local functions count as one operator. */
export function summarizeModel(model: Model, options: SummaryOptions = {}): ModelSummary {
  const operators = new Map<string, number>();
  const bytesByType = new Map<DataType, number>();
  let parameters = 0;
  for (const graph of graphsOf(model.graph)) {
    for (const { opType, domain } of graph.nodes) {
      const name = domain === '' ? opType : `${domain}.${opType}`;
      operators.set(name, (operators.get(name) ?? 0) + 1);
    }
    for (const tensor of graph.initializers.values()) {
      parameters += elementCount(tensor.dims);
      bytesByType.set(tensor.type, (bytesByType.get(tensor.type) ?? 0) + tensorBytes(tensor));
    }
  }
  const total = options.dims && countMultiplyAdds(model, options.dims);
  return {
    operators: sorted(operators),
    nodes: sum(operators.values()),
    parameters,
    bytes: sum(bytesByType.values()),
    bytesByType: sorted(bytesByType),
    ...(total === undefined ? {} : { multiplyAdds: total }),
  };
}

function graphsOf(graph: Graph): readonly Graph[] {
  return [graph, ...graph.nodes.flatMap((node) => subgraphs(node).flatMap(graphsOf))];
}

function countMultiplyAdds(model: Model, sizes: Readonly<Record<string, number>>): number | undefined {
  const given = new Map(Object.entries(sizes));
  const bind = (dim: Dim): Dim => substitute(dim, given);
  const inputs = model.graph.inputs.map((input) =>
    input.type?.dims === undefined ? input : { ...input, type: { ...input.type, dims: input.type.dims.map(bind) } },
  );
  const bound = inferTypes({ ...model, graph: { ...model.graph, inputs, types: new Map() } });
  const types = valueTypes(bound.graph);
  let total = 0;
  for (const node of bound.graph.nodes) {
    const count = multiplyAdds(node, types);
    if (typeof count !== 'number') return undefined;
    total += count;
  }
  return total;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function sorted<K extends string>(map: ReadonlyMap<K, number>): Record<K, number> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1))) as Record<K, number>;
}
