import { isSlmError, SlmError } from '../errors.ts';
import type { Attribute, Graph, LocalFunction, Model, Node } from '../model.ts';
import { isDefaultDomain, operatorKey, rowOf } from '../operator.ts';
import type { Results, Steps } from './kernel.ts';
import { createContext, whereOf } from './kernel.ts';
import { referenceKernels } from './table.ts';
import type { AnyValue, Precision } from './value.ts';
import { describeValue, settle, toDense, toValue } from './value.ts';

/** The parts of a model that do not change while it runs. */
export interface Program {
  readonly precision: Precision;
  readonly functions: readonly LocalFunction[];
  /** Constants of graphs, converted once. */
  readonly constants: WeakMap<Graph, ReadonlyMap<string, AnyValue>>;
}

/** The values a node can name, and what else surrounds it. */
export interface Scope {
  readonly values: Map<string, AnyValue>;
  readonly opsets: Readonly<Record<string, number>>;
  /** Attributes of the enclosing function call. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outer?: Scope;
  /** How many functions and subgraphs are around. */
  readonly depth: number;
}

/** Functions and subgraphs inside each other; beyond it a function calls itself. */
const DEEPEST = 100;

export function createProgram(functions: readonly LocalFunction[], precision: Precision): Program {
  return { precision, functions, constants: new WeakMap() };
}

export function topScope(model: Pick<Model, 'opsets'>): Scope {
  return { values: new Map(), opsets: model.opsets, attributes: {}, depth: 0 };
}

/** The initializers of a graph. */
export function constantsOf(program: Program, graph: Graph): ReadonlyMap<string, AnyValue> {
  const known = program.constants.get(graph);
  if (known) return known;
  const made = new Map<string, AnyValue>();
  for (const [name, tensor] of graph.initializers) made.set(name, toValue(tensor, `reference, initializer "${name}"`));
  for (const [name, sparse] of graph.sparseInitializers ?? []) {
    made.set(name, toDense(sparse, `reference, sparse initializer "${name}"`));
  }
  program.constants.set(graph, made);
  return made;
}

/** The local function that a node calls. A model's function goes before a kernel of the same name. */
export function functionOf(functions: readonly LocalFunction[], node: Node): LocalFunction | undefined {
  return functions.find(
    ({ domain, name, overload }) =>
      name === node.opType &&
      (domain === node.domain || (isDefaultDomain(domain) && isDefaultDomain(node.domain))) &&
      (overload ?? '') === (node.overload ?? ''),
  );
}

/** Throws `REFERENCE_UNSUPPORTED` for a node that nothing here can run. */
export function checkCovered(functions: readonly LocalFunction[], nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (rowOf(referenceKernels, node) || functionOf(functions, node)) continue;
    throw new SlmError(
      'REFERENCE_UNSUPPORTED',
      `reference, node "${node.name}": expected an operator with a kernel, got ${operatorKey(node)}`,
    );
  }
}

/** Runs nodes one after another; their outputs are added to the scope. */
export function* runNodes(program: Program, nodes: readonly Node[], scope: Scope): Steps<void> {
  for (const node of nodes) {
    yield;
    const outputs = yield* runNode(program, node, scope);
    for (const [index, output] of node.outputs.entries()) {
      const made = outputs[index];
      if (output !== '' && made) scope.values.set(output, made);
    }
  }
}

/** The settled outputs of one node. */
export function* runNode(program: Program, written: Node, scope: Scope): Steps<Results> {
  const node = bound(written, scope.attributes);
  const inputs = node.inputs.map((name) => (name === '' ? undefined : found(scope, name)));
  const missing = node.inputs.find((name, index) => name !== '' && inputs[index] === undefined);
  if (missing !== undefined) {
    throw new SlmError('REFERENCE_SHAPE', `${whereOf(node)}: expected a value "${missing}", got none`);
  }
  try {
    const called = functionOf(program.functions, node);
    const outputs = called
      ? yield* runFunction(program, called, node, inputs, scope.depth)
      : yield* runKernel(program, node, inputs, scope);
    return outputs.map((output) => output && settle(output, program.precision));
  } catch (error) {
    if (
      isSlmError(error) ||
      !(error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError)
    )
      throw error;
    const got = `${inputs.map(describeValue).join(', ')} (${error.message})`;
    throw new SlmError(
      'REFERENCE_SHAPE',
      `${whereOf(node)}: expected inputs that the operator is defined for, got ${got}`,
      {
        cause: error,
      },
    );
  }
}

function* runKernel(program: Program, node: Node, inputs: Results, scope: Scope): Steps<Results> {
  const kernel = rowOf(referenceKernels, node);
  if (!kernel) {
    checkCovered(program.functions, [node]);
    return [];
  }
  const context = createContext(node, inputs, {
    opset: scope.opsets[isDefaultDomain(node.domain) ? '' : node.domain] ?? scope.opsets['ai.onnx'] ?? 1,
    precision: program.precision,
    run: (graph, values) => runSubgraph(program, graph, values, scope, whereOf(node)),
  });
  const made = kernel(context);
  return 'next' in made ? yield* made : made;
}

function* runSubgraph(
  program: Program,
  graph: Graph,
  inputs: readonly AnyValue[],
  outer: Scope,
  where: string,
): Steps<readonly AnyValue[]> {
  const values = new Map(constantsOf(program, graph));
  const scope: Scope = { ...outer, values, outer, depth: deeper(outer.depth, where) };
  for (const [index, { name }] of graph.inputs.entries()) {
    const value = inputs[index];
    if (value) values.set(name, value);
  }
  yield* runNodes(program, graph.nodes, scope);
  return graph.outputs.map(({ name }) => outputOf(scope, name, where));
}

function* runFunction(
  program: Program,
  called: LocalFunction,
  node: Node,
  inputs: Results,
  depth: number,
): Steps<Results> {
  const where = whereOf(node);
  const values = new Map<string, AnyValue>();
  for (const [index, name] of called.inputs.entries()) {
    const value = inputs[index];
    if (value) values.set(name, value);
  }
  const attributes = { ...called.attributes, ...node.attributes };
  const scope: Scope = { values, opsets: called.opsets, attributes, depth: deeper(depth, where) };
  // An input that the call omits is omitted in the body too.
  const nodes = called.nodes.map((inner) => withoutMissing(inner, called.inputs, values));
  yield* runNodes(program, nodes, scope);
  return called.outputs.map((name, index) => (node.outputs[index] ? outputOf(scope, name, where) : undefined));
}

function withoutMissing(node: Node, inputs: readonly string[], values: ReadonlyMap<string, AnyValue>): Node {
  if (!node.inputs.some((name) => inputs.includes(name) && !values.has(name))) return node;
  return { ...node, inputs: node.inputs.map((name) => (inputs.includes(name) && !values.has(name) ? '' : name)) };
}

function deeper(depth: number, where: string): number {
  if (depth < DEEPEST) return depth + 1;
  throw new SlmError(
    'REFERENCE_UNSUPPORTED',
    `${where}: expected at most ${DEEPEST} functions inside each other, got more`,
  );
}

function found(scope: Scope, name: string): AnyValue | undefined {
  for (let at: Scope | undefined = scope; at; at = at.outer) {
    const value = at.values.get(name);
    if (value) return value;
  }
  return undefined;
}

function outputOf(scope: Scope, name: string, where: string): AnyValue {
  const value = found(scope, name);
  if (value) return value;
  throw new SlmError('REFERENCE_SHAPE', `${where}: expected a value "${name}" as output of its graph, got none`);
}

/** The node with the attributes of the enclosing call in the place of references; without those that the call does not give. */
function bound(node: Node, attributes: Readonly<Record<string, Attribute>>): Node {
  if (!Object.values(node.attributes).some(({ kind }) => kind === 'ref')) return node;
  const entries = Object.entries(node.attributes).flatMap(([name, attribute]): [string, Attribute][] => {
    if (attribute.kind !== 'ref') return [[name, attribute]];
    const given = Object.hasOwn(attributes, attribute.value) ? attributes[attribute.value] : undefined;
    return given ? [[name, given]] : [];
  });
  return { ...node, attributes: Object.fromEntries(entries) };
}
