import type { Emitter } from './emitter.ts';
import { joined } from './reduction.ts';
import type { GradientContext } from './rule.ts';

/** How a kernel slides over the spatial axes of `[batch, channels, …]`. */
export interface Window {
  /** Number of spatial axes. */
  readonly axes: number;
  /** `undefined` where the kernel's size is not known. */
  readonly kernel: readonly number[] | undefined;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before and after each axis, `undefined` when it depends on sizes that only a run knows. */
  readonly pads: readonly number[] | undefined;
  /** Padding before each axis as a 1-D int64 value. */
  readonly before: string;
  /** Padding after each axis. */
  readonly after: string;
}

/** Reads the attributes that Conv and the pools share; `kernel` is the size of the weights' kernel. */
export function windowOf(c: GradientContext, kernel: readonly number[] | undefined): Window {
  const { emitter: e } = c;
  const size = c.ints('kernel_shape') ?? kernel;
  const axes =
    size?.length ??
    c.ints('strides')?.length ??
    spatialRank(e, c.x()) ??
    c.refuse('the rank of the input must be known');
  const ones = Array.from({ length: axes }, () => 1);
  const strides = c.ints('strides') ?? ones;
  const dilations = c.ints('dilations') ?? ones;
  const fixed = (pads: readonly number[]): Window => ({
    axes,
    kernel: size,
    strides,
    dilations,
    pads,
    before: e.ints(pads.slice(0, axes)),
    after: e.ints(pads.slice(axes)),
  });
  const mode = c.text('auto_pad', 'NOTSET');
  const zeros = [...ones, ...ones].map(() => 0);
  if (mode === 'VALID') return fixed(zeros);
  if (!mode.startsWith('SAME')) return fixed(c.ints('pads') ?? zeros);
  if (!size) return c.refuse('the size of the kernel must be known');
  const dims = e.dims(c.x())?.slice(2);
  const extent = size.map((length, axis) => (length - 1) * dilations[axis]! + 1);
  if (dims?.every((dim) => typeof dim === 'number')) {
    const totals = dims.map((dim, axis) =>
      Math.max((Math.ceil(dim / strides[axis]!) - 1) * strides[axis]! + extent[axis]! - dim, 0),
    );
    const smaller = totals.map((total) => Math.floor(total / 2));
    const larger = totals.map((total, axis) => total - smaller[axis]!);
    return fixed(mode === 'SAME_LOWER' ? [...larger, ...smaller] : [...smaller, ...larger]);
  }
  const lengths = spatialShape(e, c.x());
  const rounded = e.op('Div', [e.op('Add', [lengths, e.ints(strides.map((stride) => stride - 1))]), e.ints(strides)]);
  const last = e.op('Mul', [e.op('Sub', [rounded, e.ints([1])]), e.ints(strides)]);
  const covered = e.op('Add', [last, e.ints(extent)]);
  const total = e.op('Max', [e.op('Sub', [covered, lengths]), e.ints([0])]);
  const smaller = e.op('Div', [total, e.ints([2])]);
  const larger = e.op('Sub', [total, smaller]);
  const [before, after] = mode === 'SAME_LOWER' ? [larger, smaller] : [smaller, larger];
  return { axes, kernel: size, strides, dilations, pads: undefined, before, after };
}

function spatialRank(e: Emitter, value: string): number | undefined {
  const rank = e.rank(value);
  return rank === undefined ? undefined : rank - 2;
}

/** The sizes of all axes but the first two as a 1-D int64 value. */
export function spatialShape(e: Emitter, value: string): string {
  const dims = e.dims(value)?.slice(2);
  if (dims?.every((dim) => typeof dim === 'number')) return e.ints(dims);
  return e.op('Slice', [e.shape(value), e.ints([2]), e.ints([Number.MAX_SAFE_INTEGER])]);
}

/** A value with zeros, or what is beyond the ends cut off, around its spatial axes. */
export function padSpatial(e: Emitter, value: string, before: string, after: string): string {
  const none = (pads: string) => e.intsOf(pads)?.every((count) => count === 0);
  if (none(before) && none(after)) return value;
  return e.op('Pad', [value, joined(e, [e.ints([0, 0]), before, e.ints([0, 0]), after])]);
}

/**
 * What every window position hands back to the elements it covered: the transposed convolution of `dy`, with exactly the
 * spatial sizes of `like`. Sizes known beforehand become its padding; else the whole of it is cut to size.
 */
export function handBack(
  e: Emitter,
  dy: string,
  weights: string,
  window: Window,
  like: string,
  { group = 1, outputs }: { readonly group?: number; readonly outputs?: readonly unknown[] } = {},
): string {
  const { axes, kernel, strides, dilations, pads } = window;
  const attributes = { strides, dilations, ...(group === 1 ? {} : { group }) };
  const sizes = e.dims(like)?.slice(2);
  const steps = outputs ?? e.dims(dy)?.slice(2);
  const isNumber = (size: unknown) => typeof size === 'number';
  if (pads && kernel && sizes?.every(isNumber) && steps?.every(isNumber)) {
    const beyond = (sizes as number[]).map((size, axis) => {
      const full = ((steps[axis] as number) - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1;
      return full - pads[axis]! - size;
    });
    return e.op('ConvTranspose', [dy, weights], {
      ...attributes,
      pads: [...pads.slice(0, axes), ...beyond.map((count) => Math.max(count, 0))],
      ...(beyond.some((count) => count < 0) ? { output_padding: beyond.map((count) => Math.max(-count, 0)) } : {}),
    });
  }
  const exact = strides.every((stride) => stride === 1) && outputs === undefined;
  if (pads && exact) return e.op('ConvTranspose', [dy, weights], { ...attributes, pads });
  const full = e.op('ConvTranspose', [dy, weights], attributes);
  const rest = e.op('Sub', [
    spatialShape(e, like),
    e.op('Slice', [e.op('Shape', [full]), e.ints([2]), e.ints([2 + axes])]),
  ]);
  return padSpatial(e, full, e.op('Neg', [window.before]), e.op('Add', [rest, window.before]));
}

/**
 * For each place of the kernel, the elements of `padded` that it meets at the `steps` window positions (1-D int64):
 * a strided Slice over the spatial axes, which begin at axis 2.
 */
export function perKernelPlace(
  e: Emitter,
  padded: string,
  kernel: readonly number[],
  { strides, dilations, axes }: Pick<Window, 'strides' | 'dilations' | 'axes'>,
  steps: string,
): readonly string[] {
  const known = e.intsOf(steps);
  const span = known
    ? e.ints(known.map((count, axis) => (count - 1) * strides[axis]! + 1))
    : e.op('Add', [e.op('Mul', [e.op('Sub', [steps, e.ints([1])]), e.ints(strides)]), e.ints([1])]);
  const spatial = e.ints(Array.from({ length: axes }, (_, axis) => axis + 2));
  return placesOf(kernel).map((place) => {
    const start = place.map((at, axis) => at * dilations[axis]!);
    const length = e.intsOf(span);
    const end = length ? e.ints(length.map((count, axis) => count + start[axis]!)) : e.op('Add', [span, e.ints(start)]);
    return e.op('Slice', [padded, e.ints(start), end, spatial, e.ints(strides)]);
  });
}

/** All positions of a kernel, the last axis fastest. */
function placesOf(kernel: readonly number[]): readonly (readonly number[])[] {
  return kernel.reduce<readonly (readonly number[])[]>(
    (places, length) => places.flatMap((place) => Array.from({ length }, (_, at) => [...place, at])),
    [[]],
  );
}
