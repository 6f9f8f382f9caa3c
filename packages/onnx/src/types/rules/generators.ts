import type { Attribute, DataType, Dim, TensorType } from '../../model.ts';
import { ceilDivide, subtract } from '../dims.ts';
import {
  attributeOf,
  dataTypeAttribute,
  elementOf,
  intOf,
  intsOf,
  like,
  rows,
  type TypeRule,
  tensor,
  unknownDims,
} from '../rule.ts';

/** A window function of a given size. */
const windowFunction: TypeRule = (context) => [
  tensor(dataTypeAttribute(context.node, 'output_datatype') ?? 'float32', [elementOf(context, 0)]),
];

/** Operators that make tensors from sizes, attributes and chance. */
export const generatorRules: Readonly<Record<string, TypeRule>> = {
  Constant: ({ node }) => [constantType(node.attributes)],
  ConstantOfShape: (context) => {
    const value = attributeOf(context.node, 'value');
    const type = value?.kind === 'tensor' ? value.value.type : 'float32';
    return [tensor(type, context.known(0)?.elements ?? unknownDims(context.inputs[0]?.dims?.[0]))];
  },
  ...rows('RandomNormal RandomUniform', ({ node }) => [
    tensor(dataTypeAttribute(node, 'dtype') ?? 'float32', intsOf(node, 'shape')),
  ]),
  ConstantFill: (context) => {
    const shape = intOf(context.node, 'input_as_shape', 0) === 0 ? intsOf(context.node, 'shape') : undefined;
    return [tensor(dataTypeAttribute(context.node, 'dtype') ?? 'float32', shape ?? context.known(0)?.elements)];
  },
  Multinomial: ({ node, inputs: [x] }) => [
    tensor(dataTypeAttribute(node, 'dtype') ?? 'int32', [x?.dims?.[0], intOf(node, 'sample_size', 1)]),
  ],
  Range: (context) => {
    const [start, limit, delta] = context.inputs;
    const [from, to, step] = [0, 1, 2].map((input) => elementOf(context, input));
    return [like(start ?? limit ?? delta, [rangeSize(from, to, step)])];
  },
  Shape: ({ node, inputs: [x] }) => {
    const rank = x?.dims?.length;
    if (rank === undefined) return [tensor('int64', [undefined])];
    const [start, end] = shapeRange(rank, intOf(node, 'start', 0), intOf(node, 'end', rank));
    return [tensor('int64', [end - start])];
  },
  Size: () => [tensor('int64', [])],
  ...rows('BlackmanWindow HammingWindow HannWindow', windowFunction),
  MelWeightMatrix: (context) => {
    const type = dataTypeAttribute(context.node, 'output_datatype') ?? 'float32';
    const [bins, length] = [elementOf(context, 0), elementOf(context, 1)];
    const rows = typeof length === 'number' ? Math.floor(length / 2) + 1 : undefined;
    return [tensor(type, [rows, bins])];
  },
};

/** The start and end of Shape's optional slice, clamped. */
export function shapeRange(rank: number, start: number, end: number): [number, number] {
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  return [clamp(start), Math.max(clamp(start), clamp(end))];
}

/** Number of elements a Range makes. */
export function rangeSize(from: Dim, to: Dim, step: Dim): Dim {
  if (typeof from === 'number' && typeof to === 'number' && typeof step === 'number')
    return step === 0 ? undefined : Math.max(0, Math.ceil((to - from) / step));
  return typeof step === 'number' && step > 0 && Number.isInteger(step)
    ? ceilDivide(subtract(to, from), step)
    : undefined;
}

function constantType(attributes: Readonly<Record<string, Attribute>>): TensorType | undefined {
  const kinds: Readonly<Record<string, DataType>> = {
    value_float: 'float32',
    value_floats: 'float32',
    value_int: 'int64',
    value_ints: 'int64',
    value_string: 'string',
    value_strings: 'string',
  };
  for (const [name, attribute] of Object.entries(attributes)) {
    if (attribute.kind === 'tensor') return tensor(attribute.value.type, attribute.value.dims);
    if (!Object.hasOwn(kinds, name)) continue;
    return tensor(kinds[name]!, Array.isArray(attribute.value) ? [attribute.value.length] : []);
  }
  return undefined;
}
