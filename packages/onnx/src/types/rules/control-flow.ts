import type { Dim, TensorType, ValueType } from '../../model.ts';
import { mergeDim } from '../dims.ts';
import {
  asTensor,
  axisOf,
  commonType,
  elementOf,
  intOf,
  intsOf,
  type RuleContext,
  sameType,
  type TypeRule,
  tensor,
} from '../rule.ts';

type Types = readonly (ValueType | undefined)[];

/** Rounds of a loop's body; the last ones forget the shapes of what still changes. */
const MAX_ROUNDS = 3;

/** Operators that run subgraphs. */
export const controlFlowRules: Readonly<Record<string, TypeRule>> = {
  If: (context) => {
    const then = context.subgraph('then_branch', []);
    const otherwise = context.subgraph('else_branch', []);
    const condition = elementOf(context, 0);
    if (typeof condition === 'number') return condition === 0 ? otherwise : then;
    return context.node.outputs.map((_, index) => commonType(then[index], otherwise[index]));
  },
  Loop: (context) => {
    const initial = context.values.slice(2);
    const head = [tensor('int64', []), tensor('bool', [])];
    const { states, rest } = iterated(context, initial, (carried) => {
      const [, ...outputs] = context.subgraph('body', [...head, ...carried]);
      return outputs;
    });
    return [...states, ...rest.map((type) => stacked(type, undefined, 0, context))];
  },
  Scan: (context) => (context.version < 9 ? scan8(context) : scan(context)),
  SequenceMap: (context) => {
    const items = context.values.map((type, index) => (index === 0 || isSequence(type) ? elementType(type) : type));
    return context.subgraph('body', items).map((element) => element && { kind: 'sequence', element });
  },
};

/** True for a sequence of values. */
function isSequence(type: ValueType | undefined): boolean {
  return type !== undefined && 'kind' in type && type.kind === 'sequence';
}

/** What a sequence or an optional holds. */
export function elementType(type: ValueType | undefined): ValueType | undefined {
  return type !== undefined && 'kind' in type && (type.kind === 'sequence' || type.kind === 'optional')
    ? type.element
    : undefined;
}

/**
 * The types of a loop's states, which hold before and after every round, and of its body's other outputs. States begin
 * as they are given; sizes that a round changes are unknown.
 */
function iterated(
  context: RuleContext,
  initial: Types,
  body: (states: Types) => Types,
): { readonly states: Types; readonly rest: Types } {
  let states = context.affordable() ? initial : initial.map(withoutDims);
  for (let round = 1; ; round++) {
    const outputs = body(states);
    const after = states.map((state, index) => commonState(state, outputs[index]));
    const rest = outputs.slice(initial.length);
    if (after.every((state, index) => sameType(state, states[index]))) return { states: after, rest };
    if (round === MAX_ROUNDS) return { states: after.map(withoutDims), rest: rest.map(withoutDims) };
    const hurried = round === MAX_ROUNDS - 1 || !context.affordable();
    states = after.map((state, index) => (hurried && !sameType(state, states[index]) ? withoutDims(state) : state));
  }
}

/** What a state's types before and after a round have in common; the element type stays the first one. */
function commonState(before: ValueType | undefined, after: ValueType | undefined): ValueType | undefined {
  if (before === undefined || after === undefined) return before;
  return commonType(before, after) ?? withoutDims(before);
}

function withoutDims(type: ValueType | undefined): ValueType | undefined {
  const dense = asTensor(type);
  return dense === undefined ? type : tensor(dense.type, undefined);
}

/** A body's output put together along a new axis. */
function stacked(type: ValueType | undefined, count: Dim, axis: number, { node }: RuleContext): TensorType | undefined {
  const dense = asTensor(type);
  if (dense?.dims === undefined) return dense;
  return tensor(dense.type, dense.dims.toSpliced(axisOf(axis, dense.dims.length + 1, node), 0, count));
}

/** Scan from opset 9 on: states, then tensors taken apart along `scan_input_axes`. */
function scan(context: RuleContext): Types {
  const { node, inputs, values } = context;
  const scanned = intOf(node, 'num_scan_inputs', 1);
  const stateCount = Math.max(0, values.length - scanned);
  const axes = intsOf(node, 'scan_input_axes') ?? [];
  let length: Dim;
  const slices = inputs.slice(stateCount).map((x, index) => {
    if (x?.dims === undefined) return x;
    const axis = axisOf(axes[index] ?? 0, x.dims.length, node);
    length = mergeDim(length, x.dims[axis]);
    return tensor(x.type, x.dims.toSpliced(axis, 1));
  });
  const { states, rest } = iterated(context, values.slice(0, stateCount), (carried) =>
    context.subgraph('body', [...carried, ...slices]),
  );
  const outputAxes = intsOf(node, 'scan_output_axes') ?? [];
  return [...states, ...rest.map((type, index) => stacked(type, length, outputAxes[index] ?? 0, context))];
}

/** Scan of opset 8: sequence lengths, then states and tensors of [batch, …] and [batch, sequence, …]. */
function scan8(context: RuleContext): Types {
  const inputs = context.inputs.slice(1);
  const stateCount = Math.max(0, inputs.length - intOf(context.node, 'num_scan_inputs', 1));
  let batch: Dim;
  let length: Dim;
  const items = inputs.map((x, index) => {
    if (x?.dims === undefined) return x;
    batch = mergeDim(batch, x.dims[0]);
    if (index >= stateCount) length = mergeDim(length, x.dims[1]);
    return tensor(x.type, x.dims.slice(index < stateCount ? 1 : 2));
  });
  const slices = items.slice(stateCount);
  const { states, rest } = iterated(context, items.slice(0, stateCount), (carried) =>
    context.subgraph('body', [...carried, ...slices]),
  );
  const wrapped = (type: ValueType | undefined, outer: readonly Dim[]): TensorType | undefined => {
    const dense = asTensor(type);
    return dense?.dims === undefined ? dense : tensor(dense.type, [...outer, ...dense.dims]);
  };
  return [...states.map((type) => wrapped(type, [batch])), ...rest.map((type) => wrapped(type, [batch, length]))];
}
