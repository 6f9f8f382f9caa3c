import { asFloat, lengthOf } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';
import { positionsOf, scatterAdd } from '../scatter.ts';

/** Fourier transforms. */
export const signal: Readonly<Record<string, GradientRule>> = {
  /**
   * The transform F of n points is linear, and its conjugate transpose is n times its inverse, so dx is n·F⁻¹dy, and dy
   * forward over n for the inverse transform. Half a spectrum is filled up with zeros first; signals that were filled up
   * or cut to n points are cut or filled up after; of a real signal only the real part is left.
   */
  DFT: {
    backward: (c) => {
      const { emitter: e } = c;
      const inverse = c.int('inverse', 0) === 1;
      const half = c.int('onesided', 0) === 1;
      if (half && inverse) return c.refuse('the inverse of half a spectrum');
      const rank = e.rank(c.x()) ?? c.refuse('the rank of the input must be known');
      const parts = e.dims(c.x())!.at(-1);
      if (parts !== 1 && parts !== 2) return c.refuse('whether the input is complex must be known');
      const axis = axisOf(c, rank);
      const along = c.emitter.opset >= 20 ? [e.integer(axis)] : [];
      const attributes = c.emitter.opset >= 20 ? {} : { axis };
      const points = c.x(1) === '' ? lengthOf(e, c.x(), axis) : e.op('Reshape', [c.x(1), e.ints([1])]);
      const whole = half ? fitted(c, c.dy(), points, axis, rank) : c.dy();
      const turned = e.op('DFT', [whole, ...(along.length > 0 ? ['', ...along] : [])], {
        ...attributes,
        inverse: inverse ? 0 : 1,
      });
      const scaled = e.op(inverse ? 'Div' : 'Mul', [turned, asFloat(e, points)]);
      const signal = c.x(1) === '' ? scaled : fitted(c, scaled, lengthOf(e, c.x(), axis), axis, rank);
      return [parts === 2 ? signal : e.op('Slice', [signal, e.ints([0]), e.ints([1]), e.ints([-1])])];
    },
  },
  /** The frames' DFTs undone alike, weighed by the window, and added where the frames were taken from. */
  STFT: {
    backward: (c) => {
      const { emitter: e } = c;
      const real = e.dims(c.x())?.at(-1);
      if (real !== 1 && real !== 2) return c.refuse('whether the signal is complex must be known');
      const length =
        c.x(3) !== ''
          ? e.op('Reshape', [c.x(3), e.ints([1])])
          : lengthOf(e, c.x(c.x(2) === '' ? 0 : 2), c.x(2) === '' ? 1 : 0);
      const half = c.int('onesided', 1) === 1;
      const whole = half ? fitted(c, c.dy(), length, 2, 4) : c.dy();
      const axis =
        e.opset >= 20 ? { inputs: ['', e.integer(2)], attributes: {} } : { inputs: [], attributes: { axis: 2 } };
      const turned = e.op('DFT', [whole, ...axis.inputs], { ...axis.attributes, inverse: 1 });
      const scaled = e.op('Mul', [turned, asFloat(e, length)]);
      const frames = real === 2 ? scaled : e.op('Slice', [scaled, e.ints([0]), e.ints([1]), e.ints([-1])]);
      const numbers = (count: string, shape: readonly number[]) =>
        e.op('Reshape', [
          e.op('Range', [e.integer(0), e.op('Reshape', [count, e.ints([])]), e.integer(1)]),
          e.ints(shape),
        ]);
      const starts = e.op('Mul', [numbers(lengthOf(e, c.y(), 1), [-1, 1]), c.x(1)]);
      const places = e.op('Add', [starts, numbers(length, [1, -1])]);
      const taken = (value: string) => e.op('Gather', [value, places], { axis: 1 });
      const signal = () => {
        const weighed = c.x(2) === '' ? frames : e.op('Mul', [frames, e.op('Unsqueeze', [c.x(2), e.ints([1])])]);
        return scatterAdd(e, c.x(), taken(positionsOf(e, c.x())), weighed);
      };
      const window = () => e.sum(e.op('Mul', [frames, taken(c.x())]), [0, 1, 3], false);
      return [c.wants(0) ? signal() : undefined, undefined, c.wants(2) ? window() : undefined];
    },
  },
};

function axisOf(c: GradientContext, rank: number): number {
  const { emitter: e } = c;
  const given = e.opset >= 20 ? (c.x(2) === '' ? -2 : e.intsOf(c.x(2))?.[0]) : c.int('axis', 1);
  if (given === undefined) return c.refuse('the axis must be constant');
  return given < 0 ? given + rank : given;
}

/** Zeros behind the end of one axis, or what is beyond `length` cut off. */
function fitted(c: GradientContext, value: string, length: string, axis: number, rank: number): string {
  const { emitter: e } = c;
  const missing = e.op('Sub', [length, e.op('Gather', [e.op('Shape', [value]), e.ints([axis])])]);
  const zeros = (count: number) => (count === 0 ? [] : [e.ints(Array.from({ length: count }, () => 0))]);
  return e.op('Pad', [value, e.op('Concat', [...zeros(rank + axis), missing, ...zeros(rank - axis - 1)], { axis: 0 })]);
}
