import type { Attribute, Graph, Model, Node, TensorType, ValueInfo } from '../model.ts';
import { rowOf } from '../operator.ts';
import { subgraphs } from '../rewrite.ts';
import { mergeDim } from './dims.ts';
import { mathRules, microsoftRules } from './math-rules.ts';
import { type KnownValue, type RuleContext, type TypeRule, tensor } from './rule.ts';
import { shapeRules } from './shape-rules.ts';
import { knownTensor, valueRules } from './value-rules.ts';

/** Type rules by operator (`operatorKey`), one row each. */
export const typeRules: Readonly<Record<string, TypeRule>> = { ...mathRules, ...shapeRules, ...microsoftRules };

/** What is known while a graph is inferred. */
interface Scope {
  readonly types: Map<string, TensorType>;
  readonly known: Map<string, KnownValue>;
}

/**
 * Infers element types and shapes from the inputs on, with symbolic dimensions; shapes computed in the graph (Shape,
 * Gather, Concat …) are followed by partial evaluation. Every node output with a known type gets an entry in
 * `graph.types`, graph outputs too (whose dimensions keep the names the model gives them). What no rule can tell keeps its declared
 * type: a pass that changes a value's shape drops its type. The same object when nothing is new.
 *
 * Throws `ONNX_INVALID` where shapes contradict each other, for example inner sizes of a MatMul.
 */
export function inferTypes(model: Model): Model {
  const graph = inferGraph(model.graph, { types: new Map(), known: new Map() });
  return graph === model.graph ? model : { ...model, graph };
}

/** The types of all values of a graph: inputs, initializers, intermediate values, outputs. */
export function valueTypes(graph: Graph): Map<string, TensorType> {
  const types = new Map<string, TensorType>();
  for (const { name, type } of [...graph.outputs, ...graph.inputs]) if (type !== undefined) types.set(name, type);
  for (const [name, type] of graph.types) types.set(name, type);
  for (const [name, { values, dims }] of graph.sparseInitializers ?? []) types.set(name, { type: values.type, dims });
  for (const [name, { type, dims }] of graph.initializers) types.set(name, { type, dims });
  return types;
}

function inferGraph(graph: Graph, outer: Scope): Graph {
  const scope: Scope = { types: new Map(outer.types), known: new Map(outer.known) };
  const inputs = new Set(graph.inputs.map((input) => input.name));
  for (const { name, type } of graph.inputs) if (type !== undefined) scope.types.set(name, type);
  for (const [name, { values, dims }] of graph.sparseInitializers ?? [])
    scope.types.set(name, { type: values.type, dims });
  for (const [name, tensor] of graph.initializers) {
    if (!inputs.has(name)) scope.types.set(name, { type: tensor.type, dims: tensor.dims });
    const known = inputs.has(name) ? undefined : knownTensor(tensor);
    if (known !== undefined) scope.known.set(name, known);
  }
  const declared = new Map(
    graph.outputs.flatMap(({ name, type }) => (type === undefined ? [] : [[name, type] as const])),
  );
  const types = new Map(graph.types);
  const nodes = graph.nodes.map((node) => inferNode(node, scope, graph.types, declared, types));
  const outputs = graph.outputs.map((output): ValueInfo => {
    const found = scope.types.get(output.name);
    if (found === undefined) return output;
    const type = outputType(found, output.type);
    return sameType(type, output.type) ? output : { ...output, type };
  });
  const sameNodes = nodes.every((node, index) => node === graph.nodes[index]);
  const sameOutputs = outputs.every((output, index) => output === graph.outputs[index]);
  const sameTypes =
    types.size === graph.types.size && Array.from(types).every(([name, type]) => graph.types.get(name) === type);
  return sameNodes && sameOutputs && sameTypes ? graph : { ...graph, nodes, outputs, types };
}

function inferNode(
  node: Node,
  scope: Scope,
  before: ReadonlyMap<string, TensorType>,
  outputs: ReadonlyMap<string, TensorType>,
  types: Map<string, TensorType>,
): Node {
  const context: RuleContext = {
    node,
    inputs: node.inputs.map((name) => scope.types.get(name)),
    known: (input) => scope.known.get(node.inputs[input] ?? ''),
    has: (input) => (node.inputs[input] ?? '') !== '',
    branch: (graph) => {
      const inferred = inferGraph(graph, scope);
      return inferred.outputs.map((output) => output.type);
    },
  };
  const found = rowOf(typeRules, node)?.(context) ?? [];
  node.outputs.forEach((name, index) => {
    if (name === '') return;
    const type = merged(found[index], outputs.get(name) ?? before.get(name));
    if (type === undefined) return;
    scope.types.set(name, type);
    if (!sameType(type, before.get(name))) types.set(name, type);
  });
  const known = rowOf(valueRules, node)?.(context);
  if (known !== undefined) scope.known.set(node.outputs[0]!, known);
  return subgraphs(node).length === 0 ? node : inferSubgraphs(node, scope);
}

function inferSubgraphs(node: Node, scope: Scope): Node {
  const infer = (attribute: Attribute): Attribute => {
    if (attribute.kind === 'graph') {
      const value = inferGraph(attribute.value, scope);
      return value === attribute.value ? attribute : { ...attribute, value };
    }
    if (attribute.kind !== 'graphs') return attribute;
    const value = attribute.value.map((graph) => inferGraph(graph, scope));
    return value.every((graph, index) => graph === attribute.value[index]) ? attribute : { ...attribute, value };
  };
  const entries = Object.entries(node.attributes).map(([name, value]) => [name, infer(value)] as const);
  return entries.every(([name, value]) => value === node.attributes[name])
    ? node
    : { ...node, attributes: Object.fromEntries(entries) };
}

/** An inferred type, completed by what was declared where the two agree. */
function merged(found: TensorType | undefined, declared: TensorType | undefined): TensorType | undefined {
  if (found === undefined || declared === undefined) return found ?? declared;
  if (found.type !== declared.type || declared.dims === undefined) return found;
  const { dims } = found;
  if (dims === undefined) return declared;
  if (dims.length !== declared.dims.length) return found;
  const next = dims.map((dim, axis) => mergeDim(dim, declared.dims![axis]));
  if (next.every((dim, axis) => dim === declared.dims![axis])) return declared;
  return { type: found.type, dims: next };
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

function sameType(a: TensorType, b: TensorType | undefined): boolean {
  if (a === b) return true;
  if (a.type !== b?.type || a.dims?.length !== b.dims?.length) return false;
  return a.dims === undefined || a.dims.every((dim, axis) => dim === b.dims![axis]);
}
