import { dataTypeOf } from '../data-type.ts';
import { SlmError } from '../errors.ts';
import type { Attribute, DataType, Dim, Node, TensorType, ValueType } from '../model.ts';

/** What is known of the elements of a small tensor, row-major; a name is the size it stands for. */
export interface KnownValue {
  readonly dims: readonly number[];
  readonly elements: readonly Dim[];
}

/** What a rule may look at. */
export interface RuleContext {
  readonly node: Node;
  /** The version of the node's operator set; the newest when the model does not say. */
  readonly version: number;
  /** Types of the inputs, `undefined` where unknown, omitted or no tensor. */
  readonly inputs: readonly (TensorType | undefined)[];
  /** Types of the inputs, of any kind. */
  readonly values: readonly (ValueType | undefined)[];
  /** What is known of an input's elements. */
  known(input: number): KnownValue | undefined;
  /** True when the input is there (not omitted). */
  has(input: number): boolean;
  /**
   * Infers a subgraph, which sees this graph's values, from the types of its inputs; the types of its outputs. The last
   * call for an attribute is the one that stays in the model.
   */
  subgraph(attribute: string, inputs: readonly (ValueType | undefined)[]): readonly (ValueType | undefined)[];
  /** False when so much was inferred more than once that a rule must do with one call of `subgraph`. */
  affordable(): boolean;
}

/** The types of a node's outputs; `undefined` or missing where nothing is known. */
export type TypeRule = (context: RuleContext) => readonly (ValueType | undefined)[];

/** What is known of the elements of a node's outputs. */
export type ValueRule = (context: ValueContext) => readonly (KnownValue | undefined)[];

/** What a rule of elements may look at besides. */
export interface ValueContext extends RuleContext {
  /** The type of an output, as the type rule found it. */
  output(index: number): TensorType | undefined;
}

/** More axes than any tensor has. */
const MAX_RANK = 1024;

/** An attribute by name; never something inherited. */
export function attributeOf(node: Node, name: string): Attribute | undefined {
  return Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
}

/** An integer attribute, `fallback` when it is absent or not an integer. */
export function intOf<T>(node: Node, name: string, fallback: T): number | T {
  const attribute = attributeOf(node, name);
  return attribute?.kind === 'int' && typeof attribute.value === 'number' ? attribute.value : fallback;
}

/** An integer-list attribute, `undefined` when it is absent. */
export function intsOf(node: Node, name: string): readonly number[] | undefined {
  const attribute = attributeOf(node, name);
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
}

/** A text attribute, `fallback` when it is absent. */
export function textOf(node: Node, name: string, fallback: string): string {
  const attribute = attributeOf(node, name);
  return attribute?.kind === 'string' ? attribute.value : fallback;
}

/** The element type that an attribute names by its number (`to`, `dtype`); `undefined` when it is absent. */
export function dataTypeAttribute(node: Node, name: string): DataType | undefined {
  const number = intOf(node, name, undefined);
  return number === undefined ? undefined : dataTypeOf(number);
}

/** The integers of an attribute or, in later operator sets, of an input; `absent` when neither is given. */
export function listOf(context: RuleContext, name: string, input: number): readonly number[] | 'absent' | undefined {
  const attribute = intsOf(context.node, name);
  if (attribute !== undefined) return attribute;
  if (!context.has(input)) return 'absent';
  if (context.inputs[input]?.dims?.[0] === 0) return [];
  const elements = context.known(input)?.elements;
  return elements?.every((element) => typeof element === 'number') ? (elements as readonly number[]) : undefined;
}

/** The only element of an input, as far as it is known. */
export function elementOf(context: RuleContext, input: number): Dim {
  const elements = context.known(input)?.elements;
  return elements?.length === 1 ? elements[0] : undefined;
}

/** Counts a negative axis from the end. Throws `ONNX_INVALID` when it is out of range. */
export function axisOf(axis: number, rank: number, node: Node): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) throw invalid(node, `an axis of a rank-${rank} tensor`, `${axis}`);
  return at;
}

/** A tensor type; `dims` stay out when unknown. */
export function tensor(type: DataType, dims: readonly Dim[] | undefined): TensorType {
  return dims === undefined ? { type } : { type, dims };
}

/** A tensor of another's element type; `undefined` when that is unknown. */
export function like(x: TensorType | undefined, dims: readonly Dim[] | undefined): TensorType | undefined {
  return x && tensor(x.type, dims);
}

/** Unknown sizes of as many axes; `undefined` when their number is unknown. */
export function unknownDims(rank: Dim): readonly Dim[] | undefined {
  return typeof rank === 'number' && rank >= 0 && rank <= MAX_RANK ? Array<Dim>(rank).fill(undefined) : undefined;
}

/** A shape with another last size; a scalar's has none. */
export function withLast<Shape extends readonly Dim[] | undefined>(dims: Shape, size: Dim): Shape | readonly Dim[] {
  return dims === undefined || dims.length === 0 ? dims : dims.with(-1, size);
}

/** The type of a value that is a dense tensor. */
export function asTensor(type: ValueType | undefined): TensorType | undefined {
  return type === undefined || 'kind' in type ? undefined : type;
}

/** What two types have in common, such as those of the two branches of an If. */
export function commonType(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a === undefined || b === undefined || a === b) return a === b ? a : undefined;
  if ('kind' in a || 'kind' in b) {
    if (!('kind' in a) || !('kind' in b)) return undefined;
    if ((a.kind !== 'sequence' && a.kind !== 'optional') || a.kind !== b.kind) return undefined;
    const element = commonType(a.element, b.element);
    return element && { kind: a.kind, element };
  }
  if (a.type !== b.type) return undefined;
  if (a.dims === undefined || a.dims.length !== b.dims?.length) return tensor(a.type, undefined);
  return tensor(
    a.type,
    a.dims.map((dim, axis) => (dim === b.dims![axis] ? dim : undefined)),
  );
}

/** True for two types that say the same. */
export function sameType(a: ValueType | undefined, b: ValueType | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if ('kind' in a || 'kind' in b) return JSON.stringify(a) === JSON.stringify(b);
  if (a.type !== b.type || a.dims?.length !== b.dims?.length) return false;
  return a.dims === undefined || a.dims.every((dim, axis) => dim === b.dims![axis]);
}

/** An `ONNX_INVALID` error that names the node. */
export function invalid(node: Node, expected: string, got: string, hint?: string): SlmError {
  const where = `node ${JSON.stringify(node.name || node.outputs[0] || '')} (${node.opType})`;
  return new SlmError(
    'ONNX_INVALID',
    `${where}: expected ${expected}, got ${got}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

/** The same rule for several operators, named in a text with spaces between. */
export function rows(names: string, rule: TypeRule): Readonly<Record<string, TypeRule>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** One output like the first input. */
export const sameAsFirst: TypeRule = ({ values: [x] }) => [x];

/** One output of the first input's shape and another element type. */
export function sameShape(type: DataType): TypeRule {
  return ({ inputs: [x] }) => [tensor(type, x?.dims)];
}
