import { isDeepStrictEqual } from 'node:util';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../model.ts';
import { describeTensor, describeType } from './describe.ts';
import { describeNode } from './print-graph.ts';

/** One thing that differs between two models. */
export interface Difference {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly what: 'opset' | 'metadata' | 'input' | 'output' | 'initializer' | 'node' | 'order';
  readonly name: string;
  /** How it reads in the first model; absent when added. */
  readonly before?: string;
  /** How it reads in the second model; absent when removed. */
  readonly after?: string;
}

/**
 * What changed from `a` to `b`: operator sets, metadata, inputs, outputs, initializers (by name, type and data) and nodes (by
 * name, or first output where nameless). Inferred types and documentation are left out.
 */
export function diffModels(a: Model, b: Model): readonly Difference[] {
  const text = (value: unknown) => String(value);
  return [
    ...compare('opset', opsets(a), opsets(b), text),
    ...compare('metadata', entries(a.metadata), entries(b.metadata), (value) => JSON.stringify(value)),
    ...compare('input', values(a.graph.inputs), values(b.graph.inputs), (value) => describeType(value.type), sameInfo),
    ...compare(
      'output',
      values(a.graph.outputs),
      values(b.graph.outputs),
      (value) => describeType(value.type),
      sameInfo,
    ),
    ...compare('initializer', a.graph.initializers, b.graph.initializers, describeTensor, sameTensor),
    ...compare(
      'node',
      nodesOf(a.graph),
      nodesOf(b.graph),
      (node) => `${node.outputs.join(', ')} = ${describeNode(node)}`,
      sameNode,
    ),
    ...orderOf(a.graph, b.graph),
  ];
}

/** Differences as text, one per line with `+`, `-` or `~`; `no differences` for none. */
export function printDiff(differences: readonly Difference[]): string {
  if (differences.length === 0) return 'no differences\n';
  const lines = differences.flatMap(({ kind, what, name, before, after }) => {
    const label = `${what} ${name}`;
    if (kind === 'added') return [`+ ${label}  ${after}`];
    if (kind === 'removed') return [`- ${label}  ${before}`];
    return before === after
      ? [`~ ${label}  ${before} (values differ)`]
      : [`~ ${label}`, `    - ${before}`, `    + ${after}`];
  });
  return `${lines.join('\n')}\n`;
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

function nodesOf(graph: Graph): ReadonlyMap<string, Node> {
  return new Map(graph.nodes.map((node) => [keyOf(node), node]));
}

function keyOf(node: Node): string {
  return node.name || node.outputs.find((output) => output !== '') || node.opType;
}

/** Nodes present in both graphs that stand in another order. */
function orderOf(a: Graph, b: Graph): readonly Difference[] {
  const [inA, inB] = [nodesOf(a), nodesOf(b)];
  const before = [...inA.keys()].filter((key) => inB.has(key));
  const after = [...inB.keys()].filter((key) => inA.has(key));
  const at = before.findIndex((key, index) => key !== after[index]);
  if (at < 0) return [];
  return [{ kind: 'changed', what: 'order', name: `of nodes from ${at}`, before: before[at]!, after: after[at]! }];
}

function sameInfo(a: ValueInfo, b: ValueInfo): boolean {
  return a.type?.type === b.type?.type && isDeepStrictEqual(a.type?.dims, b.type?.dims);
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
