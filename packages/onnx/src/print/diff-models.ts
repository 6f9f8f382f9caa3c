import { isDeepStrictEqual } from 'node:util';
import type { Attribute, Graph, LocalFunction, Model, Node, Tensor, ValueInfo } from '../model.ts';
import { describeAttribute, describeTensor, describeText, describeValueInfo } from './describe.ts';
import { matchNodes, nodeKey } from './match-nodes.ts';
import { describeNode } from './print-graph.ts';
import { tensorDistance } from './tensor-distance.ts';

/** One thing that differs between two models. */
export interface Difference {
  readonly kind: 'added' | 'removed' | 'changed' | 'renamed';
  readonly what: 'opset' | 'metadata' | 'input' | 'output' | 'initializer' | 'function' | 'node' | 'order';
  readonly name: string;
  /** How it reads in the first model; absent when added. For what was renamed, the old name. */
  readonly before?: string;
  /** How it reads in the second model; absent when removed. For what was renamed, the new name. */
  readonly after?: string;
  /** What changed of it: attributes and inputs of a node, values of an initializer. */
  readonly details?: readonly string[];
}

/**
 * What changed from `a` to `b`: operator sets, metadata, inputs, outputs, local functions, initializers (by name, type and
 * data, with the distance of the data) and nodes. Nodes are matched by name, or first output where nameless, then by
 * structure: what has another name but does the same to the same values is `renamed`. Nodes come in the order of the
 * graphs, what was added after the node it follows. Inferred types and documentation are left out.
 */
export function diffModels(a: Model, b: Model): readonly Difference[] {
  const text = (value: unknown) => String(value);
  const info = (value: ValueInfo) => describeValueInfo(value);
  return [
    ...compare('opset', opsets(a), opsets(b), text),
    ...compare('metadata', entries(a.metadata), entries(b.metadata), describeText),
    ...compare('input', values(a.graph.inputs), values(b.graph.inputs), info, sameInfo),
    ...compare('output', values(a.graph.outputs), values(b.graph.outputs), info, sameInfo),
    ...compare('function', functionsOf(a), functionsOf(b), describeFunction, isDeepStrictEqual),
    ...compare('initializer', a.graph.initializers, b.graph.initializers, describeTensor, sameTensor).map(
      (difference) =>
        difference.kind === 'changed' ? { ...difference, ...distance(a, b, difference.name) } : difference,
    ),
    ...diffNodes(a.graph, b.graph),
  ];
}

/**
 * Differences as text, one per line with `+`, `-`, `~` or `=` (renamed), what changed of a node below it;
 * `no differences` for none.
 */
export function printDiff(differences: readonly Difference[]): string {
  if (differences.length === 0) return 'no differences\n';
  const lines = differences.flatMap(({ kind, what, name, before, after, details = [] }) => {
    const label = `${what} ${name}`;
    if (kind === 'added') return [`+ ${label}  ${after}`];
    if (kind === 'removed') return [`- ${label}  ${before}`];
    if (kind === 'renamed') return [`= ${what} ${before} → ${after}`];
    if (before === after) return [`~ ${label}  ${before} (${details.join(', ') || 'values differ'})`];
    const more = details.length === 0 ? '' : `  ${details.join(', ')}`;
    return [`~ ${label}${more}`, `    - ${before}`, `    + ${after}`];
  });
  return `${lines.join('\n')}\n`;
}

/** Differences by number: `nodes 3 removed, 1 added; initializers 2 changed`; nothing for none. */
export function summarizeDiff(differences: readonly Difference[]): string {
  const counts = new Map<string, Map<string, number>>();
  for (const { what, kind } of differences) {
    const kinds = counts.get(what) ?? new Map<string, number>();
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    counts.set(what, kinds);
  }
  return Array.from(
    counts,
    ([what, kinds]) => `${what}s ${Array.from(kinds, ([kind, count]) => `${count} ${kind}`).join(', ')}`,
  )
    .join('; ')
    .replace(/metadatas/, 'metadata')
    .replace(/(^|; )orders .*$/, '$1order of nodes');
}

/** The nodes that differ, in the order of `a`; what `b` alone has, after the node that it follows there. */
function diffNodes(a: Graph, b: Graph): readonly Difference[] {
  const { pairs, nameInA } = matchNodes(a, b);
  const place = new Map(Array.from(pairs.values(), (after) => [after, -1]));
  const found: { readonly at: number; readonly difference: Difference }[] = [];
  for (const [at, before] of a.nodes.entries()) {
    const after = pairs.get(before);
    const name = nodeKey(before);
    if (after === undefined) {
      found.push({ at, difference: { kind: 'removed', what: 'node', name, before: describeLine(before) } });
      continue;
    }
    place.set(after, at);
    if (sameNode(before, after)) {
      if (name === nodeKey(after)) continue;
      found.push({ at, difference: { kind: 'renamed', what: 'node', name, before: name, after: nodeKey(after) } });
    } else if (name !== nodeKey(after) && sameButForNames(before, after, nameInA)) {
      found.push({ at, difference: { kind: 'renamed', what: 'node', name, before: name, after: nodeKey(after) } });
    } else {
      const [before_, after_] = [describeLine(before), describeLine(after)];
      const details = attributeChanges(before, after);
      const difference: Difference = { kind: 'changed', what: 'node', name, before: before_, after: after_ };
      found.push({ at, difference: details.length === 0 ? difference : { ...difference, details } });
    }
  }
  // What was added stands behind what was removed in its place.
  const until = a.nodes.map((_, index) => index);
  for (let index = until.length - 2; index >= 0; index--) {
    if (!pairs.has(a.nodes[index + 1]!)) until[index] = until[index + 1]!;
  }
  const begin = a.nodes.findIndex((node) => pairs.has(node));
  let at = begin < 0 ? a.nodes.length : begin - 1;
  for (const after of b.nodes) {
    const own = place.get(after);
    if (own !== undefined) at = until[own]!;
    else {
      const difference: Difference = { kind: 'added', what: 'node', name: nodeKey(after), after: describeLine(after) };
      found.push({ at, difference });
    }
  }
  const sorted = found.toSorted((p, q) => p.at - q.at).map(({ difference }) => difference);
  return [...sorted, ...orderOf(a, b, pairs)];
}

function describeLine(node: Node): string {
  return `${node.outputs.join(', ')} = ${describeNode(node)}`;
}

/** True for nodes that do the same to the same values under other names. */
function sameButForNames(before: Node, after: Node, nameInA: ReadonlyMap<string, string>): boolean {
  const inputs = after.inputs.map((input) => nameInA.get(input) ?? input);
  return sameNode(before, { ...after, inputs, outputs: before.outputs });
}

/** `axis 1 → -1`, for long lists of attributes where the eye would not find it. */
function attributeChanges(before: Node, after: Node): readonly string[] {
  const names = [...new Set([...Object.keys(before.attributes), ...Object.keys(after.attributes)])].sort();
  const describe = (attribute: Attribute | undefined) =>
    attribute === undefined ? 'absent' : describeAttribute(attribute);
  return names
    .filter((name) => !isDeepStrictEqual(before.attributes[name], after.attributes[name]))
    .map((name) => {
      const [from, to] = [describe(before.attributes[name]), describe(after.attributes[name])];
      return from === to ? `${name} differs` : `${name} ${from} → ${to}`;
    });
}

/** How far the values of an initializer moved. */
function distance(a: Model, b: Model, name: string): Pick<Difference, 'details'> {
  const found = tensorDistance(a.graph.initializers.get(name)!, b.graph.initializers.get(name)!);
  return found === undefined
    ? {}
    : { details: [`max |Δ| ${Number(found.maxAbs.toPrecision(3))}`, `SQNR ${found.sqnr.toFixed(1)} dB`] };
}

function functionsOf({ functions = [] }: Model): ReadonlyMap<string, LocalFunction> {
  return new Map(
    functions.map((local) => [[local.domain, local.name, local.overload].filter(Boolean).join('.'), local]),
  );
}

function describeFunction({ inputs, outputs, nodes }: LocalFunction): string {
  return `(${inputs.join(', ')}) → ${outputs.join(', ')}, ${nodes.length} nodes`;
}

function compare<T>(
  what: Difference['what'],
  a: ReadonlyMap<string, T>,
  b: ReadonlyMap<string, T>,
  describe: (value: T) => string,
  same: (a: T, b: T) => boolean = Object.is,
): readonly Difference[] {
  const found: Difference[] = [];
  for (const [name, before] of a) {
    const after = b.get(name);
    if (after === undefined) found.push({ kind: 'removed', what, name, before: describe(before) });
    else if (!same(before, after))
      found.push({ kind: 'changed', what, name, before: describe(before), after: describe(after) });
  }
  for (const [name, after] of b) if (!a.has(name)) found.push({ kind: 'added', what, name, after: describe(after) });
  return found;
}

function opsets({ opsets: versions }: Model): ReadonlyMap<string, number> {
  return new Map(Object.entries(versions).map(([domain, version]) => [domain || 'ai.onnx', version]));
}

function entries<T>(record: Readonly<Record<string, T>>): ReadonlyMap<string, T> {
  return new Map(Object.entries(record));
}

function values(list: readonly ValueInfo[]): ReadonlyMap<string, ValueInfo> {
  return new Map(list.map((info) => [info.name, info]));
}

/** The first node of those that both graphs have which stands in another place. */
function orderOf(a: Graph, b: Graph, pairs: ReadonlyMap<Node, Node>): readonly Difference[] {
  const partners = new Set(pairs.values());
  const before = a.nodes.filter((node) => pairs.has(node));
  const after = b.nodes.filter((node) => partners.has(node));
  const at = before.findIndex((node, index) => pairs.get(node) !== after[index]);
  if (at < 0) return [];
  const [was, is] = [nodeKey(before[at]!), nodeKey(after[at]!)];
  return [{ kind: 'changed', what: 'order', name: `of nodes from ${at}`, before: was, after: is }];
}

function sameInfo(a: ValueInfo, b: ValueInfo): boolean {
  const same = a.type?.type === b.type?.type && isDeepStrictEqual(a.type?.dims, b.type?.dims);
  return same && isDeepStrictEqual(a.container, b.container);
}

function sameTensor(a: Tensor, b: Tensor): boolean {
  return a === b || (a.type === b.type && isDeepStrictEqual(a.dims, b.dims) && isDeepStrictEqual(a.data, b.data));
}

function sameNode(a: Node, b: Node): boolean {
  if (a === b) return true;
  const parts = ({ opType, domain, inputs, outputs, attributes }: Node) => ({
    opType,
    domain,
    inputs,
    outputs,
    attributes,
  });
  return isDeepStrictEqual(parts(a), parts(b));
}
