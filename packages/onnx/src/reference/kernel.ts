import { SlmError } from '../errors.ts';
import type { Attribute, Graph, Node } from '../model.ts';
import type { AnyValue, Precision, TensorValue, Value } from './value.ts';
import { describeValue, numeric } from './value.ts';

/** What a kernel sees of its node. */
export interface KernelContext {
  /** The node; attributes that refer to those of an enclosing function are resolved. */
  readonly node: Node;
  /** Version of the operator set of the node's domain. */
  readonly opset: number;
  readonly precision: Precision;
  /** `node "name"`, for messages. */
  readonly where: string;
  /** Required input, as numbers. */
  input(index: number): Value;
  /** Optional input, as numbers. */
  optional(index: number): Value | undefined;
  /** Required input with its exact elements (BigInts, texts). */
  any(index: number): TensorValue;
  /** Optional input with its exact elements. */
  optionalAny(index: number): TensorValue | undefined;
  /** Inputs of every kind: tensors, sequences, optionals. */
  readonly values: readonly (AnyValue | undefined)[];
  /** All inputs, as numbers. */
  readonly inputs: readonly (Value | undefined)[];
  int(name: string, otherwise: number): number;
  float(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  text(name: string, otherwise: string): string;
  texts(name: string): readonly string[] | undefined;
  /** A required subgraph. */
  graph(name: string): Graph;
  /** Integers of an optional input. */
  integers(index: number): readonly number[] | undefined;
  /**
   * Runs a subgraph of this node: values of its inputs in their order, and what it takes from the graphs around it. Gives its outputs. A step is
   * yielded after every node, so that a run can be cancelled.
   */
  run(graph: Graph, inputs: readonly AnyValue[]): Steps<readonly AnyValue[]>;
  /** Refuses what this interpreter does not cover: `REFERENCE_UNSUPPORTED`. */
  refuse(reason: string): never;
  /** Refuses operands that the operator is not defined for: `REFERENCE_SHAPE`. */
  misfit(expected: string, got: string): never;
}

/** A computation in small steps, so that its driver can stop it or let others work between them. */
export type Steps<Result> = Generator<void, Result, void>;

/** Outputs of a kernel; one that is `undefined` is not made. */
export type Results = readonly (AnyValue | undefined)[];

/** One operator: the values of the outputs from those of the inputs. */
export type Kernel = (context: KernelContext) => Results;

/** An operator that runs subgraphs. */
export type ControlKernel = (context: KernelContext) => Steps<Results>;

/** Wraps a possibly negative axis into `[0, rank)`. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** Like {@link axisOf}, and throws `REFERENCE_SHAPE` for an axis outside the rank. */
export function checkedAxis(c: KernelContext, axis: number, rank: number): number {
  const wrapped = axisOf(axis, rank);
  if (!(wrapped >= 0 && wrapped < rank)) c.misfit(`an axis of a tensor of rank ${rank}`, `${axis}`);
  return wrapped;
}

/** What surrounds a node. */
export interface Surroundings {
  readonly opset: number;
  readonly precision: Precision;
  run(graph: Graph, inputs: readonly AnyValue[]): Steps<readonly AnyValue[]>;
}

export function createContext(
  node: Node,
  values: readonly (AnyValue | undefined)[],
  around: Surroundings,
): KernelContext {
  const where = whereOf(node);
  const attribute = <K extends Attribute['kind']>(name: string, kind: K) => {
    const found = Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
    return found?.kind === kind ? (found as Extract<Attribute, { kind: K }>) : undefined;
  };
  const refuse = (reason: string): never => {
    throw new SlmError('REFERENCE_UNSUPPORTED', `${where}: expected a form the interpreter covers, got ${reason}`);
  };
  const misfit = (expected: string, got: string): never => {
    throw new SlmError('REFERENCE_SHAPE', `${where}: expected ${expected}, got ${got}`);
  };
  const optionalAny = (index: number): TensorValue | undefined => {
    const value = values[index];
    if (value?.kind === undefined) return value;
    if (value.kind === 'optional' && value.value?.kind === undefined && value.value) return value.value;
    return misfit('a tensor', `${describeValue(value)} as input ${index}`);
  };
  const any = (index: number) => optionalAny(index) ?? misfit(`an input ${index}`, 'none');
  const optional = (index: number) => {
    const value = optionalAny(index);
    return value && numeric(value, where);
  };
  return {
    node,
    opset: around.opset,
    precision: around.precision,
    where,
    values,
    get inputs() {
      return values.map((_, index) => optional(index));
    },
    refuse,
    misfit,
    any,
    optionalAny,
    input: (index) => numeric(any(index), where),
    optional,
    int: (name, otherwise) => Number(attribute(name, 'int')?.value ?? otherwise),
    float: (name, otherwise) => attribute(name, 'float')?.value ?? otherwise,
    ints: (name) => attribute(name, 'ints')?.value.map(Number),
    floats: (name) => attribute(name, 'floats')?.value,
    text: (name, otherwise) => attribute(name, 'string')?.value ?? otherwise,
    texts: (name) => attribute(name, 'strings')?.value,
    graph: (name) => attribute(name, 'graph')?.value ?? misfit(`a graph in attribute ${name}`, 'none'),
    integers: (index) => {
      const value = optional(index);
      return value && Array.from(value.data);
    },
    run: around.run,
  };
}

/** `reference, node "name" (Operator)`: a node without a name goes by its first output. */
export function whereOf(node: Node): string {
  return `reference, node "${node.name === '' ? (node.outputs[0] ?? '') : node.name}" (${node.opType})`;
}
