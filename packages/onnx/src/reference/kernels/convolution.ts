import type { DataType } from '../../model.ts';
import { roundEven } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size, strides } from '../value.ts';
import type { Windows } from './windows.ts';
import { eachWindow, windowAttributes, windowsOf } from './windows.ts';
import { rangeOf, zeros } from './zeros.ts';

/** `x - zero point`, with one zero point for the tensor or one per slice of the first axis. */
function centred(c: KernelContext, x: Value, zero: Value | undefined): Value {
  if (!zero) return x;
  const slice = zero.data.length === 1 ? x.data.length : x.data.length / x.dims[0]!;
  if (zero.data.length !== 1 && zero.data.length !== x.dims[0]) {
    c.misfit(`one zero point or one per slice of [${x.dims}]`, `[${zero.dims}]`);
  }
  return { ...x, data: x.data.map((element, i) => element - zero.data[Math.floor(i / slice)]!) };
}

/** The groups of a convolution of `channels` channels into `filters` filters. */
export function groupsOf(c: KernelContext, channels: number, filters: number): number {
  const groups = c.int('group', 1);
  if (groups < 1 || channels % groups !== 0 || filters % groups !== 0) {
    c.misfit(`groups that divide ${channels} channels and ${filters} filters`, `${groups}`);
  }
  return groups;
}

/** Checks the bias `[filters]` of a convolution. Throws `REFERENCE_SHAPE`. */
export function checkBias(c: KernelContext, bias: Value | undefined, filters: number): void {
  if (bias && bias.data.length !== filters) c.misfit(`a bias of [${filters}]`, `[${bias.dims}]`);
}

/** The kernel sizes of the filters `w`, checked against `x` and `kernel_shape`. Throws `REFERENCE_SHAPE`. */
export function checkKernel(c: KernelContext, x: Value, w: Value): readonly number[] {
  if (x.dims.length < 3 || w.dims.length !== x.dims.length) {
    c.misfit('operands [batch, channels, …space] of one rank', `[${x.dims}] and [${w.dims}]`);
  }
  const kernel = w.dims.slice(2);
  const stated = c.ints('kernel_shape');
  if (stated && `${stated}` !== `${kernel}`) c.misfit(`a kernel_shape [${kernel}]`, `[${stated}]`);
  if (kernel.includes(0)) c.misfit('a kernel that is not empty', `[${w.dims}]`);
  return kernel;
}

/** `x [N, C, …space] ∗ w [M, C/groups, …kernel] + bias [M]`, as `[N, M, …windows]`: one patch of `x`, padded with zeros, at a time. */
function convolve(c: KernelContext, type: DataType, x: Value, w: Value, bias: Value | undefined): Value {
  const kernel = checkKernel(c, x, w);
  const [batch, channels, filters, depth] = [x.dims[0]!, x.dims[1]!, w.dims[0]!, w.dims[1]!];
  const groups = groupsOf(c, channels, filters);
  if (depth * groups !== channels) c.misfit(`filters of ${channels / groups} channels`, `[${w.dims}]`);
  checkBias(c, bias, filters);
  const windows = windowsOf(c, x.dims.slice(2), kernel);
  const y = zeros(c, type, [batch, filters, ...windows.count]);
  if (y.data.length === 0) return y;
  const [overSize, kernelSize, ySize] = [size(windows.over), size(kernel), size(windows.count)];
  const perGroup = filters / groups;
  const patch = new Float64Array(depth * kernelSize);
  eachWindow(c, windows, (window, taps) => {
    for (let n = 0; n < batch; n++) {
      for (let group = 0; group < groups; group++) {
        patch.fill(0);
        for (let channel = 0; channel < depth; channel++) {
          const from = (n * channels + group * depth + channel) * overSize;
          const to = channel * kernelSize;
          for (let t = 0; t < taps.length; t++) patch[to + taps.kernel[t]!] = x.data[from + taps.at[t]!]!;
        }
        for (let m = group * perGroup; m < (group + 1) * perGroup; m++) {
          let sum = bias ? bias.data[m]! : 0;
          const weights = m * patch.length;
          for (let i = 0; i < patch.length; i++) sum += patch[i]! * w.data[weights + i]!;
          y.data[(n * filters + m) * ySize + window] = sum;
        }
      }
    }
  });
  return y;
}

/** The windows of a transposed convolution: they slide over its output, one window per position of its input. */
function transposedWindows(c: KernelContext, space: readonly number[], kernel: readonly number[]): Windows {
  const rank = space.length;
  const { strides: steps, dilations, before, after } = windowAttributes(c, rank);
  const extra = c.ints('output_padding') ?? space.map(() => 0);
  if (extra.length !== rank) c.misfit(`output_padding of ${rank} integers`, `[${extra}]`);
  const mode = c.text('auto_pad', 'NOTSET');
  const stated = c.ints('output_shape')?.slice(-rank);
  if (stated && stated.length !== rank) c.misfit(`an output_shape of ${rank} sizes`, `[${stated}]`);
  const over = space.map((length, axis) => {
    const full = (length - 1) * steps[axis]! + extra[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1;
    const wanted = stated?.[axis] ?? (mode.startsWith('SAME') ? length * steps[axis]! : undefined);
    if (wanted === undefined) return full - before[axis]! - after[axis]!;
    const padding = Math.max(full - wanted, 0);
    before[axis] = mode === 'SAME_UPPER' ? Math.floor(padding / 2) : Math.ceil(padding / 2);
    after[axis] = padding - before[axis]!;
    return wanted;
  });
  return { over, count: space, kernel, strides: steps, dilations, before, after };
}

export const convolution: Readonly<Record<string, Kernel>> = {
  Conv: (c) => [convolve(c, c.input(0).type, c.input(0), c.input(1), c.optional(2))],
  ConvInteger: (c) => {
    const x = centred(c, c.input(0), c.optional(2));
    return [convolve(c, 'int32', x, centred(c, c.input(1), c.optional(3)), undefined)];
  },
  QLinearConv: (c) => {
    const [scaleX, scaleW, scaleY, zeroY] = [c.input(1), c.input(4), c.input(6), c.input(7)];
    const filters = c.input(3).dims[0] ?? c.misfit('filters [M, C, …kernel]', 'a scalar');
    if (scaleW.data.length !== 1 && scaleW.data.length !== filters) {
      c.misfit(`one scale or ${filters}`, `[${scaleW.dims}]`);
    }
    const x = centred(c, c.input(0), c.input(2));
    const sums = convolve(c, zeroY.type, x, centred(c, c.input(3), c.input(5)), c.optional(8));
    const [low, high] = rangeOf(zeroY.type);
    const perFilter = sums.data.length / (sums.dims[0]! * filters);
    const data = sums.data.map((sum, i) => {
      const filter = scaleW.data.length === 1 ? 0 : Math.floor(i / perFilter) % filters;
      const scaled = sum * ((scaleX.data[0]! * scaleW.data[filter]!) / scaleY.data[0]!);
      return Math.min(Math.max(roundEven(scaled) + zeroY.data[0]!, low), high);
    });
    return [{ ...sums, data }];
  },
  /** Every element of `x [N, C, …]` spreads `w [C, M/groups, …kernel]` over its window of the output. */
  ConvTranspose: (c) => {
    const [x, w, bias] = [c.input(0), c.input(1), c.optional(2)];
    const kernel = checkKernel(c, x, w);
    const [batch, channels, perGroup] = [x.dims[0]!, x.dims[1]!, w.dims[1]!];
    const groups = groupsOf(c, channels, 0);
    if (w.dims[0] !== channels) c.misfit(`filters for ${channels} channels`, `[${w.dims}]`);
    const filters = perGroup * groups;
    checkBias(c, bias, filters);
    const windows = transposedWindows(c, x.dims.slice(2), kernel);
    const y = zeros(c, x.type, [batch, filters, ...windows.over]);
    if (y.data.length === 0) return [y];
    const [xSize, kernelSize, overSize] = [size(windows.count), size(kernel), size(windows.over)];
    if (bias) for (let i = 0; i < y.data.length; i++) y.data[i] = bias.data[Math.floor(i / overSize) % filters]!;
    eachWindow(c, windows, (window, taps) => {
      for (let n = 0; n < batch; n++) {
        for (let channel = 0; channel < channels; channel++) {
          const element = x.data[(n * channels + channel) * xSize + window]!;
          const first = Math.floor(channel / (channels / groups)) * perGroup;
          for (let m = 0; m < perGroup; m++) {
            const to = (n * filters + first + m) * overSize;
            const weights = (channel * perGroup + m) * kernelSize;
            for (let t = 0; t < taps.length; t++) {
              y.data[to + taps.at[t]!]! += element * w.data[weights + taps.kernel[t]!]!;
            }
          }
        }
      }
    });
    return [y];
  },
  /** Adds up overlapping blocks: the columns `[N, C·block, windows]` of `Im2Col` back as `[N, C, …image]`. */
  Col2Im: (c) => {
    const x = c.input(0);
    const [image, block] = [c.integers(1) ?? c.refuse('no image shape'), c.integers(2) ?? c.refuse('no block shape')];
    if (x.dims.length !== 3 || block.length !== image.length || !block.every((length) => length > 0)) {
      c.misfit(
        'columns [N, C·block, windows], an image and a block of one rank',
        `[${x.dims}], [${image}], [${block}]`,
      );
    }
    const windows = windowsOf(c, image, block);
    const blockSize = size(block);
    if (x.dims[1]! % blockSize !== 0 || x.dims[2] !== size(windows.count)) {
      c.misfit(`columns [N, C·${blockSize}, ${size(windows.count)}]`, `[${x.dims}]`);
    }
    const y = zeros(c, x.type, [x.dims[0]!, x.dims[1]! / blockSize, ...image]);
    if (y.data.length === 0) return [y];
    const imageSize = size(image);
    const steps = strides(x.dims);
    eachWindow(c, windows, (window, taps) => {
      for (let plane = 0; plane < y.dims[0]! * y.dims[1]!; plane++) {
        const from = plane * blockSize * steps[1]! + window;
        for (let t = 0; t < taps.length; t++) {
          y.data[plane * imageSize + taps.at[t]!]! += x.data[from + taps.kernel[t]! * steps[1]!]!;
        }
      }
    });
    return [y];
  },
};
