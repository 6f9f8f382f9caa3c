import { dataTypeOf } from '../data-type.ts';
import type { Attribute, DataType, Dim, TensorType } from '../model.ts';
import { add, divide, formatDims, mergeDim, multiply } from './dims.ts';
import {
  attributeOf,
  axisOf,
  intOf,
  intsOf,
  invalid,
  listOf,
  type RuleContext,
  type TypeRule,
  tensor,
} from './rule.ts';

/** Operators that move, pick or make elements. */
export const shapeRules: Readonly<Record<string, TypeRule>> = {
  Transpose: ({ node, inputs: [x] }) => {
    if (x === undefined) return [];
    const { dims } = x;
    if (dims === undefined) return [tensor(x.type, undefined)];
    const perm = intsOf(node, 'perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
    if (perm.length !== dims.length || new Set(perm).size !== perm.length) {
      throw invalid(node, `a permutation of ${dims.length} axes`, `[${perm}]`);
    }
    return [
      tensor(
        x.type,
        perm.map((axis) => dims[axisOf(axis, dims.length, node)]),
      ),
    ];
  },
  Reshape: (context) => {
    const { node, inputs } = context;
    const [x, shapeType] = inputs;
    if (x === undefined) return [];
    const target = intsOf(node, 'shape') ?? context.known(1)?.elements;
    if (target === undefined) {
      const rank = shapeType?.dims?.[0];
      return [tensor(x.type, typeof rank === 'number' ? Array<Dim>(rank).fill(undefined) : undefined)];
    }
    return [tensor(x.type, reshaped(context, x.dims, target))];
  },
  Flatten: ({ node, inputs: [x] }) => {
    if (x === undefined) return [];
    if (x.dims === undefined) return [tensor(x.type, [undefined, undefined])];
    const axis = intOf(node, 'axis', 1);
    const at = axis < 0 ? axis + x.dims.length : axis;
    return [tensor(x.type, [multiply(x.dims.slice(0, at)), multiply(x.dims.slice(at))])];
  },
  Unsqueeze: (context) => {
    const { node, inputs } = context;
    const [x] = inputs;
    const axes = listOf(context, 'axes', 1);
    if (x === undefined || x.dims === undefined || axes === undefined || axes === 'absent')
      return [x && tensor(x.type, undefined)];
    const rank = x.dims.length + axes.length;
    const ones = new Set(axes.map((axis) => axisOf(axis, rank, node)));
    if (ones.size !== axes.length) throw invalid(node, 'axes without repetition', `[${axes}]`);
    const rest = x.dims.values();
    return [
      tensor(
        x.type,
        Array.from({ length: rank }, (_, axis) => (ones.has(axis) ? 1 : (rest.next().value as Dim))),
      ),
    ];
  },
  Squeeze: (context) => {
    const { node, inputs } = context;
    const [x] = inputs;
    const axes = listOf(context, 'axes', 1);
    if (x === undefined || x.dims === undefined || axes === undefined) return [x && tensor(x.type, undefined)];
    const { dims } = x;
    if (axes === 'absent') {
      const certain = dims.every((dim) => typeof dim === 'number');
      return [tensor(x.type, certain ? dims.filter((dim) => dim !== 1) : undefined)];
    }
    const gone = new Set(axes.map((axis) => axisOf(axis, dims.length, node)));
    for (const axis of gone) {
      const dim = dims[axis];
      if (typeof dim === 'number' && dim !== 1) throw invalid(node, `size 1 at axis ${axis}`, formatDims(dims));
    }
    return [
      tensor(
        x.type,
        dims.filter((_, axis) => !gone.has(axis)),
      ),
    ];
  },
  Concat: ({ node, inputs }) => {
    const first = inputs.find((input) => input !== undefined);
    if (first === undefined) return [];
    const shapes = inputs.map((input) => input?.dims);
    const rank = shapes.find((dims) => dims !== undefined)?.length;
    if (rank === undefined) return [tensor(first.type, undefined)];
    const axis = axisOf(intOf(node, 'axis', 0), rank, node);
    const result: Dim[] = Array<Dim>(rank).fill(undefined);
    result[axis] = 0;
    for (const dims of shapes) {
      if (dims !== undefined && dims.length !== rank) throw invalid(node, `inputs of rank ${rank}`, formatDims(dims));
      for (let at = 0; at < rank; at++) {
        if (at === axis) result[at] = add(result[at], dims?.[at]);
        else {
          const [known, next] = [result[at], dims?.[at]];
          if (typeof known === 'number' && typeof next === 'number' && known !== next) {
            throw invalid(node, `size ${known} at axis ${at} of every input`, `${next}`);
          }
          result[at] = mergeDim(known, next);
        }
      }
    }
    return [tensor(first.type, result)];
  },
  Split: (context) => {
    const { node, inputs } = context;
    const [x] = inputs;
    if (x === undefined) return [];
    const { dims } = x;
    if (dims === undefined) return node.outputs.map(() => tensor(x.type, undefined));
    const axis = axisOf(intOf(node, 'axis', 0), dims.length, node);
    const sizes = listOf(context, 'split', 1);
    const whole = dims[axis];
    const parts = node.outputs.length;
    const even = typeof whole === 'number' ? Math.ceil(whole / parts) : divide(whole, parts);
    return node.outputs.map((_, index) => {
      let size: Dim;
      if (sizes === 'absent')
        size =
          index === parts - 1 && typeof whole === 'number' && typeof even === 'number'
            ? whole - even * (parts - 1)
            : even;
      else size = sizes?.[index];
      return tensor(x.type, dims.with(axis, size));
    });
  },
  Slice: (context) => {
    const { node, inputs } = context;
    const [x] = inputs;
    if (x === undefined || x.dims === undefined) return [x && tensor(x.type, undefined)];
    const { dims } = x;
    const starts = intsOf(node, 'starts') ?? context.known(1)?.elements;
    const ends = intsOf(node, 'ends') ?? context.known(2)?.elements;
    const axes = listOf(context, 'axes', 3);
    const steps = listOf(context, 'steps', 4);
    const count = starts?.length ?? ends?.length ?? inputs[1]?.dims?.[0];
    if (axes === undefined || (axes === 'absent' && typeof count !== 'number'))
      return [
        tensor(
          x.type,
          dims.map(() => undefined),
        ),
      ];
    const sliced = axes === 'absent' ? Array.from({ length: count as number }, (_, axis) => axis) : axes;
    const result: Dim[] = [...dims];
    sliced.forEach((axis, index) => {
      const at = axisOf(axis, dims.length, node);
      const step = steps === 'absent' ? 1 : steps?.[index];
      result[at] = slicedSize(dims[at], starts?.[index], ends?.[index], step);
    });
    return [tensor(x.type, result)];
  },
  Gather: ({ node, inputs: [x, indices] }) => {
    if (x === undefined) return [];
    if (x.dims === undefined || indices?.dims === undefined) return [tensor(x.type, undefined)];
    const axis = axisOf(intOf(node, 'axis', 0), x.dims.length, node);
    return [tensor(x.type, [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)])];
  },
  GatherElements: ({ inputs: [x, indices] }) => [x && tensor(x.type, indices?.dims)],
  GatherND: ({ node, inputs: [x, indices] }) => {
    if (x === undefined) return [];
    const last = indices?.dims?.at(-1);
    const batch = intOf(node, 'batch_dims', 0);
    if (x.dims === undefined || indices?.dims === undefined || typeof last !== 'number')
      return [tensor(x.type, undefined)];
    return [tensor(x.type, [...indices.dims.slice(0, -1), ...x.dims.slice(batch + last)])];
  },
  Expand: (context) => {
    const { node, inputs } = context;
    const [x, shapeType] = inputs;
    if (x === undefined) return [];
    const target = context.known(1)?.elements;
    const rank = target?.length ?? shapeType?.dims?.[0];
    if (x.dims === undefined || typeof rank !== 'number') return [tensor(x.type, undefined)];
    const { dims } = x;
    const size = Math.max(rank, dims.length);
    const result = Array.from({ length: size }, (_, axis): Dim => {
      const own = dims[axis - size + dims.length];
      const wanted = axis - size + rank < 0 ? 1 : target?.[axis - size + rank];
      const have = axis - size + dims.length < 0 ? 1 : own;
      if (have === 1) return wanted;
      if (wanted === 1 || wanted === have) return have;
      if (typeof have === 'number' && typeof wanted === 'number')
        throw invalid(node, `a size that ${have} expands to`, `${wanted}`);
      return typeof have === 'number' ? have : typeof wanted === 'number' ? wanted : undefined;
    });
    return [tensor(x.type, result)];
  },
  Tile: (context) => {
    const [x] = context.inputs;
    const repeats = context.known(1)?.elements;
    return [
      x &&
        tensor(
          x.type,
          x.dims?.map((dim, axis) => multiply([dim, repeats?.[axis]])),
        ),
    ];
  },
  Pad: (context) => {
    const [x] = context.inputs;
    if (x?.dims === undefined) return [x && tensor(x.type, undefined)];
    const { dims } = x;
    const pads = listOf(context, 'pads', 1);
    const axes = listOf(context, 'axes', 3);
    if (pads === undefined || pads === 'absent' || axes === undefined)
      return [
        tensor(
          x.type,
          dims.map(() => undefined),
        ),
      ];
    const padded = axes === 'absent' ? dims.map((_, axis) => axis) : axes;
    const result: Dim[] = [...dims];
    padded.forEach((axis, index) => {
      const at = axisOf(axis, dims.length, context.node);
      result[at] = add(result[at], pads[index]! + pads[index + padded.length]!);
    });
    return [tensor(x.type, result)];
  },
  Shape: ({ node, inputs: [x] }) => {
    const rank = x?.dims?.length;
    if (rank === undefined) return [tensor('int64', [undefined])];
    const [start, end] = shapeRange(rank, intOf(node, 'start', 0), intOf(node, 'end', rank));
    return [tensor('int64', [end - start])];
  },
  Size: () => [tensor('int64', [])],
  Constant: ({ node }) => [constantType(node.attributes)],
  ConstantOfShape: (context) => {
    const value = attributeOf(context.node, 'value');
    const type = value?.kind === 'tensor' ? value.value.type : 'float32';
    const rank = context.inputs[0]?.dims?.[0];
    const unknown = typeof rank === 'number' ? Array<Dim>(rank).fill(undefined) : undefined;
    return [tensor(type, context.known(0)?.elements ?? unknown)];
  },
  Range: (context) => {
    const [start] = context.inputs;
    const [from, to, step] = [0, 1, 2].map((input) => context.known(input)?.elements[0]);
    return [start && tensor(start.type, [rangeSize(from, to, step)])];
  },
  OneHot: (context) => {
    const [indices, , values] = context.inputs;
    if (values === undefined) return [];
    if (indices?.dims === undefined) return [tensor(values.type, undefined)];
    const rank = indices.dims.length + 1;
    const axis = axisOf(intOf(context.node, 'axis', -1), rank, context.node);
    return [tensor(values.type, indices.dims.toSpliced(axis, 0, context.known(1)?.elements[0]))];
  },
  NonZero: ({ inputs: [x] }) => [tensor('int64', [x?.dims?.length, undefined])],
  TopK: (context) => {
    const [x] = context.inputs;
    if (x === undefined) return [];
    const k = intOf(context.node, 'k', undefined) ?? context.known(1)?.elements[0];
    const dims = x.dims?.with(axisOf(intOf(context.node, 'axis', -1), x.dims.length, context.node), k);
    return [tensor(x.type, dims), tensor('int64', dims)];
  },
  If: (context) => {
    const branches = ['then_branch', 'else_branch'].map((name) => attributeOf(context.node, name));
    const [then, otherwise] = branches.map((value) => (value?.kind === 'graph' ? context.branch(value.value) : []));
    return then!.map((type, index) => commonType(type, otherwise![index]));
  },
};

/** The start and end of Shape's optional slice, clamped. */
export function shapeRange(rank: number, start: number, end: number): [number, number] {
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  return [clamp(start), Math.max(clamp(start), clamp(end))];
}

/** Number of elements a Range makes. */
export function rangeSize(from: Dim, to: Dim, step: Dim): Dim {
  if (from === 0 && step === 1) return to;
  if (typeof from !== 'number' || typeof to !== 'number' || typeof step !== 'number' || step === 0) return undefined;
  return Math.max(0, Math.ceil((to - from) / step));
}

/**
 * The size of a sliced axis; ends beyond the axis are clamped, negative ones count from its end. A slice up to a named
 * size (positions of a sequence) is taken to lie within the axis.
 */
function slicedSize(dim: Dim, start: Dim, end: Dim, step: number | undefined): Dim {
  if (step === undefined || step === 0) return undefined;
  const toTheEnd = typeof end === 'number' && end >= 1e9;
  if (start === 0 && step === 1) {
    if (toTheEnd || (end !== undefined && end === dim)) return dim;
    if (typeof end === 'string') return end;
    if (typeof dim !== 'number') return undefined;
  }
  if (typeof dim !== 'number' || typeof start !== 'number' || typeof end !== 'number') return undefined;
  const place = (value: number, low: number, high: number) =>
    Math.min(Math.max(value < 0 ? value + dim : value, low), high);
  if (step > 0) return Math.max(0, Math.ceil((place(end, 0, dim) - place(start, 0, dim)) / step));
  return Math.max(0, Math.ceil((place(end, -1, dim - 1) - place(start, 0, dim - 1)) / step));
}

/** Reshape's target with 0 (copy, unless `allowzero`) and −1 (the rest) resolved. */
function reshaped({ node }: RuleContext, dims: readonly Dim[] | undefined, target: readonly Dim[]): readonly Dim[] {
  const copies = intOf(node, 'allowzero', 0) === 0;
  const inferred = target.filter((size) => size === -1).length;
  if (inferred > 1) throw invalid(node, 'at most one −1 in the shape', `[${target}]`);
  const result = target.map((size, axis): Dim => {
    if (size === 0 && copies) {
      if (dims !== undefined && axis >= dims.length)
        throw invalid(node, `0 only for axes of ${formatDims(dims)}`, `[${target}]`);
      return dims?.[axis];
    }
    return size;
  });
  const others = result.filter((size) => size !== -1);
  if (inferred === 1) {
    // Sizes that a 0 copied cancel even where they are unknown.
    const copied = new Set(target.flatMap((size, axis) => (size === 0 && copies ? [axis] : [])));
    const whole = dims && multiply(dims.filter((_, axis) => !copied.has(axis)));
    const known = multiply(target.filter((size, axis) => size !== -1 && !copied.has(axis)));
    if (typeof whole === 'number' && typeof known === 'number' && known > 0 && whole % known !== 0) {
      throw invalid(node, `${whole} elements divisible by ${known}`, `shape [${target}] for ${formatDims(dims)}`);
    }
    return result.map((size) => (size === -1 ? divide(whole, known) : size));
  }
  const [have, want] = [dims && multiply(dims), multiply(others)];
  if (typeof have === 'number' && typeof want === 'number' && have !== want) {
    throw invalid(node, `a shape of ${have} elements`, `[${target}] for ${formatDims(dims)}`);
  }
  const open = result.flatMap((size, axis) => (size === undefined ? [axis] : []));
  if (open.length === 1) {
    return result.with(open[0]!, divide(have, multiply(result.filter((size) => size !== undefined))));
  }
  return result;
}

function constantType(attributes: Readonly<Record<string, Attribute>>): TensorType | undefined {
  const [[name, attribute] = ['', undefined]] = Object.entries(attributes);
  const kinds: Readonly<Record<string, DataType>> = {
    value_float: 'float32',
    value_floats: 'float32',
    value_int: 'int64',
    value_ints: 'int64',
    value_string: 'string',
    value_strings: 'string',
  };
  if (attribute?.kind === 'tensor') return tensor(attribute.value.type, attribute.value.dims);
  const type = kinds[name];
  if (attribute === undefined || type === undefined) return undefined;
  return tensor(type, Array.isArray(attribute.value) ? [attribute.value.length] : []);
}

function commonType(a: TensorType | undefined, b: TensorType | undefined): TensorType | undefined {
  if (a === undefined || b === undefined || a.type !== b.type) return undefined;
  if (a.dims === undefined || a.dims.length !== b.dims?.length) return tensor(a.type, undefined);
  return tensor(
    a.type,
    a.dims.map((dim, axis) => (dim === b.dims![axis] ? dim : undefined)),
  );
}

/** Element type of a `to`-like attribute. */
export function dataTypeAttribute(context: RuleContext, name: string): DataType | undefined {
  const number = intOf(context.node, name, undefined);
  return number === undefined ? undefined : dataTypeOf(number);
}
