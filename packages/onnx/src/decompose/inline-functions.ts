import { SlmError } from '../errors.ts';
import type { Attribute, Graph, LocalFunction, Model, Node } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import type { Finding, Pass } from '../pass.ts';
import { createNames, subgraphs } from '../rewrite.ts';
import { copyGraph } from './copy-graph.ts';

/** Most nodes that inlining may make: functions that call each other can grow without bound. */
const MOST_NODES = 100_000;

/**
 * Puts the bodies of local functions in the place of the nodes that call them:
 *
 * 1. calls in the graph, in subgraphs and in other functions, each copy under names of its own;
 * 2. attributes that the body refers to get the caller's value, else the function's default, else are left out;
 * 3. optional inputs and outputs that the caller omits stay omitted;
 * 4. operator sets that only a function imports become the model's.
 *
 * The functions are gone afterwards, except those that a skipped call needs. Skipped with a reason: a function whose
 * operator set differs from the model's in a domain both import. Errors: `ONNX_INVALID` for a function that calls itself;
 * `INLINE_TOO_LARGE` when more than 100,000 nodes come out.
 */
export const inlineFunctions: Pass = {
  name: 'inline-functions',
  run: inline,
};

function keyOf(domain: string, name: string, overload: string | undefined): string {
  return JSON.stringify([isDefaultDomain(domain) ? '' : domain, name, overload ?? '']);
}

function inline(model: Model): { readonly model: Model; readonly findings: readonly Finding[] } {
  const functions = new Map<string, LocalFunction>();
  for (const made of model.functions ?? []) functions.set(keyOf(made.domain, made.name, made.overload), made);
  if (functions.size === 0) return { model, findings: [] };
  const findings: Finding[] = [];
  const fresh = createNames(model);
  const opsets: Record<string, number> = { ...model.opsets };
  const kept = new Set<LocalFunction>();
  let count = 0;

  /** A domain in which the function was written for another version than the model uses. */
  const clash = (made: LocalFunction): string | undefined => {
    const entry = Object.entries(made.opsets).find(([domain, version]) => {
      const own = opsets[isDefaultDomain(domain) ? '' : domain];
      return own !== undefined && own !== version && !callsOnly(made, domain);
    });
    return entry && `${entry[0] || 'ai.onnx'} ${entry[1]}`;
  };
  /** True when the domain's operators in the body are all functions, which have no version. */
  const callsOnly = (made: LocalFunction, domain: string): boolean => {
    const all = (nodes: readonly Node[]): boolean =>
      nodes.every(
        (node) =>
          (node.domain !== domain || functions.has(keyOf(node.domain, node.opType, node.overload))) &&
          subgraphs(node).every((graph) => all(graph.nodes)),
      );
    return !isDefaultDomain(domain) && all(made.nodes);
  };

  const expand = (node: Node, stack: readonly LocalFunction[]): readonly Node[] => {
    if (++count > MOST_NODES) {
      throw new SlmError('INLINE_TOO_LARGE', `inline-functions: expected at most ${MOST_NODES} nodes, got more`);
    }
    const made = functions.get(keyOf(node.domain, node.opType, node.overload));
    if (made === undefined) return [within(node, stack)];
    const where = node.name || node.outputs.join(' ');
    if (stack.includes(made)) {
      throw new SlmError(
        'ONNX_INVALID',
        `node "${where}": expected functions that do not call themselves, got ${made.domain}.${made.name} inside itself`,
      );
    }
    const differs = clash(made);
    if (differs !== undefined) {
      const message = `${made.domain}.${made.name} is written for ${differs}, the model has another version`;
      findings.push({ kind: 'skipped', where, message });
      keep(made);
      return [node];
    }
    for (const [domain, version] of Object.entries(made.opsets)) {
      const key = isDefaultDomain(domain) ? '' : domain;
      opsets[key] ??= version;
    }
    if (stack.length === 0) {
      findings.push({
        kind: 'patched',
        where,
        message: `${made.domain}.${made.name} by its ${made.nodes.length} nodes`,
      });
    }
    return bodyOf(made, node, fresh).flatMap((inner) => expand(inner, [...stack, made]));
  };
  const keep = (made: LocalFunction): void => {
    if (kept.has(made)) return;
    kept.add(made);
    const visit = (nodes: readonly Node[]): void => {
      for (const node of nodes) {
        const called = functions.get(keyOf(node.domain, node.opType, node.overload));
        if (called) keep(called);
        for (const graph of subgraphs(node)) visit(graph.nodes);
      }
    };
    visit(made.nodes);
  };
  const within = (node: Node, stack: readonly LocalFunction[]): Node => {
    if (subgraphs(node).length === 0) return node;
    const graph = (value: Graph): Graph => ({ ...value, nodes: value.nodes.flatMap((inner) => expand(inner, stack)) });
    const attribute = (value: Attribute): Attribute => {
      if (value.kind === 'graph') return { ...value, value: graph(value.value) };
      return value.kind === 'graphs' ? { ...value, value: value.value.map(graph) } : value;
    };
    const entries = Object.entries(node.attributes).map(([name, value]) => [name, attribute(value)] as const);
    return { ...node, attributes: Object.fromEntries(entries) };
  };

  const nodes = model.graph.nodes.flatMap((node) => expand(node, []));
  const rest = (model.functions ?? []).filter((made) => kept.has(made));
  const { functions: _, ...others } = model;
  return {
    model: { ...others, opsets, graph: { ...model.graph, nodes }, ...(rest.length > 0 && { functions: rest }) },
    findings,
  };
}

/** The nodes of a function's body in the place of `node`. */
function bodyOf(made: LocalFunction, node: Node, fresh: (name: string) => string): readonly Node[] {
  const label = node.name || node.opType;
  const given = new Map<string, string>();
  for (const [index, name] of made.inputs.entries()) given.set(name, node.inputs[index] ?? '');
  const results = new Map<string, string>();
  const copies: Node[] = [];
  for (const [index, name] of made.outputs.entries()) {
    const output = node.outputs[index] ?? '';
    if (output === '') continue;
    if (given.has(name) || results.has(name)) {
      const source = given.get(name) ?? results.get(name)!;
      copies.push({
        name: fresh(`${label}/copy`),
        opType: 'Identity',
        domain: '',
        inputs: [source],
        outputs: [output],
        attributes: {},
      });
    } else results.set(name, output);
  }
  const attribute = (value: Attribute): Attribute | undefined => {
    if (value.kind !== 'ref') return value;
    return Object.hasOwn(node.attributes, value.value) ? node.attributes[value.value] : made.attributes[value.value];
  };
  const body = { inputs: [], outputs: [], nodes: made.nodes, initializers: new Map() };
  const copy = copyGraph(body, new Map([...given, ...results]), (name) => fresh(`${label}/${name}`), attribute);
  return [...copy.nodes, ...copies];
}
