import { type AttributeInput, createGraphBuilder } from '../builder.ts';
import { dataTypes } from '../data-type.ts';
import { SlmError } from '../errors.ts';
import type { Attribute, Dim, Node, Tensor, TensorType } from '../model.ts';
import { fromNumbers } from '../number-formats.ts';
import { operatorKey, rowOf } from '../operator.ts';
import type { OpsetStep, StepContext } from './step.ts';
import { opsetSteps } from './table.ts';

/** What the conversion of a node may know of the model around it. */
export interface NodeScope {
  /** The version that the model is converted to. */
  readonly target: number;
  type(value: string): TensorType | undefined;
  constant(value: string): Tensor | undefined;
  /** True when something reads a value. */
  isUsed(value: string): boolean;
  /** A name that nothing in the model has. */
  fresh(base: string): string;
}

/** What stands in the place of a node. */
export interface ConvertedNode {
  readonly nodes: readonly Node[];
  /** Constants that the nodes use. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The versions whose form the node took on, oldest first; none when it stays as it is. */
  readonly versions: readonly number[];
}

/**
 * Converts a node from version `from` of ai.onnx, by one step after the other; what a step emits is converted in turn
 * from the version of its form on.
 * Throws `OPSET_UNCONVERTIBLE` where a step refuses.
 */
export function convertNode(node: Node, from: number, scope: NodeScope): ConvertedNode {
  const constants = new Map<string, Tensor>();
  const versions = new Set<number>();
  const raise = (current: Node, version: number): readonly Node[] => {
    const step = rowOf(opsetSteps, current)?.find(({ to }) => to > version && to <= scope.target);
    if (step === undefined) return [current];
    const emitted: Emitted[] = [];
    step.convert(createContext(current, version, step, scope, emitted, constants));
    if (emitted.some(({ node: made }) => made !== current)) versions.add(step.to);
    return emitted.flatMap(({ node: made, version: as }) => raise(made, as));
  };
  const nodes = raise(node, from);
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    nodes,
    constants: new Map(Array.from(constants).filter(([name]) => used.has(name))),
    versions: [...versions].sort((a, b) => a - b),
  };
}

/** A node with the version whose form it has. */
interface Emitted {
  readonly node: Node;
  readonly version: number;
}

function createContext(
  node: Node,
  version: number,
  step: OpsetStep,
  scope: NodeScope,
  emitted: Emitted[],
  constants: Map<string, Tensor>,
): StepContext {
  const label = node.name || node.outputs.find((output) => output !== '') || node.opType;
  const where = `convert-opset, node ${JSON.stringify(label)} (${operatorKey(node)}, opset ${version} to ${step.to})`;
  const refuse = (expected: string, got: string): never => {
    throw new SlmError('OPSET_UNCONVERTIBLE', `${where}: expected ${expected}, got ${got}`);
  };
  const attribute = (name: string): Attribute | undefined =>
    Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
  /** The value of an attribute of a kind; of another kind only where it is absent. */
  function read<K extends Attribute['kind']>(name: string, kind: K): Extract<Attribute, { kind: K }> | undefined {
    const found = attribute(name);
    if (found === undefined) return undefined;
    if (found.kind === kind) return found as Extract<Attribute, { kind: K }>;
    const got = found.kind === 'ref' ? 'a reference to an attribute of the function' : found.kind;
    return refuse(`attribute ${name} of kind ${kind}`, got);
  }
  const fresh = (base: string) => scope.fresh(`${label}/${base}`);
  const tensor = (base: string, value: Tensor): string => {
    const name = fresh(base);
    constants.set(name, value);
    return name;
  };
  const dims = (value: string): readonly Dim[] | undefined => constants.get(value)?.dims ?? scope.type(value)?.dims;

  const context: StepContext = {
    node,
    target: scope.target,
    x: (index = 0) => node.inputs[index] ?? '',
    int: (name, otherwise) => Number(read(name, 'int')?.value ?? otherwise),
    float: (name, otherwise) => read(name, 'float')?.value ?? otherwise,
    text: (name, otherwise) => read(name, 'string')?.value ?? otherwise,
    ints: (name) => read(name, 'ints')?.value,
    floats: (name) => read(name, 'floats')?.value,
    attribute,
    type: (value) => constants.get(value)?.type ?? scope.type(value)?.type,
    dims,
    constant: (value) => constants.get(value) ?? scope.constant(value),
    wants: (output) => scope.isUsed(node.outputs[output] ?? ''),
    fresh,
    tensor,
    vector(name) {
      const found = attribute(name);
      if (found?.kind === 'ref' && scope.target >= CONSTANT_LISTS) {
        return context.op('Constant', [], { value_ints: found }, { as: CONSTANT_LISTS });
      }
      const values = context.ints(name) ?? [];
      if (values.length === 0) return '';
      return tensor(name, { type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });
    },
    scalar(base, value, like) {
      const type = context.type(like);
      if (type !== undefined) return tensor(base, fromNumbers(type, [], [value]));
      if (scope.target < CAST_LIKE) return refuse(`a known type of ${JSON.stringify(like)}`, 'an unknown one');
      const single = tensor(base, fromNumbers('float32', [], [value]));
      return context.op('CastLike', [single, like], {}, { as: CAST_LIKE });
    },
    op(opType, inputs, attributes = {}, { as = step.to, output = fresh(opType) } = {}) {
      const made = { name: fresh(`${opType}.node`), opType, domain: node.domain, inputs, outputs: [output] };
      emitted.push({ node: { ...made, attributes: withAttributes({}, attributes) }, version: as });
      return output;
    },
    cast: (value, type, output) =>
      context.op('Cast', [value], { to: dataTypes[type].number }, output === undefined ? {} : { output }),
    revise({ opType = node.opType, inputs, outputs = node.outputs, set = {}, drop = [] }, as = step.to) {
      const isSame = opType === node.opType && inputs === undefined && outputs === node.outputs;
      const dropped = drop.filter((name) => Object.hasOwn(node.attributes, name));
      if (isSame && dropped.length === 0 && Object.keys(set).length === 0) {
        emitted.push({ node, version: as });
        return;
      }
      const kept = Object.entries(node.attributes).filter(([name]) => !dropped.includes(name));
      const revised = inputs === undefined ? node.inputs : trimmed(inputs);
      const attributes = withAttributes(Object.fromEntries(kept), set);
      emitted.push({ node: { ...node, opType, inputs: revised, outputs, attributes }, version: as });
    },
    refuse,
  };
  return context;
}

/** The version from which Constant takes lists as attributes. */
const CONSTANT_LISTS = 12;

/** The version that brought CastLike. */
const CAST_LIKE = 15;

function trimmed(inputs: readonly string[]): readonly string[] {
  return inputs.slice(0, inputs.findLastIndex((name) => name !== '') + 1);
}

function withAttributes(
  attributes: Readonly<Record<string, Attribute>>,
  set: Readonly<Record<string, AttributeInput>>,
): Readonly<Record<string, Attribute>> {
  const builder = createGraphBuilder('');
  builder.op('', [], set);
  return { ...attributes, ...builder.graph().nodes[0]!.attributes };
}
