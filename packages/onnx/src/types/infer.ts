import type { Attribute, Graph, LocalFunction, Model, Node, TensorType, ValueInfo, ValueType } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import { canonical, mergeDim } from './dims.ts';
import { inferNode, type Known } from './infer-node.ts';
import { knownTensor } from './known-value.ts';
import { asTensor, sameType, tensor } from './rule.ts';
import { typeRules } from './table.ts';

export { typeRules };

/** Nodes inferred more than once (bodies of loops and functions) before rules are held to one call each. */
const MAX_REPEATED_NODES = 100_000;

/** Calls of local functions inside each other. */
const MAX_CALLS = 32;

/** What all graphs of a model share while it is inferred. */
interface Run {
  readonly functions: ReadonlyMap<string, LocalFunction>;
  /** True for models that may give another value to an initializer that is an input; before IR version 4 all are inputs. */
  readonly overridable: boolean;
  repeated: number;
}

/** The values that a graph sees; one of which nothing is known hides what an outer graph calls by the same name. */
interface Scope {
  readonly run: Run;
  readonly outer?: Scope;
  readonly values: Map<string, Known>;
  readonly opsets: Readonly<Record<string, number>>;
  /** Attributes of the local function whose body this is. */
  readonly bindings?: Readonly<Record<string, Attribute>>;
  /** Local functions that this is inside of. */
  readonly calls: number;
  /** True where nodes are inferred that were, or will be, inferred again. */
  readonly repeats: boolean;
}

/**
 * Infers element types and shapes from the inputs on, with symbolic dimensions; shapes computed in the graph (Shape,
 * Gather, Concat …) are followed by partial evaluation, local functions through their bodies, loops until the types of
 * what they carry hold for every round. Every node output with a known tensor type gets an entry in `graph.types`,
 * graph outputs too (whose dimensions keep the names the model gives them). What no rule can tell keeps its declared
 * type: a pass that changes a value's shape drops its type. The same object when nothing is new.
 *
 * A slice to a named size (positions of a sequence) is taken to lie within the axis.
 * Throws `ONNX_INVALID` where element types do not fit an operator or shapes contradict each other, for example inner
 * sizes of a MatMul.
 */
export function inferTypes(model: Model): Model {
  const functions = new Map((model.functions ?? []).map((local) => [functionKey(local), local]));
  const { opsets } = model;
  const outer: Scope = {
    run: { functions, overridable: model.irVersion >= 4, repeated: 0 },
    values: new Map(),
    opsets,
    calls: 0,
    repeats: false,
  };
  const { graph } = inferGraph(model.graph, outer);
  return graph === model.graph ? model : { ...model, graph };
}

/** The types of all tensors of a graph: inputs, initializers, intermediate values, outputs. */
export function valueTypes(graph: Graph): Map<string, TensorType> {
  const types = new Map<string, TensorType>();
  for (const { name, type } of [...graph.outputs, ...graph.inputs]) if (type !== undefined) types.set(name, type);
  for (const [name, type] of graph.types) types.set(name, type);
  for (const [name, { values, dims }] of graph.sparseInitializers ?? []) types.set(name, { type: values.type, dims });
  for (const [name, { type, dims }] of graph.initializers) types.set(name, { type, dims });
  return types;
}

function lookUp(scope: Scope | undefined, name: string): Known | undefined {
  if (name === '') return undefined;
  for (let at = scope; at !== undefined; at = at.outer) {
    const found = at.values.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Infers a graph inside another; `given` are the types of its inputs where the outer graph knows them. */
function inferGraph(
  graph: Graph,
  outer: Scope,
  given: readonly (ValueType | undefined)[] = [],
): { readonly graph: Graph; readonly outputs: readonly (Known | undefined)[] } {
  const values = new Map<string, Known>();
  const scope: Scope = { ...outer, outer, values };
  const inputs = new Set(graph.inputs.map((input) => input.name));
  graph.inputs.forEach(({ name, type, container }, index) => {
    values.set(name, { type: merged(given[index], canonicalType(type) ?? container) });
  });
  for (const [name, sparse] of graph.sparseInitializers ?? [])
    values.set(name, { type: { type: sparse.values.type, dims: sparse.dims } });
  for (const [name, constant] of graph.initializers) {
    if (inputs.has(name) && outer.run.overridable) continue;
    values.set(name, { type: { type: constant.type, dims: constant.dims }, elements: knownTensor(constant) });
  }
  const declared = new Map(graph.outputs.map((output) => [output.name, output.type ?? output.container] as const));
  for (const [name, { container }] of graph.valueDetails ?? [])
    if (container !== undefined) declared.set(name, container);
  const types = new Map(graph.types);
  const nodes = graph.nodes.map((node) => inferIn(node, scope, graph.types, declared, types));
  const outputs = graph.outputs.map((output): ValueInfo => {
    const found = lookUp(scope, output.name)?.type;
    if (found === undefined) return output;
    if ('kind' in found)
      return output.container === undefined && output.type === undefined ? { ...output, container: found } : output;
    const type = outputType(found, output.type);
    return sameType(type, output.type) ? output : { ...output, type };
  });
  const sameNodes = nodes.every((node, index) => node === graph.nodes[index]);
  const sameOutputs = outputs.every((output, index) => output === graph.outputs[index]);
  const sameTypes =
    types.size === graph.types.size && Array.from(types).every(([name, type]) => graph.types.get(name) === type);
  return {
    graph: sameNodes && sameOutputs && sameTypes ? graph : { ...graph, nodes, outputs, types },
    outputs: graph.outputs.map(({ name }) => lookUp(scope, name)),
  };
}

function inferIn(
  written: Node,
  scope: Scope,
  before: ReadonlyMap<string, TensorType>,
  outputs: ReadonlyMap<string, ValueType | undefined>,
  types: Map<string, TensorType>,
): Node {
  const { run } = scope;
  if (scope.repeats) run.repeated++;
  const node = bound(written, scope.bindings);
  const subgraphs = new Map<string, { readonly graph: Graph; readonly outputs: readonly (Known | undefined)[] }>();
  const input = (index: number) => lookUp(scope, node.inputs[index]!);
  const local = run.functions.size === 0 ? undefined : run.functions.get(functionKey({ ...node, name: node.opType }));
  const found =
    local !== undefined
      ? inferCall(local, node, scope)
      : inferNode(node, {
          input,
          version: scope.opsets[isDefaultDomain(node.domain) ? '' : node.domain] ?? scope.opsets['ai.onnx'],
          affordable: () => run.repeated < MAX_REPEATED_NODES,
          subgraph: (name, given) => {
            const attribute = Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
            if (attribute?.kind !== 'graph') return [];
            const inner = subgraphs.has(name) ? { ...scope, repeats: true } : scope;
            const inferred = inferGraph(attribute.value, inner, given);
            subgraphs.set(name, inferred);
            return inferred.outputs.map((output) => output?.type);
          },
        });
  node.outputs.forEach((name, index) => {
    if (name === '') return;
    const type = merged(found[index]?.type, canonicalType(outputs.get(name) ?? before.get(name)));
    scope.values.set(name, { type, elements: found[index]?.elements });
    const dense = asTensor(type);
    if (dense !== undefined && !sameType(dense, before.get(name))) types.set(name, dense);
  });
  const attributes = Object.entries(written.attributes).map(([name, attribute]) => {
    return [name, inferAttribute(attribute, scope, subgraphs.get(name)?.graph)] as const;
  });
  return attributes.every(([name, value]) => value === written.attributes[name])
    ? written
    : { ...written, attributes: Object.fromEntries(attributes) };
}

/** An attribute with its subgraphs inferred, those that no rule looked into from nothing but the outer graph. */
function inferAttribute(attribute: Attribute, scope: Scope, inferred: Graph | undefined): Attribute {
  if (attribute.kind === 'graph') {
    const value = inferred ?? inferGraph(attribute.value, scope).graph;
    return value === attribute.value ? attribute : { ...attribute, value };
  }
  if (attribute.kind !== 'graphs') return attribute;
  const value = attribute.value.map((graph) => inferGraph(graph, scope).graph);
  return value.every((graph, index) => graph === attribute.value[index]) ? attribute : { ...attribute, value };
}

/** The outputs of a local function, by way of its body; nothing when calls nest too deep or too much was inferred. */
function inferCall(local: LocalFunction, node: Node, scope: Scope): readonly (Known | undefined)[] {
  const { run } = scope;
  if (scope.calls >= MAX_CALLS || run.repeated >= MAX_REPEATED_NODES) return [];
  const inner: Scope = {
    run,
    values: new Map(local.inputs.map((name, index) => [name, lookUp(scope, node.inputs[index] ?? '') ?? {}])),
    opsets: Object.keys(local.opsets).length === 0 ? scope.opsets : local.opsets,
    bindings: { ...local.attributes, ...node.attributes },
    calls: scope.calls + 1,
    repeats: true,
  };
  const types = new Map<string, TensorType>();
  for (const each of local.nodes) inferIn(each, inner, types, new Map(), types);
  return local.outputs.map((name) => inner.values.get(name));
}

/** A node of a function's body with the attributes of the call in the place of references to them. */
function bound(node: Node, bindings: Readonly<Record<string, Attribute>> | undefined): Node {
  if (bindings === undefined || !Object.values(node.attributes).some(({ kind }) => kind === 'ref')) return node;
  const entries = Object.entries(node.attributes).flatMap(([name, attribute]): [string, Attribute][] => {
    if (attribute.kind !== 'ref') return [[name, attribute]];
    return Object.hasOwn(bindings, attribute.value) ? [[name, bindings[attribute.value]!]] : [];
  });
  return { ...node, attributes: Object.fromEntries(entries) };
}

function functionKey({ domain, name, overload = '' }: Pick<LocalFunction, 'domain' | 'name' | 'overload'>): string {
  return JSON.stringify([isDefaultDomain(domain) ? '' : domain, name, overload]);
}

/** An inferred type, completed by what was declared where the two agree. */
function merged(found: ValueType | undefined, declared: ValueType | undefined): ValueType | undefined {
  if (found === undefined || declared === undefined) return found ?? declared;
  if ('kind' in found || 'kind' in declared) return found;
  if (found.type !== declared.type || declared.dims === undefined) return found;
  const { dims } = found;
  if (dims === undefined) return declared;
  if (dims.length !== declared.dims.length) return found;
  const next = dims.map((dim, axis) => mergeDim(dim, declared.dims![axis]));
  if (next.every((dim, axis) => dim === declared.dims![axis])) return declared;
  return { type: found.type, dims: next };
}

/** A type whose dimensions are written in the one way of `dims.ts`. */
function canonicalType(type: ValueType | undefined): ValueType | undefined {
  if (type === undefined || 'kind' in type || type.dims === undefined) return type;
  const dims = type.dims.map(canonical);
  return dims.every((dim, axis) => dim === type.dims![axis]) ? type : { type: type.type, dims };
}

/** The type of a graph output: as inferred, with the names the model gives its dimensions. */
function outputType(found: TensorType, declared: TensorType | undefined): TensorType {
  if (found.type !== declared?.type || found.dims?.length !== declared.dims?.length) return found;
  const dims = found.dims?.map((dim, axis) => {
    const said = declared.dims![axis];
    return typeof said === 'string' && typeof dim !== 'number' ? said : dim;
  });
  return tensor(found.type, dims);
}
