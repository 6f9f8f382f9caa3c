import { isSlmError } from '../errors.ts';
import type { Graph, LocalFunction, Model, Node, Tensor, TensorType } from '../model.ts';
import { rowOf } from '../operator.ts';
import type { Finding, PassResult } from '../pass.ts';
import {
  bodyOf,
  createNames,
  definedValues,
  mapSubgraphs,
  renameParameters,
  renameUses,
  renameValues,
  subgraphs,
  usedValues,
} from '../rewrite.ts';
import { inferTypes, valueTypes } from '../types/infer.ts';
import { inferNode, type Known } from '../types/infer-node.ts';
import { knownTensor } from '../types/known-value.ts';
import type { KnownValue } from '../types/rule.ts';
import { valueRules } from '../types/value-rules.ts';
import { constantNode, constantTensor } from './constant-tensor.ts';
import { pruneModel } from './remove-dead-nodes.ts';
import type { Rewrite, RewriteRule, Site } from './rewrite-rule.ts';

/** Walks over the model in one run of a pass, at most. */
const MAX_ROUNDS = 40;

/**
 * Applies rules to every node of the model, its subgraphs and local functions, in topological order, again and again
 * until none applies; then removes what the rewrites left unused.
 *
 * 1. A graph output keeps its name: the node that makes the value in its place takes the name over; where that cannot
 *    be (an input, an initializer, a value of an outer graph, another output), an Identity stays.
 * 2. Values with a quantization annotation are not replaced; parameters of annotations follow their values.
 * 3. In local functions constants become Constant nodes (as in models up to IR version 3, where each initializer is an
 *    input), nothing is known of types, and nodes with a reference to an attribute of the function stay; so do calls of
 *    local functions.
 * 4. Where types contradict each other, rules see none.
 *
 * `begin` is called once per graph and walk, and gives the rule to apply there. The model is the same object when no
 * rule applied.
 */
export function rewriteModel(model: Model, begin: () => RewriteRule): PassResult {
  const patched: Finding[] = [];
  let current = model;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const walk = new Walk(current, begin);
    const next = walk.run();
    patched.push(...walk.findings.filter(({ kind }) => kind === 'patched'));
    if (next === current) {
      const skipped = walk.findings.filter(({ kind }) => kind === 'skipped');
      return { model: current, findings: [...patched, ...skipped] };
    }
    current = pruneModel(next).model;
  }
  const message = `${MAX_ROUNDS} rounds were not enough, run the pass again`;
  return { model: current, findings: [...patched, { kind: 'skipped', where: model.graph.name, message }] };
}

/** What is known of the values of one graph. */
interface Scope {
  readonly outer: Scope | undefined;
  readonly opsets: Readonly<Record<string, number>>;
  readonly constantsAreNodes: boolean;
  /** False where nothing is known of types. */
  readonly typed: boolean;
  readonly defined: Set<string>;
  readonly outputs: ReadonlySet<string>;
  readonly types: Map<string, TensorType>;
  readonly constants: Map<string, Tensor>;
  readonly overridable: ReadonlySet<string>;
  readonly known: Map<string, KnownValue>;
  readonly producer: Map<string, Node>;
  readonly uses: Map<string, number>;
}

class Walk {
  readonly findings: Finding[] = [];
  readonly #model: Model;
  readonly #begin: () => RewriteRule;
  readonly #fresh: (base: string) => string;
  readonly #functions: ReadonlySet<string>;
  readonly #shadowed: ReadonlySet<string>;

  constructor(model: Model, begin: () => RewriteRule) {
    this.#model = model;
    this.#begin = begin;
    this.#fresh = createNames(model);
    this.#functions = new Set((model.functions ?? []).map(({ domain, name }) => `${domain}:${name}`));
    this.#shadowed = shadowedValues(model.graph);
  }

  run(): Model {
    const { opsets, functions } = this.#model;
    const typed = this.#inferred();
    const graph = this.#graph(this.#model.graph, typed?.graph, undefined, opsets, this.#model.irVersion < 4);
    const bodies = functions?.map((local) => this.#function(local));
    const same = graph === this.#model.graph && (bodies ?? []).every((body, index) => body === functions![index]);
    return same ? this.#model : { ...this.#model, graph, ...(bodies && { functions: bodies }) };
  }

  #inferred(): Model | undefined {
    try {
      return inferTypes(this.#model);
    } catch (error) {
      if (!isSlmError(error)) throw error;
      const message = `types are not known: ${error.message}`;
      this.findings.push({ kind: 'skipped', where: this.#model.graph.name, message });
      return undefined;
    }
  }

  #function(local: LocalFunction): LocalFunction {
    const { nodes } = this.#graph(
      bodyOf(local),
      undefined,
      undefined,
      { ...this.#model.opsets, ...local.opsets },
      true,
    );
    return nodes === local.nodes ? local : { ...local, nodes };
  }

  #graph(
    graph: Graph,
    typed: Graph | undefined,
    outer: Scope | undefined,
    opsets: Readonly<Record<string, number>>,
    constantsAreNodes: boolean,
  ): Graph {
    const scope = openScope(graph, typed, outer, opsets, constantsAreNodes);
    const rule = this.#begin();
    const annotated = new Set(graph.quantization?.map(({ tensor }) => tensor));
    const aliases = new Map<string, string>();
    const renames = new Map<string, string>();
    const added = new Map<string, Tensor>();
    const types = new Map(graph.types);
    const nodes: Node[] = [];
    let changed = false;

    const emit = (node: Node): void => {
      nodes.push(node);
      learn(scope, node);
    };
    const constants = (tensors: ReadonlyMap<string, Tensor> | undefined): void => {
      for (const [name, tensor] of tensors ?? []) {
        scope.constants.set(name, tensor);
        scope.types.set(name, { type: tensor.type, dims: tensor.dims });
        if (constantsAreNodes || scope.outputs.has(name)) emit(constantNode(this.#fresh(name), name, tensor));
        else {
          scope.defined.add(name);
          added.set(name, tensor);
        }
      }
    };
    /** Puts `source` in the place of a value; an Identity where the graph must keep the name. */
    const alias = (node: Node, index: number, source: string): void => {
      const value = node.outputs[index]!;
      const target = aliases.get(source) ?? source;
      if (!scope.outputs.has(value)) {
        aliases.set(value, target);
        scope.uses.set(target, (scope.uses.get(target) ?? 0) + (scope.uses.get(value) ?? 0));
        return;
      }
      const maker = scope.producer.get(target);
      if (maker !== undefined && !scope.outputs.has(target) && !renames.has(target) && !annotated.has(target)) {
        renames.set(target, value);
        aliases.set(value, target);
        return;
      }
      emit(identityNode(index === 0 ? node.name : this.#fresh(`${node.name}.${index}`), target, value));
    };

    graph.nodes.forEach((original, position) => {
      const inner = mapSubgraphs(renameUses(original, aliases), (subgraph, attribute, index) => {
        const other = typed?.nodes[position]?.attributes[attribute];
        const twin = other?.kind === 'graph' ? other.value : other?.kind === 'graphs' ? other.value[index] : undefined;
        return this.#graph(subgraph, twin, scope, opsets, constantsAreNodes);
      });
      changed ||= inner !== original;
      const where = inner.name || inner.outputs.join(' ');
      const rewrite = this.#isFixed(inner) ? undefined : rule(this.#site(scope, inner));
      const refusal = rewrite === undefined ? undefined : this.#refusal(rewrite, inner, scope, annotated, renames);
      if (refusal !== undefined) this.findings.push({ kind: 'skipped', where, message: refusal });
      if (rewrite === undefined || 'skip' in rewrite || refusal !== undefined) {
        emit(inner);
        return;
      }
      changed = true;
      this.findings.push({ kind: 'patched', where, message: rewrite.message });
      if ('alias' in rewrite) {
        inner.outputs.forEach((output, index) => {
          if (output !== '' && rewrite.alias[index]) alias(inner, index, rewrite.alias[index]);
        });
        return;
      }
      for (const [name, type] of rewrite.types ?? []) {
        scope.types.set(name, type);
        types.set(name, type);
      }
      constants(rewrite.constants);
      for (const node of rewrite.nodes) emit(node);
    });

    if (!changed) return graph;
    const { quantization } = graph;
    const rewritten: Graph = {
      ...graph,
      nodes,
      types,
      initializers: added.size === 0 ? graph.initializers : new Map([...graph.initializers, ...added]),
      ...(quantization && { quantization: quantization.map((entry) => renameParameters(entry, aliases)) }),
    };
    return withoutStrays(renameValues(rewritten, renames));
  }

  /** Nodes that no rule may see: calls of local functions, and nodes that refer to attributes of one. */
  #isFixed(node: Node): boolean {
    return (
      this.#functions.has(`${node.domain}:${node.opType}`) ||
      Object.values(node.attributes).some(({ kind }) => kind === 'ref')
    );
  }

  #refusal(
    rewrite: Rewrite,
    node: Node,
    scope: Scope,
    annotated: ReadonlySet<string>,
    renames: ReadonlyMap<string, string>,
  ): string | undefined {
    if ('skip' in rewrite) return rewrite.skip;
    if (!('alias' in rewrite)) return undefined;
    const marked = node.outputs.find((output) => annotated.has(output));
    if (marked !== undefined) return `${rewrite.message}: ${JSON.stringify(marked)} carries a quantization annotation`;
    const names = [...rewrite.alias, ...node.outputs.filter((output) => scope.outputs.has(output))];
    const hidden = names.find((value) => this.#shadowed.has(value));
    if (hidden !== undefined) return `${rewrite.message}: a subgraph has a ${JSON.stringify(hidden)} of its own`;
    if (node.opType !== 'Identity' || !scope.outputs.has(node.outputs[0]!)) return undefined;
    const [source] = rewrite.alias;
    if (scope.producer.has(source!) && !scope.outputs.has(source!) && !renames.has(source!) && !annotated.has(source!))
      return undefined;
    return `${rewrite.message}: it gives ${JSON.stringify(source)} the name of the output ${JSON.stringify(node.outputs[0])}`;
  }

  #site(scope: Scope, node: Node): Site {
    const type = (value: string) => find(scope, value, ({ types }) => types.get(value));
    return {
      node,
      opsets: scope.opsets,
      opset: scope.opsets[''] ?? scope.opsets['ai.onnx'] ?? 1,
      constantsAreNodes: scope.constantsAreNodes,
      type,
      dims: (value) => type(value)?.dims,
      constant: (value) => find(scope, value, ({ constants }) => constants.get(value)),
      overridable: (value) => find(scope, value, ({ overridable }) => overridable.has(value)) ?? false,
      known: (value) => {
        const found = knownValue(scope, value);
        if (found !== undefined || !node.outputs.includes(value)) return found;
        return inferKnown(scope, node)[node.outputs.indexOf(value)]?.elements;
      },
      producer: (value) => scope.producer.get(value),
      uses: (value) => (scope.defined.has(value) ? (scope.uses.get(value) ?? 0) : Number.POSITIVE_INFINITY),
      isOutput: (value) => scope.outputs.has(value),
      fresh: this.#fresh,
    };
  }
}

function openScope(
  graph: Graph,
  typed: Graph | undefined,
  outer: Scope | undefined,
  opsets: Readonly<Record<string, number>>,
  constantsAreNodes: boolean,
): Scope {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const uses = new Map<string, number>();
  const use = (value: string) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) {
    if (subgraphs(node).length > 0) for (const value of usedValues(node)) use(value);
    else for (const value of node.inputs) use(value);
  }
  for (const { name } of graph.outputs) use(name);
  return {
    outer,
    opsets,
    constantsAreNodes,
    typed: typed !== undefined,
    defined: new Set([...inputs, ...graph.initializers.keys(), ...(graph.sparseInitializers?.keys() ?? [])]),
    outputs: new Set(graph.outputs.map(({ name }) => name)),
    types: typed === undefined ? new Map() : valueTypes(typed),
    constants: new Map(Array.from(graph.initializers).filter(([name]) => !inputs.has(name))),
    overridable: new Set(Array.from(graph.initializers.keys()).filter((name) => inputs.has(name))),
    known: new Map(),
    producer: new Map(),
    uses,
  };
}

/** Notes what a node of the rewritten graph makes. */
function learn(scope: Scope, node: Node): void {
  for (const output of node.outputs) {
    if (output === '') continue;
    scope.defined.add(output);
    scope.producer.set(output, node);
  }
  const tensor = constantTensor(node);
  if (tensor !== undefined) scope.constants.set(node.outputs[0]!, tensor);
  for (const [index, { elements }] of inferKnown(scope, node).entries()) {
    if (elements !== undefined) scope.known.set(node.outputs[index]!, elements);
  }
}

function inferKnown(scope: Scope, node: Node): readonly Known[] {
  if (!scope.typed || rowOf(valueRules, node) === undefined) return [];
  const input = (index: number) => {
    const name = node.inputs[index]!;
    return { type: find(scope, name, ({ types }) => types.get(name)), elements: knownValue(scope, name) };
  };
  try {
    return inferNode(node, { input, version: scope.opsets[node.domain] });
  } catch (error) {
    if (isSlmError(error)) return [];
    throw error;
  }
}

/** Looks a value up in the innermost graph that defines it. */
function find<T>(scope: Scope, value: string, get: (scope: Scope) => T | undefined): T | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const found = get(at);
    if (found !== undefined || at.defined.has(value)) return found;
  }
  return undefined;
}

function knownValue(scope: Scope, value: string): KnownValue | undefined {
  return find(scope, value, (at) => {
    const found = at.known.get(value);
    if (found !== undefined) return found;
    const tensor = at.constants.get(value);
    const known = tensor && knownTensor(tensor);
    if (known !== undefined) at.known.set(value, known);
    return known;
  });
}

/** Drops types, details and annotations of values that the graph does not define any more. */
export function withoutStrays(graph: Graph): Graph {
  const defined = definedValues(graph);
  const filter = <T>(map: ReadonlyMap<string, T>) => new Map(Array.from(map).filter(([name]) => defined.has(name)));
  return {
    ...graph,
    types: filter(graph.types),
    ...(graph.valueDetails && { valueDetails: filter(graph.valueDetails) }),
    ...(graph.quantization && { quantization: graph.quantization.filter(({ tensor }) => defined.has(tensor)) }),
  };
}

/** Values of a graph that a graph inside it defines again. */
function shadowedValues(graph: Graph): ReadonlySet<string> {
  const shadowed = new Set<string>();
  const visit = (inner: Graph, outer: ReadonlySet<string>): void => {
    const own = definedValues(inner);
    for (const name of own) if (outer.has(name)) shadowed.add(name);
    for (const node of inner.nodes) {
      for (const subgraph of subgraphs(node)) visit(subgraph, outer.size === 0 ? own : new Set([...outer, ...own]));
    }
  };
  visit(graph, new Set());
  return shadowed;
}

function identityNode(name: string, source: string, output: string): Node {
  return { name, opType: 'Identity', domain: '', inputs: [source], outputs: [output], attributes: {} };
}
