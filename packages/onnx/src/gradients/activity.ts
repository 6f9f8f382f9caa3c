import type { Graph, Node, TensorType } from '../model.ts';
import { rowOf } from '../operator.ts';
import { usedValues } from '../rewrite.ts';
import { gradients } from './table.ts';

type TypeOf = (value: string) => TensorType | undefined;

/** Why no gradient passes a node, `undefined` when it may. */
export function stopReason(node: Node, typeOf: TypeOf): string | undefined {
  const rule = rowOf(gradients, node);
  if (rule === undefined) return undefined;
  if ('stops' in rule) return rule.stops;
  return rule.passes?.(node, typeOf) === false ? 'its output type carries no gradient' : undefined;
}

/** Values that depend differentiably on one of `sources`, these included; what a subgraph takes from outside counts. */
export function activeValues(graph: Graph, sources: Iterable<string>, typeOf: TypeOf): ReadonlySet<string> {
  const active = new Set(sources);
  for (const node of graph.nodes) {
    if (!usesAny(node, active) || stopReason(node, typeOf) !== undefined) continue;
    for (const output of node.outputs) if (output !== '') active.add(output);
  }
  return active;
}

/** True when the node, or a subgraph of it, uses one of `values`. */
export function usesAny(node: Node, values: ReadonlySet<string>): boolean {
  for (const value of usedValues(node)) if (values.has(value)) return true;
  return false;
}

/** The nodes that `value` is computed by. */
export function ancestors(graph: Graph, value: string): ReadonlySet<Node> {
  const needed = new Set([value]);
  const found = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    found.add(node);
    for (const input of usedValues(node)) needed.add(input);
  }
  return found;
}
