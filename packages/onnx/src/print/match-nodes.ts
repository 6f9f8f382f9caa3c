import { isDeepStrictEqual } from 'node:util';
import { elementCount, type Graph, type Node, type Tensor } from '../model.ts';
import { operatorKey } from '../operator.ts';
import { definedValues } from '../rewrite.ts';

/** Which nodes of two graphs are the same, and which values therefore are. */
export interface NodeMatch {
  /** The node of `b` by that of `a`. */
  readonly pairs: ReadonlyMap<Node, Node>;
  /** The name in `a` of a value of `b`; for values that both have under one name, that name. */
  readonly nameInA: ReadonlyMap<string, string>;
}

/**
 * Matches the nodes of two graphs: first by name (by first output where nameless) when the operator is the same, then by
 * structure: the same operator with the same attributes on inputs that are the same.
 */
export function matchNodes(a: Graph, b: Graph): NodeMatch {
  const pairs = new Map<Node, Node>();
  const partner = new Map<Node, Node>();
  const byName = new Map(a.nodes.map((node) => [nodeKey(node), node]));
  const join = (before: Node, after: Node) => {
    pairs.set(before, after);
    partner.set(after, before);
  };
  for (const after of b.nodes) {
    const before = byName.get(nodeKey(after));
    if (before === undefined || pairs.has(before)) continue;
    if (operatorKey(before) === operatorKey(after) || before.outputs[0] === after.outputs[0]) join(before, after);
  }
  const nameInA = sharedNames(a, b);
  const inA = definedValues(a);
  const sameValue = (input: string) => nameInA.get(input) ?? (inA.has(input) ? input : `new ${input}`);
  const unmatched = new Map<string, Node[]>();
  for (const node of a.nodes) {
    if (pairs.has(node)) continue;
    const key = structureOf(node, (input) => input);
    const known = unmatched.get(key);
    if (known === undefined) unmatched.set(key, [node]);
    else known.push(node);
  }
  for (const after of b.nodes) {
    let before = partner.get(after);
    if (before === undefined) {
      const candidates = unmatched.get(structureOf(after, sameValue)) ?? [];
      const at = candidates.findIndex((node) => isDeepStrictEqual(node.attributes, after.attributes));
      before = candidates.splice(at, at < 0 ? 0 : 1)[0];
      if (before !== undefined) join(before, after);
    }
    for (const [index, output] of after.outputs.entries()) {
      const name = before?.outputs[index];
      if (output !== '' && name) nameInA.set(output, name);
    }
  }
  return { pairs, nameInA };
}

/** What a node is found by: its name, else its first output, else its operator. */
export function nodeKey(node: Node): string {
  return node.name || node.outputs.find((output) => output !== '') || node.opType;
}

/** Inputs and initializers by name; initializers that `a` lacks by what they hold. */
function sharedNames(a: Graph, b: Graph): Map<string, string> {
  const names = new Map<string, string>([['', '']]);
  for (const { name } of a.inputs) names.set(name, name);
  const byTensor = new Map<Tensor, string>();
  const bySmall = new Map<string, string>();
  for (const [name, tensor] of a.initializers) {
    names.set(name, name);
    byTensor.set(tensor, name);
    const small = contentOf(tensor);
    if (small !== undefined) bySmall.set(small, name);
  }
  for (const [name, tensor] of b.initializers) {
    if (names.has(name)) continue;
    const same = byTensor.get(tensor) ?? bySmall.get(contentOf(tensor) ?? '');
    if (same !== undefined) names.set(name, same);
  }
  return names;
}

/** The content of a short tensor; long ones may not have been read. */
function contentOf(tensor: Tensor): string | undefined {
  const { type, dims } = tensor;
  if (elementCount(dims) > 64) return undefined;
  return `${type} ${dims.join()} ${Array.from(tensor.data as Iterable<unknown>, String).join()}`;
}

function structureOf(node: Node, nameOf: (input: string) => string): string {
  return JSON.stringify([operatorKey(node), node.outputs.length, ...node.inputs.map(nameOf)]);
}
