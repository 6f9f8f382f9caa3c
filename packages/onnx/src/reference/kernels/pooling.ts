import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size, strides } from '../value.ts';
import type { Taps, Windows } from './windows.ts';
import { eachWindow, kernelShape, windowAttributes, windowsOf } from './windows.ts';
import { rangeOf, zeros } from './zeros.ts';

function spatial(c: KernelContext): Value {
  const x = c.input(0);
  if (x.dims.length < 3) c.misfit('an input [batch, channels, …space]', `[${x.dims}]`);
  return x;
}

/** One window of one channel: `data[from + taps.at[t]]` for `t` below `taps.length`. */
type Pool = (data: Float64Array, from: number, taps: Taps) => number;

/** Slides a window over every channel, by the node's kernel_shape and window attributes. */
const pooling =
  (poolOf: (c: KernelContext) => Pool): Kernel =>
  (c) => {
    const x = spatial(c);
    const windows = windowsOf(c, x.dims.slice(2), kernelShape(c, x.dims.length - 2));
    return [slide(c, x, windows, poolOf(c))];
  };

/** One window per channel that covers all of it. */
const globalPooling =
  (poolOf: (c: KernelContext) => Pool): Kernel =>
  (c) => {
    const x = spatial(c);
    const over = x.dims.slice(2);
    const [ones, none] = [over.map(() => 1), over.map(() => 0)];
    const windows = { over, count: ones, kernel: over, strides: ones, dilations: ones, before: none, after: none };
    return [slide(c, x, windows, poolOf(c))];
  };

function slide(c: KernelContext, x: Value, windows: Windows, pool: Pool): Value {
  const y = zeros(c, x.type, [x.dims[0]!, x.dims[1]!, ...windows.count]);
  if (y.data.length === 0) return y;
  const [overSize, ySize] = [size(windows.over), size(windows.count)];
  const planes = x.dims[0]! * x.dims[1]!;
  eachWindow(c, windows, (window, taps) => {
    for (let plane = 0; plane < planes; plane++) y.data[plane * ySize + window] = pool(x.data, plane * overSize, taps);
  });
  return y;
}

const sum: Pool = (data, from, taps) => {
  let total = 0;
  for (let t = 0; t < taps.length; t++) total += data[from + taps.at[t]!]!;
  return total;
};

/** `(Σ|x|ᵖ)^(1/p)`. */
const norm = (c: KernelContext): Pool => {
  const p = c.int('p', c.float('p', 2));
  if (!(p > 0)) c.refuse(`p ${p}`);
  return (data, from, taps) => {
    let total = 0;
    for (let t = 0; t < taps.length; t++) total += Math.abs(data[from + taps.at[t]!]!) ** p;
    return total ** (1 / p);
  };
};

/** The tap of the largest element, -1 for a window that is all padding. */
const largest: Pool = (data, from, taps) => {
  let best = taps.length === 0 ? -1 : 0;
  for (let t = 1; t < taps.length; t++) if (data[from + taps.at[t]!]! > data[from + taps.at[best]!]!) best = t;
  return best;
};

const largestElement = (c: KernelContext): Pool => {
  const [lowest] = rangeOf(c.input(0).type);
  return (data, from, taps) => {
    const best = largest(data, from, taps);
    return best < 0 ? lowest : data[from + taps.at[best]!]!;
  };
};

export const pools: Readonly<Record<string, Kernel>> = {
  AveragePool: pooling((c) => {
    const includePad = c.int('count_include_pad', 0) === 1;
    return (data, from, taps) => sum(data, from, taps) / (includePad ? taps.padded : taps.length);
  }),
  GlobalAveragePool: globalPooling(() => (data, from, taps) => sum(data, from, taps) / taps.length),
  GlobalMaxPool: globalPooling(largestElement),
  LpPool: pooling(norm),
  GlobalLpPool: globalPooling(norm),
  /** The second output holds the positions of the maxima in the whole of `x`, column-major in space on request. */
  MaxPool: (c) => {
    const x = spatial(c);
    const over = x.dims.slice(2);
    const windows = windowsOf(c, over, kernelShape(c, over.length));
    const y = slide(c, x, windows, largestElement(c));
    const steps = strides(over);
    const reversed = strides(over.toReversed()).toReversed();
    const columnMajor = c.int('storage_order', 0) === 1;
    const overSize = size(over);
    const indices = slide(c, x, windows, (data, from, taps) => {
      const best = largest(data, from, taps);
      if (best < 0) return -1;
      const at = taps.at[best]!;
      if (!columnMajor) return from + at;
      const place = (step: number, axis: number) => (Math.floor(at / step) % over[axis]!) * reversed[axis]!;
      return Math.floor(from / overSize) * overSize + steps.map(place).reduce((a, b) => a + b, 0);
    });
    return [y, { ...indices, type: 'int64' }];
  },
  /** Indices count in the shape the pooling came from; a larger `output_shape` is filled up with zeros behind. */
  MaxUnpool: (c) => {
    const [x, indices] = [spatial(c), c.input(1)];
    if (`${indices.dims}` !== `${x.dims}`) c.misfit(`indices [${x.dims}]`, `[${indices.dims}]`);
    const rank = x.dims.length - 2;
    const kernel = kernelShape(c, rank);
    const { strides: steps, before, after } = windowAttributes(c, rank);
    const pooled = x.dims.slice(2).map((length, axis) => {
      return (length - 1) * steps[axis]! + kernel[axis]! - before[axis]! - after[axis]!;
    });
    const dims = [...x.dims.slice(0, 2), ...pooled];
    const outDims = c.integers(2) ?? dims;
    if (outDims.length !== dims.length || outDims.some((dim, axis) => dim < dims[axis]!)) {
      c.misfit(`an output shape of at least [${dims}]`, `[${outDims}]`);
    }
    const y = zeros(c, x.type, outDims);
    const [from, to] = [strides(dims), strides(outDims)];
    const total = size(dims);
    for (let i = 0; i < x.data.length; i++) {
      const index = indices.data[i]!;
      if (!(index >= 0 && index < total)) c.misfit(`indices in [0, ${total})`, `${index}`);
      let offset = 0;
      for (let axis = 0; axis < dims.length; axis++) {
        offset += (Math.floor(index / from[axis]!) % dims[axis]!) * to[axis]!;
      }
      y.data[offset] = x.data[i]!;
    }
    return [y];
  },
  /** Regions `[roi, (image, x1, y1, x2, y2)]`, rounded to whole elements, cut into `pooled_shape` bins each. */
  MaxRoiPool: (c) => {
    const [x, rois] = [c.input(0), c.input(1)];
    const pooled = c.ints('pooled_shape') ?? c.refuse('no pooled_shape');
    if (x.dims.length !== 4 || rois.dims.length !== 2 || rois.dims[1] !== 5 || pooled.length !== 2) {
      c.misfit('images [N, C, H, W], regions [n, 5], two pooled sizes', `[${x.dims}], [${rois.dims}], [${pooled}]`);
    }
    const [batch, channels, height, width] = x.dims as [number, number, number, number];
    const scale = c.float('spatial_scale', 1);
    const y = zeros(c, x.type, [rois.dims[0]!, channels, ...pooled]);
    if (y.data.length === 0) return [y];
    /** Positions of bin `i` of `bins` between two ends, cut to an axis. */
    const bin = (i: number, bins: number, first: number, last: number, length: number): readonly [number, number] => {
      const wide = Math.max(last - first + 1, 1) / bins;
      const cut = (at: number) => Math.min(Math.max(at, 0), length);
      return [cut(Math.floor(i * wide) + first), cut(Math.ceil((i + 1) * wide) + first)];
    };
    let i = 0;
    for (let roi = 0; roi < rois.dims[0]!; roi++) {
      const image = rois.data[roi * 5]!;
      if (!(Number.isInteger(image) && image >= 0 && image < batch)) c.misfit(`an image below ${batch}`, `${image}`);
      const [x1, y1, x2, y2] = Array.from({ length: 4 }, (_, k) => Math.round(rois.data[roi * 5 + 1 + k]! * scale));
      for (let channel = 0; channel < channels; channel++) {
        const from = (image * channels + channel) * height * width;
        for (let row = 0; row < pooled[0]!; row++) {
          for (let column = 0; column < pooled[1]!; column++) {
            const [top, bottom] = bin(row, pooled[0]!, y1!, y2!, height);
            const [left, right] = bin(column, pooled[1]!, x1!, x2!, width);
            let best = bottom <= top || right <= left ? 0 : Number.NEGATIVE_INFINITY;
            for (let h = top; h < bottom; h++) {
              for (let w = left; w < right; w++) best = Math.max(best, x.data[from + h * width + w]!);
            }
            y.data[i++] = best;
          }
        }
      }
    }
    return [y];
  },
};
