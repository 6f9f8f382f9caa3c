import type { Dim, Node } from '../../model.ts';
import { add, ceilDivide, divide, floorDivide, formatDims, isAtLeast, mergeDim, multiply, subtract } from '../dims.ts';
import { axisOf, intOf, intsOf, invalid, like, listOf, type RuleContext, type TypeRule, unknownDims } from '../rule.ts';

/** Operators that rearrange, join and cut tensors. */
export const shapeRules: Readonly<Record<string, TypeRule>> = {
  Transpose: ({ node, inputs: [x] }) => [like(x, x?.dims && transposed(node, x.dims))],
  Reshape: (context) => {
    const { node, inputs } = context;
    const [x, shapeType] = inputs;
    const target = intsOf(node, 'shape') ?? context.known(1)?.elements;
    return [like(x, target === undefined ? unknownDims(shapeType?.dims?.[0]) : reshaped(context, x?.dims, target))];
  },
  Flatten: ({ node, inputs: [x] }) => {
    if (x?.dims === undefined) return [like(x, [undefined, undefined])];
    const axis = intOf(node, 'axis', 1);
    const at = axis < 0 ? axis + x.dims.length : axis;
    if (at < 0 || at > x.dims.length) throw invalid(node, `an axis of a rank-${x.dims.length} tensor`, `${axis}`);
    return [like(x, [multiply(x.dims.slice(0, at)), multiply(x.dims.slice(at))])];
  },
  Unsqueeze: (context) => {
    const [x, axesType] = context.inputs;
    const axes = listOf(context, 'axes', 1);
    if (x?.dims === undefined || axes === undefined || axes === 'absent') {
      const rank = add(x?.dims?.length, axesType?.dims?.[0]);
      return [like(x, unknownDims(rank))];
    }
    return [like(x, unsqueezed(context.node, x.dims, axes))];
  },
  Squeeze: (context) => {
    const { node, inputs } = context;
    const [x, axesType] = inputs;
    const axes = listOf(context, 'axes', 1);
    if (x?.dims === undefined) return [like(x, undefined)];
    if (axes === undefined) return [like(x, unknownDims(subtract(x.dims.length, axesType?.dims?.[0])))];
    return [like(x, squeezed(node, x.dims, axes))];
  },
  Concat: ({ node, inputs }) => {
    const shapes = inputs.map((input) => input?.dims);
    const axis = intOf(node, 'axis', 1);
    return [
      like(
        inputs.find((x) => x !== undefined),
        concatenated(node, shapes, axis),
      ),
    ];
  },
  Split: (context) => {
    const { node, inputs } = context;
    const [x] = inputs;
    return splitSizes(context, node.outputs.length).map((dims) => like(x, dims));
  },
  Slice: (context) => [like(context.inputs[0], slicedDims(context))],
  Expand: (context) => {
    const { node, inputs } = context;
    const [x, shapeType] = inputs;
    const target = context.known(1)?.elements;
    const rank = target?.length ?? shapeType?.dims?.[0];
    if (x?.dims === undefined || typeof rank !== 'number' || rank > 64) return [like(x, undefined)];
    const { dims } = x;
    const size = Math.max(rank, dims.length);
    const result = Array.from({ length: size }, (_, axis): Dim => {
      const have = axis - size + dims.length < 0 ? 1 : dims[axis - size + dims.length];
      const wanted = axis - size + rank < 0 ? 1 : target?.[axis - size + rank];
      if (have === 1) return wanted;
      if (wanted === 1 || wanted === have) return have;
      if (typeof have === 'number' && typeof wanted === 'number')
        throw invalid(node, `a size that ${have} expands to`, `${wanted}`);
      return typeof have === 'number' ? have : typeof wanted === 'number' ? wanted : undefined;
    });
    return [like(x, result)];
  },
  Tile: (context) => {
    const [x] = context.inputs;
    const { node } = context;
    // Before opset 6 one axis is tiled.
    if (context.has(2))
      return [
        like(
          x,
          x?.dims?.map(() => undefined),
        ),
      ];
    const repeats = context.known(1)?.elements;
    if (repeats !== undefined && x?.dims !== undefined && repeats.length !== x.dims.length)
      throw invalid(node, `${x.dims.length} repeats`, formatDims(repeats));
    return [like(x, x?.dims?.map((dim, axis) => multiply([dim, repeats?.[axis]])) ?? unknownDims(repeats?.length))];
  },
  Pad: (context) => [like(context.inputs[0], paddedDims(context))],
  DepthToSpace: ({ node, inputs: [x] }) => {
    const block = intOf(node, 'blocksize', 0);
    if (x?.dims?.length !== 4) return [like(x, x?.dims && unknownDims(4))];
    const [n, c, h, w] = x.dims;
    return [like(x, [n, divide(c, block * block), multiply([h, block]), multiply([w, block])])];
  },
  SpaceToDepth: ({ node, inputs: [x] }) => {
    const block = intOf(node, 'blocksize', 0);
    if (x?.dims?.length !== 4) return [like(x, x?.dims && unknownDims(4))];
    const [n, c, h, w] = x.dims;
    return [like(x, [n, multiply([c, block * block]), floorDivide(h, block), floorDivide(w, block)])];
  },
  CenterCropPad: (context) => {
    const [x] = context.inputs;
    if (x?.dims === undefined) return [like(x, undefined)];
    const sizes = context.known(1)?.elements;
    const result = [...x.dims];
    const axes = intsOf(context.node, 'axes') ?? x.dims.map((_, axis) => axis);
    axes.forEach((axis, index) => {
      result[axisOf(axis, result.length, context.node)] = sizes?.[index];
    });
    return [like(x, result)];
  },
};

/** Axes in the order of `perm`, by default reversed. */
function transposed(node: Node, dims: readonly Dim[]): readonly Dim[] {
  const perm = intsOf(node, 'perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  if (perm.length !== dims.length || new Set(perm).size !== perm.length)
    throw invalid(node, `a permutation of ${dims.length} axes`, `[${perm}]`);
  return perm.map((axis) => dims[axisOf(axis, dims.length, node)]);
}

/** A shape with ones put in so that they stand at `axes`. */
export function unsqueezed(node: Node, dims: readonly Dim[], axes: readonly number[]): readonly Dim[] {
  const rank = dims.length + axes.length;
  const ones = new Set(axes.map((axis) => axisOf(axis, rank, node)));
  if (ones.size !== axes.length) throw invalid(node, 'axes without repetition', `[${axes}]`);
  const rest = dims.values();
  return Array.from({ length: rank }, (_, axis) => (ones.has(axis) ? 1 : (rest.next().value as Dim)));
}

/** A shape without the ones at `axes`; unknown when it has to be all ones and sizes are unknown. */
function squeezed(node: Node, dims: readonly Dim[], axes: readonly number[] | 'absent'): readonly Dim[] | undefined {
  if (axes === 'absent') {
    const certain = dims.every((dim) => typeof dim === 'number');
    return certain ? dims.filter((dim) => dim !== 1) : undefined;
  }
  const gone = new Set(axes.map((axis) => axisOf(axis, dims.length, node)));
  for (const axis of gone) {
    const dim = dims[axis];
    if (typeof dim === 'number' && dim !== 1) throw invalid(node, `size 1 at axis ${axis}`, formatDims(dims));
  }
  return dims.filter((_, axis) => !gone.has(axis));
}

/** Shapes joined along an axis. */
export function concatenated(
  node: Node,
  shapes: readonly (readonly Dim[] | undefined)[],
  along: number,
): readonly Dim[] | undefined {
  const rank = shapes.find((dims) => dims !== undefined)?.length;
  if (rank === undefined) return undefined;
  const axis = axisOf(along, rank, node);
  const result = Array<Dim>(rank).fill(undefined);
  result[axis] = 0;
  for (const dims of shapes) {
    if (dims !== undefined && dims.length !== rank) throw invalid(node, `inputs of rank ${rank}`, formatDims(dims));
    for (let at = 0; at < rank; at++) {
      const [known, next] = [result[at], dims?.[at]];
      if (at === axis) result[at] = add(known, next);
      else if (typeof known === 'number' && typeof next === 'number' && known !== next)
        throw invalid(node, `size ${known} at axis ${at} of every input`, `${next}`);
      else result[at] = mergeDim(known, next);
    }
  }
  return result;
}

/** The shapes of an input's parts: given sizes, else as even as they can be with a smaller last one. */
export function splitSizes(context: RuleContext, parts: number): readonly (readonly Dim[] | undefined)[] {
  const { node, inputs } = context;
  const dims = inputs[0]?.dims;
  if (dims === undefined) return Array<undefined>(parts).fill(undefined);
  const axis = axisOf(intOf(node, 'axis', 0), dims.length, node);
  const sizes = listOf(context, 'split', 1);
  const known = context.known(1)?.elements;
  const whole = dims[axis];
  const even = typeof whole === 'number' ? Math.ceil(whole / parts) : divide(whole, parts);
  return Array.from({ length: parts }, (_, index) => {
    const last = index === parts - 1 && typeof even === 'number';
    const size = sizes === 'absent' ? (last ? subtract(whole, even * (parts - 1)) : even) : (sizes ?? known)?.[index];
    return dims.with(axis, size);
  });
}

/** The shape of what Slice takes. */
function slicedDims(context: RuleContext): readonly Dim[] | undefined {
  const { node, inputs } = context;
  const dims = inputs[0]?.dims;
  if (dims === undefined) return undefined;
  const starts = intsOf(node, 'starts') ?? context.known(1)?.elements;
  const ends = intsOf(node, 'ends') ?? context.known(2)?.elements;
  const axes = listOf(context, 'axes', 3);
  const steps = listOf(context, 'steps', 4);
  const count = starts?.length ?? ends?.length ?? inputs[1]?.dims?.[0];
  if (axes === undefined || (axes === 'absent' && (typeof count !== 'number' || count > dims.length)))
    return unknownDims(dims.length);
  const sliced = axes === 'absent' ? Array.from({ length: count as number }, (_, axis) => axis) : axes;
  const result = [...dims];
  sliced.forEach((axis, index) => {
    const at = axisOf(axis, dims.length, node);
    result[at] = slicedSize(dims[at], starts?.[index], ends?.[index], steps === 'absent' ? 1 : steps?.[index]);
  });
  return result;
}

/**
 * The size of a sliced axis; ends beyond the axis are clamped, negative ones count from its end. A named size as an end
 * (positions of a sequence) is taken to lie within the axis, and so is a number before the end of a named axis.
 */
function slicedSize(dim: Dim, start: Dim, end: Dim, step: number | undefined): Dim {
  if (step === undefined || step === 0 || dim === undefined) {
    return step === 1 && start === 0 && typeof end === 'string' ? end : undefined;
  }
  if (typeof dim === 'number' && typeof start === 'number' && typeof end === 'number') {
    const place = (value: number, low: number, high: number) =>
      Math.min(Math.max(value < 0 ? value + dim : value, low), high);
    if (step > 0) return Math.max(0, Math.ceil((place(end, 0, dim) - place(start, 0, dim)) / step));
    return Math.max(0, Math.ceil((place(end, -1, dim - 1) - place(start, 0, dim - 1)) / step));
  }
  if (step < 0) {
    const whole = step === -1 && typeof start === 'number' && (start === -1 || start >= 1e9);
    return whole && typeof end === 'number' && end <= -1e9 ? dim : undefined;
  }
  const from = positionIn(dim, start);
  const to = typeof end === 'number' && end >= 1e9 ? dim : positionIn(dim, end);
  // A number may lie beyond the end of a named axis.
  if (typeof to === 'number' && to > 0 && typeof dim === 'string') return undefined;
  const size = ceilDivide(subtract(to, from), step);
  return typeof size === 'number' && size < 0 ? 0 : size;
}

/** A bound of a slice, counted from the end when it is a negative number or less names than none. */
function positionIn(dim: Dim, bound: Dim): Dim {
  const negative = typeof bound === 'number' ? bound < 0 : bound?.startsWith('-') === true;
  if (negative) return add(dim, bound);
  return isAtLeast(bound, dim) ? dim : bound;
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

/** A shape with its axes padded (negative pads cut); before opset 2 the attribute is called `paddings`. */
export function paddedDims(context: RuleContext): readonly Dim[] | undefined {
  const { node, inputs } = context;
  const dims = inputs[0]?.dims;
  if (dims === undefined) return undefined;
  const pads = intsOf(node, 'paddings') ?? intsOf(node, 'pads') ?? context.known(1)?.elements;
  const axes = listOf(context, 'axes', 3);
  if (pads === undefined || axes === undefined) return unknownDims(dims.length);
  const padded = axes === 'absent' ? dims.map((_, axis) => axis) : axes;
  if (pads.length !== 2 * padded.length) throw invalid(node, `${2 * padded.length} pads`, `${pads.length}`);
  const result = [...dims];
  padded.forEach((axis, index) => {
    const at = axisOf(axis, dims.length, node);
    result[at] = add(result[at], add(pads[index], pads[index + padded.length]));
  });
  return result;
}
