import { asFloat, lengthOf } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

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
