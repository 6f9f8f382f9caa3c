import { dataTypeOf } from '../../data-type.ts';
import type { DataType } from '../../model.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { checkedAxis } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import { expectDims, expectRank } from './expect-shape.ts';
import type { Complex } from './fourier.ts';
import { fourier } from './fourier.ts';
import { zeros } from './zeros.ts';

/** The only integer of an optional input; at least 1. */
function lengthOf(c: KernelContext, index: number, otherwise: number): number {
  const length = c.integers(index)?.[0] ?? otherwise;
  if (!(Number.isSafeInteger(length) && length >= 1)) c.misfit('a length of at least 1', `${length}`);
  return zeros(c, 'float32', [length]).data.length;
}

/** Checks that the last axis holds real numbers (1) or complex ones (2), and gives its size. */
function parts(c: KernelContext, x: Value): number {
  const last = x.dims.at(-1);
  return last === 1 || last === 2 ? last : c.misfit('a last axis of 1 or 2: real or complex', `[${x.dims}]`);
}

/** `length` elements of a signal from `start` on, `step` apart; zeros behind its end. */
function signalAt(x: Value, part: number, start: number, step: number, count: number, length: number): Complex {
  const read = (shift: number) =>
    Float64Array.from({ length }, (_, n) =>
      n < count && shift < part ? x.data[(start + n * step) * part + shift]! : 0,
    );
  return { re: read(0), im: read(1) };
}

const outputType = (c: KernelContext): DataType =>
  dataTypeOf(c.int('output_datatype', 1)) ?? c.refuse(`output_datatype ${c.int('output_datatype', 1)}`);

/** `a₀ - a₁·cos(2πn/N) + a₂·cos(4πn/N)`, with N one less for a window that ends where it begins. */
const windowOf =
  (a0: number, a1: number, a2: number): Kernel =>
  (c) => {
    const length = c.integers(0)?.[0] ?? c.refuse('no size');
    const window = zeros(c, outputType(c), [length]);
    const n = c.int('periodic', 1) === 1 ? length : length - 1;
    for (let i = 0; i < length; i++) {
      const angle = (2 * Math.PI * i) / n;
      window.data[i] = n === 0 ? 1 : a0 - a1 * Math.cos(angle) + a2 * Math.cos(2 * angle);
    }
    return [window];
  };

export const signal: Readonly<Record<string, Kernel>> = {
  /** The axis is an input from opset 20, an attribute before. */
  DFT: (c) => {
    const x = c.input(0);
    const part = parts(c, x);
    const given = c.opset >= 20 ? (c.integers(2)?.[0] ?? -2) : c.int('axis', 1);
    const axis = checkedAxis(c, given, x.dims.length);
    if (axis === x.dims.length - 1) c.misfit('a signal axis', `${given} of [${x.dims}]`);
    const [inverse, onesided] = [c.int('inverse', 0) === 1, c.int('onesided', 0) === 1];
    const toReal = inverse && onesided;
    const count = x.dims[axis]!;
    const length = lengthOf(c, 1, toReal ? 2 * (count - 1) : count);
    if (toReal !== (part === 2) && onesided) c.misfit(`a ${toReal ? 'complex' : 'real'} signal`, `[${x.dims}]`);
    const bins = onesided && !inverse ? Math.floor(length / 2) + 1 : length;
    const dims = x.dims.with(axis, bins).with(-1, toReal ? 1 : 2);
    const y = zeros(c, x.type, dims);
    if (y.data.length === 0) return [y];
    const [before, after] = [size(x.dims.slice(0, axis)), size(x.dims.slice(axis + 1, -1))];
    const used = Math.min(count, toReal ? Math.floor(length / 2) + 1 : length);
    for (let b = 0; b < before; b++) {
      for (let a = 0; a < after; a++) {
        const given = signalAt(x, part, b * count * after + a, after, used, length);
        if (toReal) mirror(given);
        const made = fourier(given, inverse ? 1 : -1);
        for (let k = 0; k < bins; k++) {
          const to = ((b * bins + k) * after + a) * dims.at(-1)!;
          y.data[to] = made.re[k]! / (inverse ? length : 1);
          if (!toReal) y.data[to + 1] = made.im[k]! / (inverse ? length : 1);
        }
      }
    }
    return [y];
  },
  /** `signal [batch, length, 1 or 2]` as `[batch, frames, bins, 2]`. */
  STFT: (c) => {
    const [x, window] = [c.input(0), c.optional(2)];
    expectRank(c, 'signal', x, 3);
    const part = parts(c, x);
    const step = lengthOf(c, 1, 0);
    const [batch, count] = [x.dims[0]!, x.dims[1]!];
    const length = lengthOf(c, 3, window?.data.length ?? count);
    expectDims(c, 'a window', window, [length]);
    if (length > count) c.misfit(`a frame of at most ${count}`, `${length}`);
    const onesided = c.int('onesided', 1) === 1;
    if (onesided && part === 2) c.misfit('a real signal where one side is asked for', `[${x.dims}]`);
    const frames = Math.floor((count - length) / step) + 1;
    const bins = onesided ? Math.floor(length / 2) + 1 : length;
    const y = zeros(c, x.type, [batch, frames, bins, 2]);
    if (y.data.length === 0) return [y];
    for (let b = 0; b < batch; b++) {
      for (let frame = 0; frame < frames; frame++) {
        const { re, im } = signalAt(x, part, b * count + frame * step, 1, length, length);
        const weigh = (element: number, i: number) => element * (window ? window.data[i]! : 1);
        const made = fourier({ re: re.map(weigh), im: im.map(weigh) }, -1);
        for (let k = 0; k < bins; k++) {
          const to = ((b * frames + frame) * bins + k) * 2;
          y.data[to] = made.re[k]!;
          y.data[to + 1] = made.im[k]!;
        }
      }
    }
    return [y];
  },
  HannWindow: windowOf(0.5, 0.5, 0),
  HammingWindow: windowOf(25 / 46, 21 / 46, 0),
  BlackmanWindow: windowOf(0.42, 0.5, 0.08),
  /** Triangles between frequencies evenly spaced in mel, `2595·log₁₀(1 + f/700)`: `[dft_length/2 + 1, num_mel_bins]`. */
  MelWeightMatrix: (c) => {
    const [count, length, rate] = [lengthOf(c, 0, 0), lengthOf(c, 1, 0), lengthOf(c, 2, 0)];
    const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
    const [low, high] = [mel(c.input(3).data[0]!), mel(c.input(4).data[0]!)];
    const spectrum = Math.floor(length / 2) + 1;
    const edges = Array.from({ length: count + 2 }, (_, i) => {
      const hertz = 700 * (10 ** ((low + (i * (high - low)) / (count + 2)) / 2595) - 1);
      return Math.floor(((length + 1) * hertz) / rate);
    });
    if (!edges.every((edge) => edge >= 0 && edge < spectrum)) {
      c.misfit(`frequencies within the spectrum of ${spectrum} bins`, `edges at ${edges[0]} to ${edges.at(-1)}`);
    }
    const y = zeros(c, outputType(c), [spectrum, count]);
    for (let i = 0; i < count; i++) {
      const [left, centre, right] = [edges[i]!, edges[i + 1]!, edges[i + 2]!];
      for (let bin = left; bin < centre; bin++) y.data[bin * count + i] = (bin - left) / (centre - left);
      y.data[centre * count + i] = 1;
      for (let bin = centre + 1; bin < right; bin++) y.data[bin * count + i] = (right - bin) / (right - centre);
    }
    return [y];
  },
};

/** Fills in the second half of a spectrum from the first: that of a real signal is symmetric up to conjugation. */
function mirror({ re, im }: Complex): void {
  for (let k = Math.floor(re.length / 2) + 1; k < re.length; k++) {
    re[k] = re[re.length - k]!;
    im[k] = -im[re.length - k]!;
  }
}
