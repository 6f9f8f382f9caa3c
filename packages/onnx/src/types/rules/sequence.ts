import type { Dim, ValueType } from '../../model.ts';
import { asTensor, axisOf, commonType, dataTypeAttribute, intOf, type TypeRule, tensor } from '../rule.ts';
import { elementType } from './control-flow.ts';
import { concatenated, unsqueezed } from './shape.ts';

function sequenceOf(element: ValueType | undefined): ValueType | undefined {
  return element && { kind: 'sequence', element };
}

/** What all values of a sequence have in common. */
function common(types: readonly (ValueType | undefined)[]): ValueType | undefined {
  return types.length === 0 ? undefined : types.reduce((a, b) => commonType(a, b));
}

/** Sequences and optional values. */
export const sequenceRules: Readonly<Record<string, TypeRule>> = {
  SequenceConstruct: ({ values }) => [sequenceOf(common(values))],
  SequenceEmpty: ({ node }) => [sequenceOf(tensor(dataTypeAttribute(node, 'dtype') ?? 'float32', undefined))],
  SequenceInsert: ({ values: [sequence, item] }) => {
    const [held, dense] = [asTensor(elementType(sequence)), asTensor(item)];
    // An empty sequence says nothing of shapes, but nothing tells it from another.
    return [
      sequenceOf(held && dense ? (commonType(held, dense) ?? tensor(held.type, undefined)) : elementType(sequence)),
    ];
  },
  SequenceErase: ({ values: [sequence] }) => [sequence],
  SequenceAt: ({ values: [sequence] }) => [elementType(sequence)],
  SequenceLength: () => [tensor('int64', [])],
  ConcatFromSequence: ({ node, values: [sequence] }) => {
    const held = asTensor(elementType(sequence));
    if (held?.dims === undefined) return [held];
    const axis = intOf(node, 'axis', 0);
    if (intOf(node, 'new_axis', 0) !== 0) {
      const at = axisOf(axis, held.dims.length + 1, node);
      return [tensor(held.type, unsqueezed(node, held.dims, [at]).with(at, undefined))];
    }
    const dims = concatenated(node, [held.dims], axis);
    return [tensor(held.type, dims?.with(axisOf(axis, held.dims.length, node), undefined))];
  },
  SplitToSequence: (context) => {
    const { node, inputs } = context;
    const [x] = inputs;
    if (x?.dims === undefined) return [sequenceOf(x)];
    const axis = axisOf(intOf(node, 'axis', 0), x.dims.length, node);
    if (!context.has(1)) {
      const dims = intOf(node, 'keepdims', 1) !== 0 ? x.dims.with(axis, 1) : x.dims.toSpliced(axis, 1);
      return [sequenceOf(tensor(x.type, dims))];
    }
    const sizes = context.known(1);
    const size: Dim = sizes?.elements.every((each) => each === sizes.elements[0]) ? sizes.elements[0] : undefined;
    const whole = x.dims[axis];
    const even =
      sizes?.dims.length === 0 && typeof whole === 'number' && typeof size === 'number' && whole % size !== 0;
    return [sequenceOf(tensor(x.type, x.dims.with(axis, even ? undefined : size)))];
  },
  Optional: ({ values: [element] }) => [element && { kind: 'optional', element }],
  OptionalHasElement: () => [tensor('bool', [])],
  OptionalGetElement: ({ values: [x] }) => [x !== undefined && 'kind' in x && x.kind === 'optional' ? x.element : x],
};
