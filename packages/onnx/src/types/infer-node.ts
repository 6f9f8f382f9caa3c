import type { Dim, Node, ValueType } from '../model.ts';
import { rowOf } from '../operator.ts';
import { checkOperandTypes } from './check-operand-types.ts';
import { asTensor, type KnownValue, type RuleContext, tensor } from './rule.ts';
import { typeRules } from './table.ts';
import { valueRules } from './value-rules.ts';

/** What is known of a value. */
export interface Known {
  readonly type?: ValueType | undefined;
  readonly elements?: KnownValue | undefined;
}

/** What is known around a node; without `subgraph` nothing is known of what its subgraphs give. */
export interface NodeFacts {
  /** What is known of an input that is given. */
  input(index: number): Known | undefined;
  /** The version of the node's operator set, the newest by default. */
  readonly version?: number | undefined;
  readonly subgraph?: RuleContext['subgraph'];
  readonly affordable?: RuleContext['affordable'];
}

/**
 * Types of a node's outputs and what is known of their elements, from those of its inputs; nothing where the tables
 * have no row. Throws `ONNX_INVALID` where element types do not fit or shapes contradict each other.
 */
export function inferNode(node: Node, facts: NodeFacts): readonly Known[] {
  const rule = rowOf(typeRules, node);
  const valueRule = rowOf(valueRules, node);
  if (rule === undefined && valueRule === undefined) return [];
  const inputs = node.inputs.map((name, index) => (name === '' ? undefined : facts.input(index)));
  const values = inputs.map((input) => input?.type);
  checkOperandTypes(node, values);
  const context: RuleContext = {
    node,
    version: facts.version ?? Number.POSITIVE_INFINITY,
    inputs: values.map(asTensor),
    values,
    known: (input) => inputs[input]?.elements,
    has: (input) => (node.inputs[input] ?? '') !== '',
    subgraph: facts.subgraph ?? (() => []),
    affordable: facts.affordable ?? (() => true),
  };
  const types = (rule?.(context) ?? []).map(possible);
  const elements = valueRule?.({ ...context, output: (index) => asTensor(types[index]) });
  return node.outputs.map((_, index) => ({ type: types[index], elements: elements?.[index] }));
}

/** A type without sizes that cannot be, such as a malformed model computes. */
function possible(type: ValueType | undefined): ValueType | undefined {
  const dense = asTensor(type);
  if (dense?.dims === undefined) return type;
  const isSize = (dim: Dim) => typeof dim !== 'number' || (Number.isSafeInteger(dim) && dim >= 0);
  if (dense.dims.every(isSize)) return type;
  return tensor(
    dense.type,
    dense.dims.map((dim) => (isSize(dim) ? dim : undefined)),
  );
}
