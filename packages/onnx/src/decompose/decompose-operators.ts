import { SlmError } from '../errors.ts';
import type { Attribute, Graph, Model, Node, Tensor, TensorType } from '../model.ts';
import { operatorKey, rowOf } from '../operator.ts';
import type { Finding, Pass } from '../pass.ts';
import { createNames, subgraphs } from '../rewrite.ts';
import { inferTypes, valueTypes } from '../types/infer.ts';
import { constantLookup } from './constant-lookup.ts';
import { decomposeNode } from './decompose-node.ts';
import { decompositions } from './table.ts';

export interface DecomposeOptions {
  /** Keys of the operators to spell out (`com.microsoft.FastGelu`); every one of the table by default. */
  readonly only?: readonly string[];
}

/** Decompositions may use operators that have one themselves; none of the table goes deeper than this. */
const DEPTH = 6;

/**
 * Spells fused operators out in simpler ai.onnx operators at the model's opset (11 or later), by {@link decompositions}:
 *
 * 1. each node of a chosen operator, also inside subgraphs, becomes the nodes of its row, which keep its outputs' names;
 * 2. what a row emits is spelled out in turn when its operator is chosen too;
 * 3. skipped with a reason: forms a row does not cover, and operators that the model defines as a local function
 *    (inline them first).
 *
 * Errors: `DECOMPOSE_UNKNOWN` for a chosen operator without a row.
 */
export function decomposeOperators(options: DecomposeOptions = {}): Pass {
  const { only } = options;
  const unknown = only?.find((key) => !Object.hasOwn(decompositions, key));
  if (unknown !== undefined) {
    throw new SlmError(
      'DECOMPOSE_UNKNOWN',
      `decompose-operators: expected operators with a decomposition, got "${unknown}" (leave it out)`,
    );
  }
  const chosen = only && new Set(only);
  return {
    name: 'decompose-operators',
    run: (model) => decomposeWhere(model, (node) => chosen === undefined || chosen.has(operatorKey(node))),
  };
}

/** Spells out the nodes that `selects` picks among those whose operator has a row. */
export function decomposeWhere(
  model: Model,
  selects: (node: Node) => boolean,
): { readonly model: Model; readonly findings: readonly Finding[]; readonly refusals: ReadonlyMap<Node, string> } {
  const findings: Finding[] = [];
  const refusals = new Map<Node, string>();
  const opset = model.opsets[''] ?? 0;
  const functions = new Set(
    (model.functions ?? []).map((made) => operatorKey({ domain: made.domain, opType: made.name })),
  );
  const fresh = createNames(model);
  const refuse = (node: Node, reason: string) => {
    refusals.set(node, reason);
    const where = node.name || node.outputs.join(' ');
    findings.push({ kind: 'skipped', where, message: `${operatorKey(node)}: ${reason}` });
  };

  const visit = (
    graph: Graph,
    outerTypes: ReadonlyMap<string, TensorType>,
    outerValue: (v: string) => Tensor | undefined,
  ): Graph => {
    const types = new Map([...outerTypes, ...valueTypes(graph)]);
    const constant = constantLookup(graph, outerValue);
    const initializers = new Map<string, Tensor>();
    const lookup = (value: string) => initializers.get(value) ?? constant(value);
    const expand = (node: Node, depth: number): readonly Node[] => {
      const rule = depth < DEPTH && selects(node) ? rowOf(decompositions, node) : undefined;
      if (rule === undefined) return [inner(node)];
      if (functions.has(operatorKey(node))) {
        refuse(node, 'the model defines this operator as a local function');
        return [inner(node)];
      }
      if (opset < 11) {
        refuse(node, `needs opset 11 or later, the model has ${opset}`);
        return [inner(node)];
      }
      const made = decomposeNode(node, rule, { opset, types, valueOf: lookup, fresh });
      if ('refused' in made) {
        refuse(node, made.refused);
        return [inner(node)];
      }
      for (const [name, tensor] of made.initializers) initializers.set(name, tensor);
      if (depth === 0) {
        const where = node.name || node.outputs.join(' ');
        const count = `${made.nodes.length} node${made.nodes.length === 1 ? '' : 's'}`;
        findings.push({ kind: 'patched', where, message: `${operatorKey(node)} by ${count}` });
      }
      return made.nodes.flatMap((next) => expand(next, depth + 1));
    };
    const inner = (node: Node): Node => {
      if (subgraphs(node).length === 0) return node;
      let changed = false;
      const within = (value: Graph): Graph => {
        const next = visit(value, types, lookup);
        changed ||= next !== value;
        return next;
      };
      const attribute = (value: Attribute): Attribute => {
        if (value.kind === 'graph') return { ...value, value: within(value.value) };
        return value.kind === 'graphs' ? { ...value, value: value.value.map(within) } : value;
      };
      const entries = Object.entries(node.attributes).map(([name, value]) => [name, attribute(value)] as const);
      return changed ? { ...node, attributes: Object.fromEntries(entries) } : node;
    };
    const nodes = graph.nodes.flatMap((node) => expand(node, 0));
    if (nodes.length === graph.nodes.length && nodes.every((node, index) => node === graph.nodes[index])) return graph;
    const used = new Set(nodes.flatMap((node) => node.inputs));
    const constants = Array.from(initializers).filter(([name]) => used.has(name));
    return { ...graph, nodes, initializers: new Map([...graph.initializers, ...constants]) };
  };

  const candidate = (graph: Graph): boolean =>
    graph.nodes.some(
      (node) => (rowOf(decompositions, node) !== undefined && selects(node)) || subgraphs(node).some(candidate),
    );
  if (!candidate(model.graph)) return { model, findings, refusals };
  const { graph } = inferTypes(model);
  const next = visit(graph, new Map(), () => undefined);
  return { model: next === graph ? model : { ...model, graph: next }, findings, refusals };
}
