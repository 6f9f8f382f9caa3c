import type { Graph, Node, Tensor } from '../model.ts';
import { float32, int64, scalar } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';

/**
 * Finds the tensors of values that are constant in a graph: initializers that are no graph inputs, and what Constant and
 * Identity nodes hand on. `outer` finds those of the graph around it.
 */
export function constantLookup(
  graph: Pick<Graph, 'inputs' | 'initializers' | 'nodes'>,
  outer: (value: string) => Tensor | undefined = () => undefined,
): (value: string) => Tensor | undefined {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) if (output !== '') producers.set(output, node);
  const find = (value: string): Tensor | undefined => {
    if (inputs.has(value)) return undefined;
    const node = producers.get(value);
    if (node === undefined) return graph.initializers.get(value) ?? outer(value);
    if (!isDefaultDomain(node.domain)) return undefined;
    if (node.opType === 'Identity') return find(node.inputs[0] ?? '');
    return node.opType === 'Constant' ? constantTensor(node) : undefined;
  };
  return find;
}

/** The tensor of a Constant node, `undefined` for strings and sparse tensors. */
export function constantTensor(node: Node): Tensor | undefined {
  const { value, value_int, value_ints, value_float, value_floats } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (value_ints?.kind === 'ints') return int64(value_ints.value.map(Number));
  if (value_int?.kind === 'int') return int64([Number(value_int.value)], []);
  if (value_float?.kind === 'float') return scalar(value_float.value);
  return value_floats?.kind === 'floats' ? float32(value_floats.value) : undefined;
}
