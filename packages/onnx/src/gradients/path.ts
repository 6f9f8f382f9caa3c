import type { Graph, Node } from '../model.ts';
import { usedValues } from '../rewrite.ts';

/** A shortest chain of nodes from the first reader of `value` to `target`, both included. */
export function findPath(graph: Graph, value: string, target: Node): readonly Node[] | undefined {
  const cameFrom = new Map<Node, Node | undefined>();
  let reached: ReadonlyMap<string, Node | undefined> = new Map([[value, undefined]]);
  for (;;) {
    const next = new Map<string, Node>();
    for (const node of graph.nodes) {
      if (cameFrom.has(node)) continue;
      const input = [...usedValues(node)].find((name) => reached.has(name));
      if (input === undefined) continue;
      cameFrom.set(node, reached.get(input));
      if (node.outputs[0] === target.outputs[0]) return unwind(cameFrom, node);
      for (const output of node.outputs) if (output !== '') next.set(output, node);
    }
    if (next.size === 0) return undefined;
    reached = next;
  }
}

function unwind(cameFrom: ReadonlyMap<Node, Node | undefined>, last: Node): readonly Node[] {
  const path: Node[] = [];
  for (let node: Node | undefined = last; node !== undefined; node = cameFrom.get(node)) path.unshift(node);
  return path;
}

/** `weight → MatMul "dense" → … → Relu "act"`, the middle left out when it is long. */
export function printPath(value: string, path: readonly Node[]): string {
  const steps = path.map((node) => `${node.opType} "${node.name}"`);
  const shown = steps.length <= 8 ? steps : [...steps.slice(0, 3), '…', ...steps.slice(-4)];
  return [value, ...shown].join(' → ');
}
