import type { Dim, Node } from '../../model.ts';
import { add, ceilDivide, floorDivide, formatDims, multiply, subtract } from '../dims.ts';
import { intOf, intsOf, invalid, like, rows, type TypeRule, tensor, textOf, unknownDims } from '../rule.ts';

type Shape = readonly Dim[] | undefined;

/** Operators that slide a window over [N, C, d…]. */
export const convolutionRules: Readonly<Record<string, TypeRule>> = {
  Conv: ({ node, inputs: [x, w] }) => [like(x ?? w, convolvedDims(node, x?.dims, w?.dims))],
  ConvInteger: ({ node, inputs: [x, w] }) => [tensor('int32', convolvedDims(node, x?.dims, w?.dims))],
  DeformConv: ({ node, inputs: [x, w] }) => [like(x ?? w, convolvedDims(node, x?.dims, w?.dims))],
  ConvTranspose: ({ node, inputs: [x, w] }) => [like(x ?? w, transposedDims(node, x?.dims, w?.dims))],
  ...rows('AveragePool LpPool MaxPool', ({ node, inputs: [x] }) => {
    const dims = pooledDims(node, x?.dims);
    return [like(x, dims), tensor('int64', dims)];
  }),
  ...rows('GlobalAveragePool GlobalMaxPool GlobalLpPool', ({ inputs: [x] }) => [like(x, globalDims(x?.dims))]),
  MaxUnpool: (context) => {
    const { node, inputs } = context;
    const [x] = inputs;
    if (x?.dims === undefined || context.has(2)) {
      const shape = context.has(2) ? context.known(2)?.elements : undefined;
      return [like(x, shape ?? unknownDims(inputs[2]?.dims?.[0] ?? x?.dims?.length))];
    }
    if (x.dims.length < 2) throw invalid(node, 'an input of rank 2 or more', formatDims(x.dims));
    const rank = x.dims.length - 2;
    const { kernel, strides, pads } = windowOf(node, rank, undefined);
    const sizes = x.dims.slice(2).map((dim, axis): Dim => {
      const whole = add(multiply([add(dim, -1), strides[axis]]), kernel?.[axis]);
      return subtract(whole, pads[axis]! + pads[axis + rank]!);
    });
    return [like(x, [...x.dims.slice(0, 2), ...sizes])];
  },
  MaxRoiPool: ({ node, inputs: [x, rois] }) => {
    const [height, width] = intsOf(node, 'pooled_shape') ?? [];
    return [like(x, [rois?.dims?.[0], x?.dims?.[1], height, width])];
  },
  RoiAlign: ({ node, inputs: [x, rois] }) => {
    const size = [intOf(node, 'output_height', 1), intOf(node, 'output_width', 1)];
    return [like(x, [rois?.dims?.[0], x?.dims?.[1], ...size])];
  },
  Col2Im: (context) => {
    const [x] = context.inputs;
    const [image, block] = [context.known(1)?.elements, context.known(2)?.elements];
    const spatial = image ?? unknownDims(context.inputs[1]?.dims?.[0] ?? context.inputs[2]?.dims?.[0]);
    const size = block && multiply(block);
    const channels = x?.dims?.[1];
    const divided = typeof size === 'number' && typeof channels === 'number' ? channels / size : undefined;
    return [like(x, spatial && [x?.dims?.[0], divided, ...spatial])];
  },
  CausalConvWithState: ({ inputs: [x, w, , state] }) => {
    const size = w?.dims && add(w.dims[2], -1);
    return [x, state ?? like(x, [x?.dims?.[0], x?.dims?.[1], size])];
  },
};

/** Every spatial axis of [N, C, d…] at size 1. */
export function globalDims(x: Shape): Shape {
  return x?.map((dim, axis) => (axis < 2 ? dim : 1));
}

interface Window {
  readonly kernel: readonly Dim[] | undefined;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** The starts of all axes, then the ends. */
  readonly pads: readonly number[];
  readonly autoPad: string;
}

function windowOf(node: Node, rank: number, weightKernel: readonly Dim[] | undefined): Window {
  const list = (name: string, length: number, fallback: number): readonly number[] => {
    const value = intsOf(node, name);
    if (value === undefined || value.length === 0) return Array<number>(length).fill(fallback);
    if (value.length !== length) throw invalid(node, `${length} ${name}`, `[${value}]`);
    return value;
  };
  const kernel = intsOf(node, 'kernel_shape') ?? weightKernel;
  if (kernel !== undefined && kernel.length !== rank)
    throw invalid(node, `a kernel of ${rank} axes`, formatDims(kernel));
  const strides = list('strides', rank, 1);
  if (strides.some((stride) => stride < 1)) throw invalid(node, 'strides of at least 1', `[${strides}]`);
  const dilations = list('dilations', rank, 1);
  return { kernel, strides, dilations, pads: list('pads', 2 * rank, 0), autoPad: textOf(node, 'auto_pad', 'NOTSET') };
}

/** Sizes that a window of `kernel` has places in: (d + pads − dilation · (k − 1) − 1) / stride + 1. */
function slid(dims: readonly Dim[], window: Window, ceil: boolean): readonly Dim[] {
  const { kernel, strides, dilations, pads, autoPad } = window;
  const rank = dims.length;
  return dims.map((dim, axis): Dim => {
    const stride = strides[axis]!;
    if (autoPad.startsWith('SAME')) return ceilDivide(dim, stride);
    const [before, after] = autoPad === 'VALID' ? [0, 0] : [pads[axis]!, pads[axis + rank]!];
    const extent = add(multiply([dilations[axis], subtract(kernel?.[axis], 1)]), 1);
    const rest = subtract(add(dim, before + after), extent);
    const places = add(ceil ? ceilDivide(rest, stride) : floorDivide(rest, stride), 1);
    // A window that would begin in the padding at the end does not count.
    if (ceil && typeof places === 'number' && typeof dim === 'number' && (places - 1) * stride >= dim + before)
      return places - 1;
    return ceil && typeof places === 'string' && after > 0 ? undefined : places;
  });
}

/** [N, C, d…] convolved by [M, C / group, k…]: [N, M, places…]. */
export function convolvedDims(node: Node, x: Shape, w: Shape): Shape {
  const rank = x?.length ?? w?.length;
  if (rank === undefined) return undefined;
  if (rank < 2 || (x !== undefined && w !== undefined && x.length !== w.length))
    throw invalid(node, 'weights of the rank of the input', `${formatDims(x)} and ${formatDims(w)}`);
  const spatial = x?.slice(2) ?? Array<Dim>(rank - 2).fill(undefined);
  return [x?.[0], w?.[0], ...slid(spatial, windowOf(node, rank - 2, w?.slice(2)), false)];
}

/** [N, C, d…] pooled: [N, C, places…]. */
export function pooledDims(node: Node, x: Shape): Shape {
  if (x === undefined) return undefined;
  if (x.length < 2) throw invalid(node, 'an input of rank 2 or more', formatDims(x));
  const ceil = intOf(node, 'ceil_mode', 0) !== 0;
  return [...x.slice(0, 2), ...slid(x.slice(2), windowOf(node, x.length - 2, undefined), ceil)];
}

/** [N, C, d…] by [C, M / group, k…]: [N, M, (d − 1) · stride + dilation · (k − 1) + 1 + output padding − pads …]. */
export function transposedDims(node: Node, x: Shape, w: Shape): Shape {
  const rank = x?.length ?? w?.length;
  if (rank === undefined) return undefined;
  if (rank < 2 || (x !== undefined && w !== undefined && x.length !== w.length))
    throw invalid(node, 'weights of the rank of the input', `${formatDims(x)} and ${formatDims(w)}`);
  const { kernel, strides, dilations, pads, autoPad } = windowOf(node, rank - 2, w?.slice(2));
  const given = intsOf(node, 'output_shape');
  const more = intsOf(node, 'output_padding') ?? [];
  const sizes = Array.from({ length: rank - 2 }, (_, axis): Dim => {
    if (given !== undefined && given.length > 0) return given[given.length - (rank - 2) + axis];
    const dim = x?.[axis + 2];
    const stride = strides[axis]!;
    if (autoPad.startsWith('SAME')) return multiply([dim, stride]);
    const extent = add(multiply([dilations[axis], subtract(kernel?.[axis], 1)]), 1);
    const whole = add(add(multiply([subtract(dim, 1), stride]), extent), more[axis] ?? 0);
    return autoPad === 'VALID' ? whole : subtract(whole, pads[axis]! + pads[axis + rank - 2]!);
  });
  return [x?.[0], multiply([w?.[1], intOf(node, 'group', 1)]), ...sizes];
}
