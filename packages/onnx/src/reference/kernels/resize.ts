import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Value } from '../value.ts';
import { gathered, size, strides } from '../value.ts';
import type { Weighted } from './interpolation.ts';
import { cubic, neighbours, normalized, triangle } from './interpolation.ts';
import { rangeOf, zeros } from './zeros.ts';

/** How one axis is resized. */
interface Axis {
  readonly length: number;
  readonly resized: number;
  readonly scale: number;
  /** Region of interest, in parts of the axis. */
  readonly start: number;
  readonly end: number;
}

/** The coordinate in the original axis of position `x` of the resized one, by coordinate_transformation_mode. */
const coordinates: Readonly<Record<string, (x: number, axis: Axis) => number>> = {
  half_pixel: (x, { scale }) => (x + 0.5) / scale - 0.5,
  half_pixel_symmetric: (x, { length, resized, scale }) =>
    (length / 2) * (1 - resized / (length * scale)) + (x + 0.5) / scale - 0.5,
  pytorch_half_pixel: (x, { resized, scale }) => (resized > 1 ? (x + 0.5) / scale - 0.5 : 0),
  align_corners: (x, { length, scale }) => (x === 0 ? 0 : (x * (length - 1)) / (length * scale - 1)),
  asymmetric: (x, { scale }) => x / scale,
  tf_half_pixel_for_nn: (x, { scale }) => (x + 0.5) / scale,
  tf_crop_and_resize: (x, { length, resized, start, end }) =>
    resized > 1
      ? start * (length - 1) + (x * (end - start) * (length - 1)) / (resized - 1)
      : 0.5 * (start + end) * (length - 1),
};

/** The nearest position to a coordinate, by nearest_mode. */
const nearest: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

interface Plan {
  readonly coordinate: string;
  readonly weigh: (x: number, axis: Axis) => Weighted;
  readonly excludeOutside: boolean;
  /** The value of positions that tf_crop_and_resize takes from outside. */
  readonly outside: number | undefined;
}

/** The weights of a coordinate, by mode and antialias. */
function weigher(c: KernelContext, mode: string, near: string): Plan['weigh'] {
  const stretchOf = (axis: Axis) => (c.int('antialias', 0) === 1 ? Math.max(1 / axis.scale, 1) : 1);
  const a = c.float('cubic_coeff_a', -0.75);
  switch (mode) {
    case 'nearest': {
      const pick = nearest[near] ?? c.refuse(`nearest_mode ${near}`);
      return (x) => ({ first: pick(x), weights: [1] });
    }
    case 'linear':
      return (x, axis) => neighbours(x, triangle, 1, stretchOf(axis));
    case 'cubic':
      return (x, axis) => neighbours(x, (d) => cubic(d, a), 2, stretchOf(axis));
    default:
      return c.refuse(`mode ${mode}`);
  }
}

/** Resizes one axis after another: each is a linear map of its own. */
function resize(c: KernelContext, x: Value, axes: readonly Axis[], plan: Plan): Value {
  const place = coordinates[plan.coordinate] ?? c.refuse(`coordinate_transformation_mode ${plan.coordinate}`);
  const dims = axes.map((axis) => axis.resized);
  const y = zeros(c, x.type, dims);
  if (y.data.length === 0) return y;
  if (x.data.length === 0) c.misfit('elements to make a larger tensor of', `[${x.dims}]`);
  let data = x.data;
  const outside: (readonly boolean[])[] = [];
  for (const [index, axis] of axes.entries()) {
    const { length, resized, scale } = axis;
    const at = Array.from({ length: resized }, (_, o) => place(o, axis));
    outside.push(at.map((position) => plan.outside !== undefined && (position < 0 || position > length - 1)));
    if (resized === length && scale === 1 && plan.outside === undefined) continue;
    if (!at.every((position) => Math.abs(position) < 2 ** 40) || 1 / scale > 4 * length + 4) {
      c.misfit('scales and regions near the size of the input', `scale ${scale} of axis ${index}`);
    }
    const before = size(dims.slice(0, index));
    const after = size(x.dims.slice(index + 1));
    const next = zeros(c, x.type, [before, resized, after]).data;
    for (const [o, position] of at.entries()) {
      const { first, weights } = plan.weigh(position, axis);
      const inside = (tap: number) => first + tap >= 0 && first + tap < length;
      const kept = plan.excludeOutside ? normalized(weights.map((w, tap) => (inside(tap) ? w : 0))) : weights;
      for (const [tap, weight] of kept.entries()) {
        const from = Math.min(Math.max(first + tap, 0), length - 1);
        for (let b = 0; b < before; b++) {
          for (let i = 0; i < after; i++) {
            next[(b * resized + o) * after + i]! += weight * data[(b * length + from) * after + i]!;
          }
        }
      }
    }
    data = next;
  }
  const [low, high] = rangeOf(x.type);
  const steps = strides(dims);
  for (let i = 0; i < y.data.length; i++) {
    const out = outside.some((flags, axis) => flags[Math.floor(i / steps[axis]!) % dims[axis]!]);
    y.data[i] = out ? plan.outside! : Math.min(Math.max(data[i]!, low), high);
  }
  return y;
}

/** The size of a scaled axis; in single precision as ONNX infers it. */
const scaled = (length: number, scale: number): number => Math.floor(Math.fround(length * scale));

/** One entry per axis: the entries of `values` at `axes`, `otherwise` elsewhere. */
function spread(rank: number, axes: readonly number[], values: ArrayLike<number>, otherwise: number): number[] {
  const all = Array.from({ length: rank }, () => otherwise);
  axes.forEach((axis, i) => {
    all[axis] = values[i]!;
  });
  return all;
}

/** Sizes and scales of the axes, from the scales or the sizes of the node. */
function axesOf(c: KernelContext, x: Value, plan: Pick<Plan, 'coordinate'>, inputs: readonly [number, number, number]) {
  const rank = x.dims.length;
  const axes = c.ints('axes')?.map((axis) => axisOf(axis, rank)) ?? x.dims.map((_, axis) => axis);
  const given = (index: number) => (c.optional(index)?.data.length ? c.optional(index)!.data : undefined);
  const [roi, scales, sizes] = inputs.map(given);
  const counts = [scales, sizes, roi?.subarray(axes.length)].filter((list) => list !== undefined);
  if (!axes.every((axis) => axis >= 0 && axis < rank) || counts.some((list) => list.length !== axes.length)) {
    c.misfit(`scales, sizes and regions for the axes [${axes}] of [${x.dims}]`, counts.map((l) => l.length).join(', '));
  }
  const crop = plan.coordinate === 'tf_crop_and_resize';
  const starts = spread(rank, axes, crop && roi ? roi : axes.map(() => 0), 0);
  const ends = spread(rank, axes, crop && roi ? roi.subarray(axes.length) : axes.map(() => 1), 1);
  const axis = (at: number, resized: number, scale: number): Axis => {
    if (!(scale > 0 && scale < Number.POSITIVE_INFINITY) && x.dims[at] !== 0) {
      c.misfit('positive scales', `${scale} for axis ${at}`);
    }
    return { length: x.dims[at]!, resized, scale, start: starts[at]!, end: ends[at]! };
  };
  if (scales) {
    return spread(rank, axes, scales, 1).map((scale, at) => {
      const part = crop ? ends[at]! - starts[at]! : 1;
      return axis(at, scaled(x.dims[at]! * part, scale), scale);
    });
  }
  if (!sizes) return c.misfit('scales or sizes', 'neither');
  const policy = c.text('keep_aspect_ratio_policy', 'stretch');
  const ratios = axes.map((at, i) => sizes[i]! / x.dims[at]!);
  if (policy === 'stretch') {
    return spread(rank, axes, sizes, -1).map((wanted, at) =>
      wanted < 0 && !axes.includes(at)
        ? axis(at, x.dims[at]!, 1)
        : axis(at, wanted, wanted === 0 ? 1 : wanted / x.dims[at]!),
    );
  }
  if (policy !== 'not_larger' && policy !== 'not_smaller') c.refuse(`keep_aspect_ratio_policy ${policy}`);
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return x.dims.map((length, at) =>
    axes.includes(at) ? axis(at, Math.floor(common * length + 0.5), common) : axis(at, length, 1),
  );
}

/** Opset 10 knows scales only and counts from the corner; its nearest is below for enlarged axes, above for shrunk ones. */
function resizeFromCorner(c: KernelContext, scales: ArrayLike<number>): Value {
  const x = c.input(0);
  if (scales.length !== x.dims.length) c.misfit(`a scale for every axis of [${x.dims}]`, `${scales.length}`);
  const mode = c.text('mode', 'nearest').replace('bilinear', 'linear');
  const axes = x.dims.map((length, at) => {
    const scale = scales[at]!;
    if (!(scale > 0 && scale < Number.POSITIVE_INFINITY)) c.misfit('positive scales', `${scale}`);
    return { length, resized: scaled(length, scale), scale, start: 0, end: 1 };
  });
  const weigh: Plan['weigh'] =
    mode === 'nearest'
      ? (position, { scale }) => ({ first: scale < 1 ? Math.ceil(position) : Math.floor(position), weights: [1] })
      : weigher(c, mode, 'floor');
  return resize(c, x, axes, { coordinate: 'asymmetric', weigh, excludeOutside: false, outside: undefined });
}

export const resizing: Readonly<Record<string, Kernel>> = {
  /** From opset 11 the inputs are x, region, scales, sizes; in opset 10 x, scales. */
  Resize: (c) => {
    if (c.opset < 11) return [resizeFromCorner(c, c.input(1).data)];
    const x = c.input(0);
    const [mode, coordinate] = [c.text('mode', 'nearest'), c.text('coordinate_transformation_mode', 'half_pixel')];
    const plan = {
      coordinate,
      weigh: weigher(c, mode, c.text('nearest_mode', 'round_prefer_floor')),
      excludeOutside: c.int('exclude_outside', 0) === 1,
      outside: coordinate === 'tf_crop_and_resize' ? c.float('extrapolation_value', 0) : undefined,
    };
    return [resize(c, x, axesOf(c, x, plan, [1, 2, 3]), plan)];
  },
  /** Scales are an input from opset 9, an attribute before. */
  Upsample: (c) => {
    const attribute = c.node.attributes.scales;
    const scales = attribute?.kind === 'floats' ? attribute.value : c.input(1).data;
    return [resizeFromCorner(c, scales)];
  },
  /** Cuts or pads every axis of `axes` around its middle; an odd element goes behind. */
  CenterCropPad: (c) => {
    const x = c.any(0);
    const rank = x.dims.length;
    const axes = c.ints('axes')?.map((axis) => axisOf(axis, rank)) ?? x.dims.map((_, axis) => axis);
    const wanted = c.integers(1) ?? c.refuse('no shape');
    if (wanted.length !== axes.length || !axes.every((axis) => axis >= 0 && axis < rank)) {
      c.misfit(`sizes for the axes [${axes}] of [${x.dims}]`, `[${wanted}]`);
    }
    const dims = spread(rank, axes, wanted, -1).map((size, axis) => (axes.includes(axis) ? size : x.dims[axis]!));
    const shift = dims.map((dim, axis) => Math.trunc((x.dims[axis]! - dim) / 2));
    const steps = strides(x.dims);
    const offset = (at: readonly number[]): number => {
      let from = 0;
      for (let axis = 0; axis < rank; axis++) {
        const position = at[axis]! + shift[axis]!;
        if (position < 0 || position >= x.dims[axis]!) return -1;
        from += position * steps[axis]!;
      }
      return from;
    };
    return [gathered(x, dims, offset)];
  },
};
