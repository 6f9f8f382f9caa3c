import { SlmError } from '../errors.ts';
import { checkTensor } from '../io/tensor.ts';
import type { Graph, Model, Node } from '../model.ts';
import { isDefaultDomain, operatorKey } from '../operator.ts';
import { subgraphs } from '../rewrite.ts';
import {
  type Count,
  isComplete,
  isKind,
  nearestOperator,
  newestOpset,
  signatureOf,
  signaturesOf,
} from './signatures.ts';

/**
 * Checks that a model is well formed:
 *
 * 1. it has an IR version, and a version of every operator-set domain its nodes use;
 * 2. values are defined once (single assignment), before they are used (topological order);
 * 3. graph outputs are defined, inputs and outputs are named and not repeated;
 * 4. node names are unique where given;
 * 5. operators exist in the version of their operator set and have a right number of inputs and outputs, the required
 *    attributes, no unknown ones, each of the right kind; any operator of a domain that is not the ONNX project's is
 *    accepted;
 * 6. the data of initializers and tensor attributes has the length of its shape.
 *
 * Subgraphs and local functions are checked likewise. Shapes are not: see `inferTypes`.
 * Throws `ONNX_INVALID`: `where: expected, got (hint)`.
 */
export function checkModel(model: Model): void {
  if (!Number.isSafeInteger(model.irVersion) || model.irVersion < 1) {
    throw invalid('model', 'an IR version of at least 1', String(model.irVersion));
  }
  const functions = new Set((model.functions ?? []).map((local) => key(local.domain, local.name)));
  checkGraph(model.graph, 'graph', new Set(), { opsets: model.opsets, functions });
  for (const local of model.functions ?? []) {
    const where = `function ${JSON.stringify(local.name)}`;
    const values = new Set<string>();
    for (const input of local.inputs) define(values, input, `${where}, input`);
    const opsets = Object.keys(local.opsets).length === 0 ? model.opsets : local.opsets;
    checkNodes(local.nodes, where, values, { opsets: { ...model.opsets, ...opsets }, functions });
    for (const output of local.outputs) used(values, output, `${where}, output`);
  }
}

interface Rules {
  readonly opsets: Readonly<Record<string, number>>;
  readonly functions: ReadonlySet<string>;
}

function checkGraph(graph: Graph, where: string, outer: ReadonlySet<string>, rules: Rules): void {
  const values = new Set(outer);
  const own = new Set<string>();
  for (const { name } of graph.inputs) {
    if (name === '') throw invalid(`${where}, input`, 'a name', 'none');
    define(own, name, `${where}, input`);
    values.add(name);
  }
  for (const [name, tensor] of graph.initializers) {
    const place = `${where}, initializer ${JSON.stringify(name)}`;
    if (name === '') throw invalid(place, 'a name', 'none');
    checkTensor(tensor, place);
    values.add(name);
  }
  for (const [name, sparse] of graph.sparseInitializers ?? []) {
    const place = `${where}, sparse initializer ${JSON.stringify(name)}`;
    if (graph.initializers.has(name)) throw invalid(place, 'a name of its own', 'that of another initializer');
    checkTensor(sparse.values, place);
    checkTensor(sparse.indices, `${place} indices`);
    values.add(name);
  }
  checkNodes(graph.nodes, where, values, rules);
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    used(values, name, `${where}, output`);
    define(outputs, name, `${where}, output`);
  }
}

function checkNodes(nodes: readonly Node[], where: string, values: Set<string>, rules: Rules): void {
  const names = new Set<string>();
  const producers = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const output of node.outputs) if (output !== '' && !producers.has(output)) producers.set(output, index);
  });
  nodes.forEach((node, index) => {
    const place = `${where}, node ${JSON.stringify(node.name || node.outputs.find((name) => name !== '') || '')} (${node.opType})`;
    if (node.opType === '') throw invalid(place, 'an operator', 'none');
    if (node.name !== '' && names.has(node.name))
      throw invalid(place, 'a node name of its own', 'that of another node');
    names.add(node.name);
    for (const input of node.inputs) {
      if (input === '' || values.has(input)) continue;
      const producer = producers.get(input);
      const what = `value ${JSON.stringify(input)}`;
      if (producer === undefined) throw invalid(place, 'defined inputs', `unknown ${what}`);
      if (producer === index) throw invalid(place, 'inputs defined before', `its own output ${what}`);
      throw invalid(place, 'nodes in topological order', `${what} of a later node`, 'sort the nodes');
    }
    for (const graph of subgraphs(node))
      checkGraph(graph, `${place}, subgraph ${JSON.stringify(graph.name)}`, values, rules);
    checkSignature(node, place, rules);
    for (const output of node.outputs) if (output !== '') define(values, output, `${place}, output`);
  });
}

function checkSignature(node: Node, where: string, { opsets, functions }: Rules): void {
  for (const [name, attribute] of Object.entries(node.attributes)) {
    if (attribute.kind === 'tensor') checkTensor(attribute.value, `${where}, attribute ${JSON.stringify(name)}`);
  }
  if (functions.has(key(node.domain, node.opType))) return;
  const version = versionOf(opsets, node.domain);
  const domain = JSON.stringify(node.domain);
  if (version === undefined) {
    throw invalid(where, `a version of operator-set domain ${domain}`, 'none', `add it to the model's opsets`);
  }
  const signature = signatureOf(node, version);
  if (signature?.deprecated === true)
    throw invalid(where, `an operator of opset ${version}`, `${node.opType}, withdrawn at ${signature.since}`);
  if (signature === undefined) {
    if (!isComplete(node, version)) return;
    throw unknownOperator(node, where, version);
  }
  checkCount(where, 'input', node.inputs, signature.inputs, isGrowing(node.domain));
  checkCount(where, 'output', node.outputs, signature.outputs, isGrowing(node.domain));
  for (const [name, { kind, required }] of signature.attributes) {
    const value = Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
    if (value === undefined) {
      if (required) throw invalid(where, `attribute ${JSON.stringify(name)}`, 'none');
    } else if (!isKind(value, kind)) {
      throw invalid(`${where}, attribute ${JSON.stringify(name)}`, `kind ${kind}`, value.kind);
    }
  }
  if (isGrowing(node.domain) || version > newestOpset) return;
  const extra = Object.keys(node.attributes).find((name) => !signature.attributes.has(name) && !name.startsWith('__'));
  if (extra !== undefined) {
    const known = [...signature.attributes.keys()].join(', ') || 'no attributes';
    throw invalid(where, `${known} (opset ${version})`, `attribute ${JSON.stringify(extra)}`);
  }
}

/** ONNX Runtime's operators get inputs and attributes with its releases: more of them than the table has are no error. */
function isGrowing(domain: string): boolean {
  return domain === 'com.microsoft';
}

/** The version of a domain; ai.onnx may be written by its name. */
function versionOf(opsets: Rules['opsets'], domain: string): number | undefined {
  const names = isDefaultDomain(domain) ? ['', 'ai.onnx'] : [domain];
  const name = names.find((candidate) => Object.hasOwn(opsets, candidate));
  return name === undefined ? undefined : opsets[name];
}

function unknownOperator(node: Node, where: string, version: number): SlmError {
  const domain = isDefaultDomain(node.domain) ? 'ai.onnx' : node.domain;
  const [first] = signaturesOf(operatorKey(node));
  const nearest = first === undefined ? nearestOperator(node) : undefined;
  const hint = first === undefined ? nearest && `did you mean ${nearest}?` : `it came with version ${first.since}`;
  return invalid(where, `an operator of ${domain} ${version}`, JSON.stringify(node.opType), hint);
}

/** Trailing omitted values do not count; required ones may not be omitted. */
function checkCount(
  where: string,
  what: string,
  names: readonly string[],
  { min, max, omissible }: Count,
  open: boolean,
): void {
  const count = names.findLastIndex((name) => name !== '') + 1;
  if (count < Math.min(min, names.length) || names.length < min || (count > max && !open)) {
    const wanted = min === max ? `${min}` : max === Number.POSITIVE_INFINITY ? `at least ${min}` : `${min} to ${max}`;
    throw invalid(where, `${wanted} ${what}s`, `${Math.min(count, names.length)}`);
  }
  const missing = names.findIndex((name, index) => name === '' && index < min && !omissible.includes(index));
  if (missing >= 0) throw invalid(where, `${what} ${missing}`, 'none');
}

function define(values: Set<string>, name: string, where: string): void {
  if (values.has(name)) throw invalid(where, 'values defined once', `${JSON.stringify(name)} again`);
  values.add(name);
}

function used(values: ReadonlySet<string>, name: string, where: string): void {
  if (!values.has(name)) throw invalid(where, 'a defined value', `unknown value ${JSON.stringify(name)}`);
}

function key(domain: string, name: string): string {
  return `${domain}:${name}`;
}

function invalid(where: string, expected: string, got: string, hint?: string): SlmError {
  const tail = hint === undefined ? '' : ` (${hint})`;
  return new SlmError('ONNX_INVALID', `${where}: expected ${expected}, got ${got}${tail}`);
}
