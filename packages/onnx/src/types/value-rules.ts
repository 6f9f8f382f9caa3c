import type { Dim, Node, Tensor } from '../model.ts';
import { add, divide, multiply, subtract } from './dims.ts';
import { attributeOf, intOf, type KnownValue, listOf, type RuleContext, type ValueRule } from './rule.ts';
import { rangeSize, shapeRange } from './shape-rules.ts';

/** Longest value that is followed; shapes are shorter. */
const MAX_ELEMENTS = 1024;

/** Partial evaluation of the operators that compute shapes: integers of rank 0 and 1, with names for unknown sizes. */
export const valueRules: Readonly<Record<string, ValueRule>> = {
  Constant: ({ node }) => {
    const ints = attributeOf(node, 'value_ints');
    if (ints?.kind === 'ints') return { rank: 1, elements: ints.value.map(exact) };
    const int = attributeOf(node, 'value_int');
    if (int?.kind === 'int') return { rank: 0, elements: [exact(int.value)] };
    const value = attributeOf(node, 'value');
    return value?.kind === 'tensor' ? knownTensor(value.value) : undefined;
  },
  Shape: ({ node, inputs: [x] }) => {
    const dims = x?.dims;
    if (dims === undefined) return undefined;
    const [start, end] = shapeRange(dims.length, intOf(node, 'start', 0), intOf(node, 'end', dims.length));
    return { rank: 1, elements: dims.slice(start, end) };
  },
  Size: ({ inputs: [x] }) => x?.dims && { rank: 0, elements: [multiply(x.dims)] },
  Identity: (context) => context.known(0),
  Cast: (context) => (isInteger(intOf(context.node, 'to', 0)) ? context.known(0) : undefined),
  Floor: (context) => context.known(0),
  Ceil: (context) => context.known(0),
  Unsqueeze: (context) => {
    const value = context.known(0);
    return value?.rank === 0 ? { rank: 1, elements: value.elements } : undefined;
  },
  Squeeze: (context) => {
    const value = context.known(0);
    return value?.elements.length === 1 ? { rank: 0, elements: value.elements } : undefined;
  },
  Reshape: (context) => {
    const value = context.known(0);
    const shape = context.known(1)?.elements;
    if (value === undefined || shape === undefined) return undefined;
    if (shape.length === 0) return { rank: 0, elements: value.elements };
    return shape.length === 1 ? { rank: 1, elements: value.elements } : undefined;
  },
  Gather: (context) => {
    const [value, indices] = [context.known(0), context.known(1)];
    if (value?.rank !== 1 || indices === undefined) return undefined;
    const pick = (index: Dim) => (typeof index === 'number' ? value.elements.at(index) : undefined);
    return { rank: indices.rank, elements: indices.elements.map(pick) };
  },
  Concat: (context) => {
    const parts = context.node.inputs.map((_, index) => context.known(index) ?? unknownValue(context, index));
    if (!parts.every((part) => part?.rank === 1)) return undefined;
    return { rank: 1, elements: parts.flatMap((part) => part!.elements) };
  },
  Slice: (context) => {
    const value = context.known(0);
    const [starts, ends] = [listOf(context, 'starts', 1), listOf(context, 'ends', 2)];
    const steps = listOf(context, 'steps', 4);
    if (value?.rank !== 1 || !Array.isArray(starts) || !Array.isArray(ends) || steps === undefined) return undefined;
    const step = steps === 'absent' ? 1 : steps[0]!;
    const length = value.elements.length;
    const bound = (at: number) => Math.min(Math.max(at < 0 ? at + length : at, 0), length);
    if (step !== 1) return undefined;
    return { rank: 1, elements: value.elements.slice(bound(starts[0]), bound(ends[0])) };
  },
  Add: (context) => pairwise(context, add),
  Sub: (context) => pairwise(context, subtract),
  Mul: (context) => pairwise(context, (a, b) => multiply([a, b])),
  Div: (context) =>
    pairwise(context, (a, b) => (isNumber(a) && isNumber(b) && b !== 0 ? Math.trunc(a / b) : divide(a, b))),
  Mod: (context) => pairwise(context, (a, b) => (isNumber(a) && isNumber(b) && b > 0 && a >= 0 ? a % b : undefined)),
  Max: (context) =>
    pairwise(context, (a, b) => (isNumber(a) && isNumber(b) ? Math.max(a, b) : a === b ? a : undefined)),
  Min: (context) =>
    pairwise(context, (a, b) => (isNumber(a) && isNumber(b) ? Math.min(a, b) : a === b ? a : undefined)),
  Equal: (context) =>
    pairwise(context, (a, b) => {
      if (a === undefined || b === undefined) return undefined;
      if (a === b) return 1;
      if (isNumber(a) && isNumber(b)) return 0;
      // A named size is at least 0, so it never equals a negative number.
      const number = isNumber(a) ? a : isNumber(b) ? b : undefined;
      return number !== undefined && number < 0 ? 0 : undefined;
    }),
  Where: (context) => {
    const [condition, x, y] = [context.known(0), context.known(1), context.known(2)];
    if (condition === undefined || x === undefined || y === undefined) return undefined;
    const length = Math.max(condition.elements.length, x.elements.length, y.elements.length);
    const at = (value: KnownValue, index: number) => value.elements[value.elements.length === 1 ? 0 : index];
    const elements = Array.from({ length }, (_, index): Dim => {
      const chosen = at(condition, index);
      if (chosen === undefined) return at(x, index) === at(y, index) ? at(x, index) : undefined;
      return chosen === 0 ? at(y, index) : at(x, index);
    });
    return { rank: Math.max(condition.rank, x.rank, y.rank) as 0 | 1, elements };
  },
  ReduceProd: (context) => {
    const value = context.known(0);
    const rank = intOf(context.node, 'keepdims', 1) === 0 ? 0 : 1;
    return value?.rank === 1 ? { rank, elements: [multiply(value.elements)] } : undefined;
  },
  ConstantOfShape: (context) => {
    const shape = context.known(0)?.elements;
    const value = attributeOf(context.node, 'value');
    const fill = value?.kind === 'tensor' ? knownTensor(value.value)?.elements[0] : undefined;
    const length = shape?.length === 0 ? 1 : shape?.[0];
    if (shape === undefined || shape.length > 1 || !isNumber(length) || length > MAX_ELEMENTS || fill === undefined)
      return undefined;
    return { rank: shape.length as 0 | 1, elements: Array<Dim>(length).fill(fill) };
  },
  Expand: (context) => {
    const value = context.known(0);
    const shape = context.known(1)?.elements;
    const length = shape?.[0];
    if (value?.elements.length !== 1 || shape?.length !== 1 || !isNumber(length) || length > MAX_ELEMENTS)
      return undefined;
    return { rank: 1, elements: Array<Dim>(length).fill(value.elements[0]) };
  },
  Range: (context) => {
    const [from, to, step] = [0, 1, 2].map((input) => context.known(input)?.elements[0]);
    const length = rangeSize(from, to, step);
    if (!isNumber(from) || !isNumber(step) || !isNumber(length) || length > MAX_ELEMENTS) return undefined;
    return { rank: 1, elements: Array.from({ length }, (_, index) => from + index * step) };
  },
};

/** The elements of an integer tensor of rank 0 or 1 (or of one element), when it is short. */
export function knownTensor(tensor: Tensor): KnownValue | undefined {
  const integral = ['int64', 'int32', 'bool', 'uint8', 'int8', 'int16', 'uint16', 'uint32', 'uint64'].includes(
    tensor.type,
  );
  if (!integral || tensor.dims.length > 1 || tensor.data.length > MAX_ELEMENTS) return undefined;
  return { rank: tensor.dims.length as 0 | 1, elements: Array.from(tensor.data as Iterable<number | bigint>, exact) };
}

/** A value of which only the length is known. */
function unknownValue(
  { inputs, node }: { inputs: RuleContext['inputs']; node: Node },
  index: number,
): KnownValue | undefined {
  const type = inputs[index];
  const length = type?.dims?.[0];
  if (node.inputs[index] === '' || type?.dims?.length !== 1 || !isNumber(length) || length > MAX_ELEMENTS)
    return undefined;
  return { rank: 1, elements: Array<Dim>(length).fill(undefined) };
}

function pairwise(context: RuleContext, combine: (a: Dim, b: Dim) => Dim): KnownValue | undefined {
  const [a, b] = [context.known(0), context.known(1)];
  if (a === undefined || b === undefined || context.node.inputs.length !== 2) return undefined;
  const [many, length] = [Math.max(a.rank, b.rank) as 0 | 1, Math.max(a.elements.length, b.elements.length)];
  if (![a, b].every(({ elements }) => elements.length === 1 || elements.length === length)) return undefined;
  const at = ({ elements }: KnownValue, index: number) => elements[elements.length === 1 ? 0 : index];
  return { rank: many, elements: Array.from({ length }, (_, index) => combine(at(a, index), at(b, index))) };
}

/** An integer as a dim; the large ends of slices (2^63 − 1) are clamped to the safe integers. */
function exact(value: number | bigint): number {
  const number = Number(value);
  return Math.min(Math.max(number, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function isNumber(dim: Dim): dim is number {
  return typeof dim === 'number';
}

/** True for the DataType numbers of integers and booleans. */
function isInteger(number: number): boolean {
  return [2, 3, 4, 5, 6, 7, 9, 12, 13].includes(number);
}
