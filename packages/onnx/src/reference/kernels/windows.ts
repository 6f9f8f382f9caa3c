import type { KernelContext } from '../kernel.ts';
import { size, strides } from '../value.ts';

/**
 * Windows that slide over the spatial axes of a tensor: window `o` of an axis reads the positions
 * `o·stride − before + k·dilation` for `k` in `[0, kernel)`. All lists have one entry per spatial axis.
 */
export interface Windows {
  /** Sizes of what the windows slide over. */
  readonly over: readonly number[];
  /** How many windows there are. */
  readonly count: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The places one window covers; the arrays are reused from window to window and valid up to `length`. */
export interface Taps {
  length: number;
  /** Offsets inside `over`, row-major; never in the padding. */
  readonly at: Int32Array;
  /** Offsets inside the kernel, row-major. */
  readonly kernel: Int32Array;
  /** Places of the window inside `over` or its padding. */
  padded: number;
}

/** A list attribute with one positive integer per spatial axis. */
function perAxis(c: KernelContext, name: string, rank: number): readonly number[] {
  const found = c.ints(name) ?? Array.from({ length: rank }, () => 1);
  if (found.length !== rank || !found.every((entry) => Number.isSafeInteger(entry) && entry > 0)) {
    c.misfit(`${name} of ${rank} positive integers`, `[${found}]`);
  }
  return found;
}

/** Strides, dilations and explicit pads of a node with `rank` spatial axes. */
export function windowAttributes(c: KernelContext, rank: number) {
  const pads = c.ints('pads') ?? Array.from({ length: 2 * rank }, () => 0);
  if (pads.length !== 2 * rank || !pads.every(Number.isSafeInteger)) {
    c.misfit(`pads of ${2 * rank} integers`, `[${pads}]`);
  }
  const explicit = ['NOTSET', ''].includes(c.text('auto_pad', 'NOTSET'));
  return {
    strides: perAxis(c, 'strides', rank),
    dilations: perAxis(c, 'dilations', rank),
    before: pads.slice(0, rank).map((pad) => (explicit ? pad : 0)),
    after: pads.slice(rank).map((pad) => (explicit ? pad : 0)),
  };
}

/** The `kernel_shape` of a pooling node. */
export function kernelShape(c: KernelContext, rank: number): readonly number[] {
  if (!c.ints('kernel_shape')) c.misfit('a kernel_shape', 'none');
  return perAxis(c, 'kernel_shape', rank);
}

/** The most windows of one node, and places of one window: what their tables may take of the memory. */
const mostWindows = 2 ** 26;

/**
 * The windows of a convolution or pooling node over spatial sizes `over`, by its strides, dilations, pads, auto_pad and
 * ceil_mode. With ceil_mode a last window that would start in the padding behind the end is left out.
 */
export function windowsOf(c: KernelContext, over: readonly number[], kernel: readonly number[]): Windows {
  const { strides: steps, dilations, before, after } = windowAttributes(c, over.length);
  const mode = c.text('auto_pad', 'NOTSET');
  const ceil = c.int('ceil_mode', 0) === 1;
  const count = over.map((length, axis) => {
    const step = steps[axis]!;
    const span = (kernel[axis]! - 1) * dilations[axis]! + 1;
    if (mode.startsWith('SAME')) {
      const windows = Math.ceil(length / step);
      const padding = Math.max((windows - 1) * step + span - length, 0);
      before[axis] = mode === 'SAME_UPPER' ? Math.floor(padding / 2) : Math.ceil(padding / 2);
      after[axis] = padding - before[axis]!;
      return windows;
    }
    const room = length + before[axis]! + after[axis]! - span;
    if (!ceil || mode === 'VALID') return Math.floor(room / step) + 1;
    const windows = Math.ceil(room / step) + 1;
    return (windows - 1) * step >= length + before[axis]! ? windows - 1 : windows;
  });
  if (count.some((windows) => windows < 0)) c.misfit(`a kernel that fits into [${over}]`, `[${kernel}]`);
  if (!(size(count) <= mostWindows)) c.misfit(`at most ${mostWindows} windows`, `[${count}]`);
  return { over, count, kernel, strides: steps, dilations, before, after };
}

/** The positions of one axis of one window: first `k` inside, last `k` inside, and how many lie inside the padding. */
function axisRange(w: Windows, axis: number, window: number): readonly [first: number, last: number, padded: number] {
  const [length, kernel, dilation] = [w.over[axis]!, w.kernel[axis]!, w.dilations[axis]!];
  const start = window * w.strides[axis]! - w.before[axis]!;
  const last = (end: number) => Math.min(Math.floor((end - 1 - start) / dilation), kernel - 1);
  return [Math.max(Math.ceil(-start / dilation), 0), last(length), last(length + w.after[axis]!) + 1];
}

/** Visits every window in row-major order. Errors: `REFERENCE_SHAPE` for more than 2²⁶ windows, or places of a window. */
export function eachWindow(c: KernelContext, w: Windows, visit: (window: number, taps: Taps) => void): void {
  const rank = w.over.length;
  const [overSteps, kernelSteps] = [strides(w.over), strides(w.kernel)];
  const most = w.over.reduce((product, length, axis) => product * Math.min(length, w.kernel[axis]!), 1);
  const total = size(w.count);
  if (!(Math.max(total, most, ...w.count) <= mostWindows)) {
    c.misfit(`at most ${mostWindows} windows and places of a window`, `[${w.count}] of [${w.kernel}]`);
  }
  const taps: Taps = { length: 0, at: new Int32Array(most), kernel: new Int32Array(most), padded: 0 };
  const ranges = w.count.map((windows, axis) => Array.from({ length: windows }, (_, o) => axisRange(w, axis, o)));
  const at = w.count.map(() => 0);
  const collect = (axis: number, offset: number, kernelOffset: number): void => {
    if (axis === rank) {
      taps.at[taps.length] = offset;
      taps.kernel[taps.length++] = kernelOffset;
      return;
    }
    const [first, last] = ranges[axis]![at[axis]!]!;
    const start = at[axis]! * w.strides[axis]! - w.before[axis]!;
    for (let k = first; k <= last; k++) {
      const inside = start + k * w.dilations[axis]!;
      collect(axis + 1, offset + inside * overSteps[axis]!, kernelOffset + k * kernelSteps[axis]!);
    }
  };
  for (let window = 0; window < total; window++) {
    taps.length = 0;
    taps.padded = 1;
    for (let axis = 0; axis < rank; axis++) taps.padded *= ranges[axis]![at[axis]!]![2];
    collect(0, 0, 0);
    visit(window, taps);
    for (let axis = rank - 1; axis >= 0; axis--) {
      at[axis] = at[axis]! + 1;
      if (at[axis]! < w.count[axis]!) break;
      at[axis] = 0;
    }
  }
}
