import type { AttributeInput } from '../builder.ts';
import { type Attribute, type DataType, type Dim, int64, type Node, type Tensor } from '../model.ts';

/** How a node changes: what is not named stays. */
export interface Revision {
  readonly opType?: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  /** Attributes to add or exchange. */
  readonly set?: Readonly<Record<string, AttributeInput>>;
  /** Attributes to take away. */
  readonly drop?: readonly string[];
}

/** What a step sees of its node, and how it says what stands in the node's place. */
export interface StepContext {
  readonly node: Node;
  /** The version that the whole model is converted to. */
  readonly target: number;
  /** Name of an input, `''` when it is omitted. */
  x(index?: number): string;
  /** The integer of an attribute. Refuses other kinds and references to attributes of a function, as all readers do. */
  int(name: string, otherwise: number): number;
  float(name: string, otherwise: number): number;
  text(name: string, otherwise: string): string;
  ints(name: string): readonly (number | bigint)[] | undefined;
  floats(name: string): readonly number[] | undefined;
  /** An attribute of whatever kind. */
  attribute(name: string): Attribute | undefined;
  /** Element type of a value; `undefined` when unknown, as everywhere in local functions. */
  type(value: string): DataType | undefined;
  dims(value: string): readonly Dim[] | undefined;
  /** The tensor of a value that is the same in every run. */
  constant(value: string): Tensor | undefined;
  /** True when an output is given and something reads it. */
  wants(output: number): boolean;
  /** A name that nothing in the model has, made from the node's and `base`. */
  fresh(base: string): string;
  /** The value of a constant called after the node and `base`. */
  tensor(base: string, tensor: Tensor): string;
  /**
   * A rank-1 int64 constant with the integers of an attribute, `''` when it is absent or empty. In a local function the
   * attribute may be a reference to one of the function's.
   */
  vector(name: string): string;
  /** A rank-0 constant in the element type of a value. */
  scalar(base: string, value: number, like: string): string;
  /** Emits a node of the form of the version `as` (that of the step by default) and returns its only output. */
  op(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeInput>>,
    options?: { readonly as?: number; readonly output?: string },
  ): string;
  /** Emits the node itself, changed. */
  revise(revision: Revision, as?: number): void;
  cast(value: string, type: DataType, output?: string): string;
  /** Says why this form of the operator cannot be converted: what was expected, and what the node has. */
  refuse(expected: string, got: string): never;
}

/** What a version of an operator changed in a way that models of older versions must follow. */
export interface OpsetStep {
  /** The version that changed. */
  readonly to: number;
  /** Emits what computes the same in the form of version {@link to}, under the same output names; or refuses. */
  convert(c: StepContext): void;
}

/** Steps by operator (`operatorKey`), each operator's in the order of versions. */
export type StepTable = Readonly<Record<string, readonly OpsetStep[]>>;

/** The same steps for several operators, whose names are separated by spaces. */
export function forEach(names: string, ...steps: readonly OpsetStep[]): StepTable {
  return Object.fromEntries(names.split(' ').map((name) => [name, steps]));
}

/** As `c.vector`, for an input that is required: no integers are an empty constant. */
export function requiredVector(c: StepContext, name: string): string {
  return c.vector(name) || c.tensor(name, int64([]));
}

/** A step that only takes attributes away. */
export function dropping(to: number, ...names: readonly string[]): OpsetStep {
  return { to, convert: (c) => c.revise({ drop: names }) };
}
