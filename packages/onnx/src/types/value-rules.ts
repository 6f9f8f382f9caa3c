import type { DataType, Dim } from '../model.ts';
import { add, divide, floorDivide, isAtLeast, leastOf, multiply, subtract } from './dims.ts';
import {
  combined,
  elementAt,
  exact,
  knownOrShape,
  knownTensor,
  listValue,
  MAX_ELEMENTS,
  picked,
  roundTo,
  scalarOf,
} from './known-value.ts';
import {
  attributeOf,
  axisOf,
  dataTypeAttribute,
  elementOf,
  intOf,
  intsOf,
  type KnownValue,
  listOf,
  type RuleContext,
  type ValueContext,
  type ValueRule,
} from './rule.ts';
import { rangeSize, shapeRange } from './rules/generators.ts';
import { splitSizes } from './rules/shape.ts';

/** Partial evaluation of the operators that compute shapes: small tensors of numbers, with names for unknown sizes. */
export const valueRules: Readonly<Record<string, ValueRule>> = {
  Constant: ({ node }) => {
    const value = attributeOf(node, 'value');
    if (value?.kind === 'tensor') return [knownTensor(value.value)];
    const ints = attributeOf(node, 'value_ints');
    if (ints?.kind === 'ints') return [ints.value.length > MAX_ELEMENTS ? undefined : listValue(ints.value.map(exact))];
    const int = attributeOf(node, 'value_int');
    return [int?.kind === 'int' ? scalarOf(exact(int.value)) : undefined];
  },
  Shape: ({ node, inputs: [x] }) => {
    if (x?.dims === undefined) return [];
    const [start, end] = shapeRange(x.dims.length, intOf(node, 'start', 0), intOf(node, 'end', x.dims.length));
    return [listValue(x.dims.slice(start, end))];
  },
  Size: ({ inputs: [x] }) => [x?.dims && scalarOf(multiply(x.dims))],
  Identity: (context) => [context.known(0)],
  Cast: (context) => [cast(context, dataTypeAttribute(context.node, 'to'))],
  CastLike: (context) => [cast(context, context.inputs[1]?.type)],
  Floor: (context) => [rounded(context, Math.floor)],
  Ceil: (context) => [rounded(context, Math.ceil)],
  Neg: (context) => [combined([context.known(0)], (x) => subtract(0, x))],
  Abs: (context) => [
    combined([context.known(0)], (x) => (isNumber(x) ? Math.abs(x) : isAtLeast(x, 0) ? x : undefined)),
  ],
  Not: (context) => [combined([context.known(0)], (x) => (isNumber(x) ? Number(x === 0) : undefined))],
  Unsqueeze: reshaped,
  Squeeze: reshaped,
  Reshape: reshaped,
  Flatten: reshaped,
  Transpose: (context) => {
    const value = context.known(0);
    if (value === undefined) return [];
    const rank = value.dims.length;
    const perm = intsOf(context.node, 'perm') ?? value.dims.map((_, axis) => rank - 1 - axis);
    const dims = perm.map((axis) => value.dims[axis]!);
    return [
      picked(dims, (index) =>
        elementAt(
          value,
          value.dims.map((_, axis) => index[perm.indexOf(axis)]!),
        ),
      ),
    ];
  },
  Gather: (context) => {
    const [value, indices] = [context.known(0), context.known(1)];
    if (value === undefined || indices === undefined || value.dims.length === 0) return [];
    const axis = axisOf(intOf(context.node, 'axis', 0), value.dims.length, context.node);
    const size = value.dims[axis]!;
    const dims = [...value.dims.slice(0, axis), ...indices.dims, ...value.dims.slice(axis + 1)];
    const inner = indices.dims.length;
    return [
      picked(dims, (index) => {
        const at = elementAt(indices, index.slice(axis, axis + inner));
        if (!isNumber(at)) return undefined;
        const place = at < 0 ? at + size : at;
        if (place < 0 || place >= size) return undefined;
        return elementAt(value, [...index.slice(0, axis), place, ...index.slice(axis + inner)]);
      }),
    ];
  },
  Concat: (context) => {
    const parts = context.node.inputs.map((_, index) => knownOrShape(context, index));
    if (parts.length === 0 || !parts.every((part) => part !== undefined)) return [];
    const first = parts[0]!;
    if (first.dims.length === 0 || !parts.every((part) => part.dims.length === first.dims.length)) return [];
    const axis = axisOf(intOf(context.node, 'axis', 0), first.dims.length, context.node);
    const dims = first.dims.with(
      axis,
      parts.reduce((sum, part) => sum + part.dims[axis]!, 0),
    );
    return [
      picked(dims, (index) => {
        let at = index[axis]!;
        for (const part of parts) {
          if (at < part.dims[axis]!) return elementAt(part, index.with(axis, at));
          at -= part.dims[axis]!;
        }
        return undefined;
      }),
    ];
  },
  Split: (context) => {
    const value = context.known(0);
    if (value?.dims.length !== 1) return [];
    let start = 0;
    return splitSizes(context, context.node.outputs.length).map((dims) => {
      const size = dims?.[0];
      if (!isNumber(size) || !isNumber(start)) {
        start = Number.NaN;
        return undefined;
      }
      start += size;
      return Number.isNaN(start) ? undefined : listValue(value.elements.slice(start - size, start));
    });
  },
  Slice: (context) => {
    const value = context.known(0);
    const [starts, ends] = [listOf(context, 'starts', 1), listOf(context, 'ends', 2)];
    const [axes, steps] = [listOf(context, 'axes', 3), listOf(context, 'steps', 4)];
    if (value === undefined || !Array.isArray(starts) || !Array.isArray(ends)) return [];
    if (axes === undefined || steps === undefined) return [];
    const from = value.dims.map(() => 0);
    const by = value.dims.map(() => 1);
    const dims = [...value.dims];
    starts.forEach((start: number, index) => {
      const axis = axisOf(axes === 'absent' ? index : (axes[index] ?? 0), dims.length, context.node);
      const step = steps === 'absent' ? 1 : (steps[index] ?? 1);
      const [size, end] = [value.dims[axis]!, ends[index] as number];
      const place = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
      const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
      from[axis] = place(start, Math.max(low, 0), high);
      by[axis] = step;
      dims[axis] = Math.max(0, Math.ceil((place(end, low, high) - from[axis]!) / step)) || 0;
    });
    return [
      picked(dims, (index) =>
        elementAt(
          value,
          index.map((at, axis) => from[axis]! + at * by[axis]!),
        ),
      ),
    ];
  },
  Add: arithmetic(add),
  Sub: arithmetic(subtract),
  Mul: arithmetic((a, b) => multiply([a, b])),
  Div: arithmetic((a, b, integers) => {
    if (!integers) return isNumber(a) && isNumber(b) ? a / b : divide(a, b);
    if (isNumber(a) && isNumber(b)) return b === 0 ? undefined : Math.trunc(a / b);
    const quotient = divide(a, b);
    return quotient ?? (isNumber(b) && isAtLeast(a, 0) ? floorDivide(a, b) : undefined);
  }),
  Mod: arithmetic((a, b) => {
    if (!isNumber(b) || b <= 0 || !isAtLeast(a, 0)) return undefined;
    return isNumber(a) ? a % b : subtract(a, multiply([floorDivide(a, b), b]));
  }),
  Max: extreme((a, b) => (isAtLeast(a, b) ? a : isAtLeast(b, a) ? b : undefined)),
  Min: extreme((a, b) => (isAtLeast(a, b) ? b : isAtLeast(b, a) ? a : undefined)),
  Equal: comparison((a, b) => (a === b ? 1 : isAbove(a, b) || isAbove(b, a) ? 0 : undefined)),
  Greater: comparison((a, b) => (isAbove(a, b) ? 1 : isAtLeast(b, a) ? 0 : undefined)),
  GreaterOrEqual: comparison((a, b) => (isAtLeast(a, b) ? 1 : isAbove(b, a) ? 0 : undefined)),
  Less: comparison((a, b) => (isAbove(b, a) ? 1 : isAtLeast(a, b) ? 0 : undefined)),
  LessOrEqual: comparison((a, b) => (isAtLeast(b, a) ? 1 : isAbove(a, b) ? 0 : undefined)),
  And: comparison((a, b) => (a === 0 || b === 0 ? 0 : isNumber(a) && isNumber(b) ? 1 : undefined)),
  Or: comparison((a, b) => (isTrue(a) || isTrue(b) ? 1 : a === 0 && b === 0 ? 0 : undefined)),
  Where: (context) => [
    combined([knownOrShape(context, 0), context.known(1), context.known(2)], (chosen, x, y) => {
      if (chosen === undefined) return x === y ? x : undefined;
      return chosen === 0 ? y : x;
    }),
  ],
  ReduceProd: reduced((elements) => multiply(elements)),
  ReduceSum: reduced((elements) => elements.reduce(add, 0)),
  ReduceMax: reduced((elements) => (elements.every(isNumber) ? Math.max(...elements) : undefined)),
  ReduceMin: reduced((elements) => (elements.every(isNumber) ? Math.min(...elements) : undefined)),
  ConstantOfShape: (context) => {
    const dims = context.known(0)?.elements;
    const value = attributeOf(context.node, 'value');
    const fill = value?.kind === 'tensor' ? knownTensor(value.value)?.elements[0] : value === undefined ? 0 : undefined;
    return [dims?.every(isSize) ? picked(dims, () => fill) : undefined];
  },
  Expand: (context) => {
    const value = context.known(0);
    const dims = context.known(1)?.elements;
    if (value === undefined || !dims?.every(isSize)) return [];
    const shape = picked(dims, () => 0);
    return [combined([value, shape], (element) => element)];
  },
  Range: (context) => {
    const [from, to, step] = [0, 1, 2].map((input) => elementOf(context, input));
    const length = rangeSize(from, to, step);
    if (!isNumber(from) || !isNumber(step) || !isNumber(length) || length > MAX_ELEMENTS) return [];
    return [listValue(Array.from({ length }, (_, index) => from + index * step))];
  },
};

/** The same elements in the shape that the type rule found. */
function reshaped(context: ValueContext): readonly (KnownValue | undefined)[] {
  const value = context.known(0);
  const dims = context.output(0)?.dims;
  return [value && dims?.every(isSize) ? { dims, elements: value.elements } : undefined];
}

function arithmetic(combine: (a: Dim, b: Dim, integers: boolean) => Dim): ValueRule {
  return (context) => {
    const type = context.inputs[0]?.type;
    const integers = type !== undefined && !isFloat(type);
    return [
      combined([context.known(0), context.known(1)], (a, b) => {
        const result = combine(a, b, integers);
        if (!isNumber(result)) return result;
        if (integers) return Number.isSafeInteger(result) ? result : undefined;
        return roundTo(type, result);
      }),
    ];
  };
}

function extreme(combine: (a: Dim, b: Dim) => Dim): ValueRule {
  return (context) => [
    combined(
      context.node.inputs.map((_, index) => context.known(index)),
      (...elements) => elements.reduce((a, b) => (a === b ? a : combine(a, b))),
    ),
  ];
}

function comparison(combine: (a: Dim, b: Dim) => Dim): ValueRule {
  return (context) => [
    combined([knownOrShape(context, 0), knownOrShape(context, 1)], (a, b) =>
      a === undefined || b === undefined ? undefined : combine(a, b),
    ),
  ];
}

function reduced(combine: (elements: readonly Dim[]) => Dim): ValueRule {
  return (context) => {
    const value = context.known(0);
    const dims = context.output(0)?.dims;
    const whole = dims?.every((dim) => dim === 1) === true && value !== undefined && value.elements.length > 0;
    return [whole ? { dims: dims as number[], elements: [combine(value.elements)] } : undefined];
  };
}

/** Numbers to another type; integers are cut, names stay sizes. */
function cast(context: RuleContext, type: DataType | undefined): KnownValue | undefined {
  if (type === undefined || type === 'string' || type.startsWith('complex')) return undefined;
  return combined([context.known(0)], (x) => {
    if (type === 'bool')
      return isNumber(x) ? Number(x !== 0) : leastOf(x) !== undefined && leastOf(x)! > 0 ? 1 : undefined;
    if (!isNumber(x)) return x;
    return isFloat(type) ? roundTo(type, x) : Math.trunc(x);
  });
}

function rounded(context: RuleContext, round: (x: number) => number): KnownValue | undefined {
  return combined([context.known(0)], (x) => (isNumber(x) ? round(x) : x));
}

/** True when `a > b` for every value of the names. */
function isAbove(a: Dim, b: Dim): boolean {
  return isAtLeast(a, add(b, 1));
}

function isTrue(dim: Dim): boolean {
  return isNumber(dim) && dim !== 0;
}

function isNumber(dim: Dim): dim is number {
  return typeof dim === 'number';
}

function isFloat(type: DataType): boolean {
  return type.includes('float');
}

function isSize(dim: Dim): dim is number {
  return typeof dim === 'number' && Number.isSafeInteger(dim) && dim >= 0;
}
