import { reduceOver, sumOver } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';
import { attributeInts } from '../rule.ts';

/** What a reduction does, whichever way its operator set writes the axes. */
interface Reduction {
  /** The axes as a value; `undefined` means all of them. */
  readonly axes: string | undefined;
  /** A value of the reduced shape, with the reduced axes as size 1. */
  keep(value: string): string;
  /** The same reduction by another operator, axes kept. */
  again(opType: string, value: string): string;
}

/** `undefined` when nothing is reduced. */
function reductionOf(c: GradientContext): Reduction | undefined {
  const { emitter: e } = c;
  const listed = c.x(1) === '' ? (attributeInts(c.node.attributes.axes) ?? []) : e.intsOf(c.x(1));
  const noop = c.int('noop_with_empty_axes', 0);
  if (listed?.length === 0 && noop === 1) return undefined;
  const kept = c.int('keepdims', 1) === 1;
  if (listed === undefined) {
    // Axes that only a run knows may be none, so the shape is read off a reduction that keeps them.
    const more = { keepdims: 1, ...(noop === 1 ? { noop_with_empty_axes: 1 } : {}) };
    const again = (opType: string, value: string) => e.op(opType, [value, c.x(1)], more);
    const keep = (value: string) =>
      kept ? value : e.op('Reshape', [value, e.op('Shape', [again('ReduceSum', c.x())])]);
    return { axes: c.x(1), keep, again };
  }
  const axes = listed.length === 0 ? undefined : listed;
  const again = (opType: string, value: string) => reduceOver(e, opType, value, axes, true);
  const keep = (value: string) => {
    if (kept || axes === undefined) return value;
    return e.op('Unsqueeze', [value, e.ints(axes)]);
  };
  return { axes: axes && e.ints(axes), keep, again };
}

/** A reduction whose input gradient is a factor times dy, both with the reduced axes as size 1. */
const scaled = (factor: (c: GradientContext, y: string, reduction: Reduction | undefined) => string): GradientRule => ({
  backward: (c) => {
    const reduction = reductionOf(c);
    const keep = (value: string) => (reduction ? reduction.keep(value) : value);
    return [c.emitter.mul(keep(c.dy()), factor(c, keep(c.y()), reduction))];
  },
});

/** `dx = dy` at the extreme; equal extremes share it evenly. */
const extreme: GradientRule = {
  backward: (c) => {
    const { emitter: e } = c;
    const reduction = reductionOf(c);
    if (!reduction) return [c.looseDy()];
    const mask = e.op('Cast', [e.op('Equal', [c.x(), reduction.keep(c.y())])], { to: 1 });
    const count = reduction.again('ReduceSum', mask);
    return [e.op('Mul', [mask, e.op('Div', [reduction.keep(c.dy()), count])])];
  },
};

/** Reductions. Sums hand on a gradient that only broadcasts to the input. */
export const reduce: Readonly<Record<string, GradientRule>> = {
  ReduceSum: {
    backward: (c) => {
      const reduction = reductionOf(c);
      return [reduction ? c.emitter.loosen(reduction.keep(c.dy())) : c.looseDy()];
    },
  },
  ReduceMean: {
    backward: (c) => {
      const { emitter: e } = c;
      const reduction = reductionOf(c);
      if (!reduction) return [c.looseDy()];
      const dims = e.dims(c.x());
      const listed = reduction.axes === undefined ? dims?.keys() : e.intsOf(reduction.axes);
      const sizes = listed && dims && Array.from(listed, (axis) => dims.at(axis));
      let share: string;
      if (sizes?.every((size) => typeof size === 'number')) {
        share = e.op('Mul', [c.dy(), e.scalar(1 / sizes.reduce((a, b) => a * b, 1))]);
      } else {
        const [all, left] = [c.x(), c.y()].map((value) => e.op('Cast', [e.op('Size', [value])], { to: 1 }));
        share = e.op('Mul', [c.dy(), e.op('Div', [left!, all!])]);
      }
      return [e.loosen(reduction.keep(share))];
    },
  },
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceSumSquare: scaled((c) => c.emitter.op('Add', [c.x(), c.x()])),
  ReduceL1: scaled((c) => c.emitter.op('Sign', [c.x()])),
  /** x/y; the slope at the origin is taken as 0. */
  ReduceL2: scaled((c, y) => {
    const { emitter: e } = c;
    return e.op('Div', [c.x(), e.op('Where', [e.op('Equal', [y, e.scalar(0)]), e.scalar(1), y])]);
  }),
  /** y = ln Σx, so 1/Σx is e^−y, the same for all elements. */
  ReduceLogSum: {
    backward: (c) => {
      const { emitter: e } = c;
      const reduction = reductionOf(c);
      if (!reduction) return [e.op('Div', [c.looseDy(), c.x()])];
      return [e.loosen(reduction.keep(e.op('Mul', [c.dy(), e.op('Exp', [e.op('Neg', [c.y()])])])))];
    },
  },
  ReduceLogSumExp: scaled((c, y) => c.emitter.op('Exp', [c.emitter.op('Sub', [c.x(), y])])),
  /** The product of the other elements, which is 0 when another one than x is. */
  ReduceProd: scaled((c, _, reduction) => {
    const { emitter: e } = c;
    if (!reduction) return e.scalar(1);
    const zero = e.op('Equal', [c.x(), e.scalar(0)]);
    const isZero = e.op('Cast', [zero], { to: 1 });
    const others = e.op('Sub', [sumOver(e, isZero, reduction.axes), isZero]);
    const nonZero = e.op('Where', [zero, e.scalar(1), c.x()]);
    const rest = e.op('Div', [reduction.again('ReduceProd', nonZero), nonZero]);
    return e.op('Where', [e.op('Equal', [others, e.scalar(0)]), rest, e.scalar(0)]);
  }),
};
