import { roundEven } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { size, strides } from '../value.ts';
import { checkBias, checkKernel, groupsOf } from './convolution.ts';
import { evenShare, expectDims } from './expect-shape.ts';
import type { Weighted } from './interpolation.ts';
import { cubic, neighbours, triangle } from './interpolation.ts';
import { windowsOf } from './windows.ts';
import { zeros } from './zeros.ts';

/** Places and weights around a position, over all axes: the products of those of each axis. */
function taps(
  around: readonly Weighted[],
  dims: readonly number[],
  position: (at: number, length: number) => number,
): { readonly at: number[]; readonly weights: number[] } {
  const steps = strides(dims);
  let at = [0];
  let weights = [1];
  for (const [axis, { first, weights: along }] of around.entries()) {
    const [nextAt, nextWeights]: [number[], number[]] = [[], []];
    for (let i = 0; i < at.length; i++) {
      for (const [tap, weight] of along.entries()) {
        const inside = position(first + tap, dims[axis]!);
        if (!(inside >= 0 && inside < dims[axis]!) || weight === 0) continue;
        nextAt.push(at[i]! + inside * steps[axis]!);
        nextWeights.push(weights[i]! * weight);
      }
    }
    [at, weights] = [nextAt, nextWeights];
  }
  return { at, weights };
}

/** Where a position that may lie outside `[0, length)` reads, by padding_mode; still outside reads 0. */
function padding(c: KernelContext, corners: boolean): (at: number, length: number) => number {
  const mode = c.text('padding_mode', 'zeros');
  if (mode === 'zeros') return (at) => at;
  if (mode === 'border') return (at, length) => Math.min(Math.max(at, 0), length - 1);
  if (mode !== 'reflection') return c.refuse(`padding_mode ${mode}`);
  return (at, length) => {
    const period = corners ? Math.max(2 * (length - 1), 1) : 2 * length;
    const wrapped = ((at % period) + period) % period;
    return wrapped < length ? wrapped : (corners ? period : period - 1) - wrapped;
  };
}

const interpolations: Readonly<Record<string, (x: number) => Weighted>> = {
  nearest: (x) => ({ first: roundEven(x), weights: [1] }),
  linear: (x) => neighbours(x, triangle, 1),
  cubic: (x) => neighbours(x, (d) => cubic(d, -0.75), 2),
};

/** A normalized coordinate `[-1, 1]` as a position of an axis. */
const denormalize = (x: number, length: number, corners: boolean): number =>
  corners ? ((x + 1) / 2) * (length - 1) : ((x + 1) * length - 1) / 2;

/** The normalized coordinate of a position of an axis. */
const normalize = (at: number, length: number, corners: boolean): number => {
  if (!corners) return (2 * at + 1) / length - 1;
  return length > 1 ? (2 * at) / (length - 1) - 1 : 0;
};

function sumTaps(data: Float64Array, from: number, { at, weights }: ReturnType<typeof taps>): number {
  let sum = 0;
  for (let t = 0; t < at.length; t++) sum += weights[t]! * data[from + at[t]!]!;
  return sum;
}

export const sampling: Readonly<Record<string, Kernel>> = {
  /** `x [N, C, …space]` at the places of `grid [N, …out, rank]`, whose coordinates go from the innermost axis outwards. */
  GridSample: (c) => {
    const [x, grid] = [c.input(0), c.input(1)];
    const space = x.dims.slice(2);
    const rank = space.length;
    if (rank < 1) c.misfit('an input [batch, channels, …space]', `[${x.dims}]`);
    if (grid.dims.length !== rank + 2 || grid.dims[0] !== x.dims[0] || grid.dims.at(-1) !== rank) {
      c.misfit(`a grid [${x.dims[0]}, …${rank} sizes, ${rank}] for [${x.dims}]`, `[${grid.dims}]`);
    }
    const mode = c.text('mode', 'linear').replace(/^bi(?=linear|cubic)/, '');
    const filter = interpolations[mode] ?? c.refuse(`mode ${mode}`);
    const corners = c.int('align_corners', 0) === 1;
    const position = padding(c, corners);
    const outSpace = grid.dims.slice(1, -1);
    const [batch, channels] = [x.dims[0]!, x.dims[1]!];
    const y = zeros(c, x.type, [batch, channels, ...outSpace]);
    if (y.data.length === 0) return [y];
    const [spaceSize, outSize] = [size(space), size(outSpace)];
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < outSize; o++) {
        const from = (n * outSize + o) * rank;
        const around = space.map((length, axis) =>
          filter(denormalize(grid.data[from + rank - 1 - axis]!, length, corners)),
        );
        const places = taps(around, space, position);
        for (let channel = 0; channel < channels; channel++) {
          const plane = n * channels + channel;
          y.data[plane * outSize + o] = sumTaps(x.data, plane * spaceSize, places);
        }
      }
    }
    return [y];
  },
  /** The places of an output of the size `[N, C, …space]` under `theta [N, rank, rank + 1]`, for GridSample. */
  AffineGrid: (c) => {
    const theta = c.input(0);
    const space = (c.integers(1) ?? c.refuse('no size')).slice(2);
    const rank = space.length;
    if (rank !== 2 && rank !== 3) c.misfit('a size of 4 or 5 entries', `${rank + 2}`);
    expectDims(c, 'theta', theta, [c.integers(1)![0], rank, rank + 1]);
    const corners = c.int('align_corners', 0) === 1;
    const batch = theta.dims[0]!;
    const y = zeros(c, theta.type, [batch, ...space, rank]);
    if (y.data.length === 0) return [y];
    const steps = strides(space);
    const spaceSize = size(space);
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < spaceSize; o++) {
        const place = space.map((length, axis) => normalize(Math.floor(o / steps[axis]!) % length, length, corners));
        const homogeneous = [...place.reverse(), 1];
        for (let row = 0; row < rank; row++) {
          const from = (n * rank + row) * (rank + 1);
          const sum = homogeneous.reduce((total, x, i) => total + x * theta.data[from + i]!, 0);
          y.data[(n * spaceSize + o) * rank + row] = sum;
        }
      }
    }
    return [y];
  },
  /**
   * Convolution whose places are moved by `offset [N, groups·kernel·rank, …windows]` and weighted by
   * `mask [N, groups·kernel, …windows]`; beyond the input there are zeros (https://arxiv.org/abs/1811.11168).
   */
  DeformConv: (c) => {
    const [x, w, offset, bias, mask] = [c.input(0), c.input(1), c.input(2), c.optional(3), c.optional(4)];
    const kernel = checkKernel(c, x, w);
    const rank = kernel.length;
    const space = x.dims.slice(2);
    const [batch, channels, filters, depth] = [x.dims[0]!, x.dims[1]!, w.dims[0]!, w.dims[1]!];
    const groups = groupsOf(c, channels, filters);
    if (depth * groups !== channels) c.misfit(`filters of ${channels / groups} channels`, `[${w.dims}]`);
    checkBias(c, bias, filters);
    const windows = windowsOf(c, space, kernel);
    const moved = evenShare(c, 'channels', channels, c.int('offset_group', 1));
    const movedGroups = channels / moved;
    const kernelSize = size(kernel);
    expectDims(c, 'offsets', offset, [batch, movedGroups * kernelSize * rank, ...windows.count]);
    expectDims(c, 'a mask', mask, [batch, movedGroups * kernelSize, ...windows.count]);
    const y = zeros(c, x.type, [batch, filters, ...windows.count]);
    if (y.data.length === 0) return [y];
    const [spaceSize, count] = [size(space), size(windows.count)];
    if (bias) for (let i = 0; i < y.data.length; i++) y.data[i] = bias.data[Math.floor(i / count) % filters]!;
    const [countSteps, kernelSteps] = [strides(windows.count), strides(kernel)];
    /** Adds what place `k` of window `o` sees of the channels that move together. */
    const add = (n: number, movedGroup: number, o: number, k: number): void => {
      const place = (n * movedGroups + movedGroup) * kernelSize + k;
      const around = space.map((_, axis) => {
        const window = Math.floor(o / countSteps[axis]!) % windows.count[axis]!;
        const tap = Math.floor(k / kernelSteps[axis]!) % kernel[axis]!;
        const start = window * windows.strides[axis]! - windows.before[axis]! + tap * windows.dilations[axis]!;
        return interpolations.linear!(start + offset.data[(place * rank + axis) * count + o]!);
      });
      const places = taps(around, space, (at) => at);
      const weight = mask ? mask.data[place * count + o]! : 1;
      for (let channel = movedGroup * moved; channel < (movedGroup + 1) * moved; channel++) {
        const seen = weight * sumTaps(x.data, (n * channels + channel) * spaceSize, places);
        const group = Math.floor(channel / depth);
        for (let m = (group * filters) / groups; m < ((group + 1) * filters) / groups; m++) {
          y.data[(n * filters + m) * count + o]! += seen * w.data[(m * depth + (channel % depth)) * kernelSize + k]!;
        }
      }
    };
    for (let n = 0; n < batch; n++) {
      for (let movedGroup = 0; movedGroup < movedGroups; movedGroup++) {
        for (let o = 0; o < count; o++) for (let k = 0; k < kernelSize; k++) add(n, movedGroup, o, k);
      }
    }
    return [y];
  },
};
