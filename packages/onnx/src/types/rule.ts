import { SlmError } from '../errors.ts';
import type { Attribute, DataType, Dim, Graph, Node, TensorType } from '../model.ts';

/** What is known of the elements of an integer value of rank 0 or 1; a name is the size it stands for. */
export interface KnownValue {
  readonly rank: 0 | 1;
  readonly elements: readonly Dim[];
}

/** What a rule may look at. */
export interface RuleContext {
  readonly node: Node;
  /** Types of the inputs, `undefined` where unknown or omitted. */
  readonly inputs: readonly (TensorType | undefined)[];
  /** What is known of an input's elements. */
  known(input: number): KnownValue | undefined;
  /** True when the input is there (not omitted). */
  has(input: number): boolean;
  /** Infers a subgraph that sees this graph's values; the types of its outputs. */
  branch(graph: Graph): readonly (TensorType | undefined)[];
}

/** The types of a node's outputs; `undefined` or missing where nothing is known. */
export type TypeRule = (context: RuleContext) => readonly (TensorType | undefined)[];

/** The elements of a node's only output. */
export type ValueRule = (context: RuleContext) => KnownValue | undefined;

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

/** An attribute by name; never something inherited. */
export function attributeOf(node: Node, name: string): Attribute | undefined {
  return Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
}

/** The integers of an attribute or, in later operator sets, of an input; `absent` when neither is given. */
export function listOf(context: RuleContext, name: string, input: number): readonly number[] | 'absent' | undefined {
  const attribute = intsOf(context.node, name);
  if (attribute !== undefined) return attribute;
  if (!context.has(input)) return 'absent';
  const elements = context.known(input)?.elements;
  return elements?.every((element) => typeof element === 'number') ? (elements as readonly number[]) : undefined;
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

/** An `ONNX_INVALID` error that names the node. */
export function invalid(node: Node, expected: string, got: string): SlmError {
  const where = `node ${JSON.stringify(node.name || node.outputs[0] || '')} (${node.opType})`;
  return new SlmError('ONNX_INVALID', `${where}: expected ${expected}, got ${got}`);
}
