import type { GradientContext, GradientRule } from '../rule.ts';
import { attributeInts } from '../rule.ts';

/** `value` has the reduced shape; gives it back the reduced axes as size 1. */
function keepAxes(c: GradientContext, value: string): string {
  if (c.int('keepdims', 1) === 1) return value;
  const axes = axesOf(c);
  return axes === undefined ? value : c.emitter.op('Unsqueeze', [value, axes]);
}

/** The reduced axes as a value; `undefined` means all of them. */
function axesOf(c: GradientContext): string | undefined {
  if (c.x(1) !== '') return c.emitter.intsOf(c.x(1))?.length === 0 ? undefined : c.x(1);
  const axes = attributeInts(c.node.attributes.axes);
  return axes === undefined || axes.length === 0 ? undefined : c.emitter.ints(axes);
}

const reducesNothing = (c: GradientContext) => axesOf(c) === undefined && c.int('noop_with_empty_axes', 0) === 1;

/** `dx = dy` at the extreme; equal extremes share it evenly. */
const extreme: GradientRule = {
  backward: (c) => {
    const { emitter: e } = c;
    if (reducesNothing(c)) return [c.looseDy()];
    const axes = axesOf(c);
    const mask = e.op('Cast', [e.op('Equal', [c.x(), keepAxes(c, c.y())])], { to: 1 });
    const count = e.op('ReduceSum', axes === undefined ? [mask] : [mask, axes], { keepdims: 1 });
    return [e.op('Mul', [mask, e.op('Div', [keepAxes(c, c.dy()), count])])];
  },
};

/** Reductions. Sums hand on a gradient that only broadcasts to the input. */
export const reduce: Readonly<Record<string, GradientRule>> = {
  ReduceSum: {
    backward: (c) => [reducesNothing(c) ? c.looseDy() : c.emitter.loosen(keepAxes(c, c.dy()))],
  },
  ReduceMean: {
    backward: (c) => {
      const { emitter: e } = c;
      if (reducesNothing(c)) return [c.looseDy()];
      const dims = e.dims(c.x());
      const listed = c.x(1) === '' ? (attributeInts(c.node.attributes.axes) ?? []) : e.intsOf(c.x(1));
      const sizes = listed && dims && (listed.length === 0 ? dims : listed.map((axis) => dims.at(axis)));
      let share: string;
      if (sizes?.every((size) => typeof size === 'number')) {
        share = e.op('Mul', [c.dy(), e.scalar(1 / sizes.reduce((a, b) => a * b, 1))]);
      } else {
        const [all, left] = [c.x(), c.y()].map((value) => e.op('Cast', [e.op('Size', [value])], { to: 1 }));
        share = e.op('Mul', [c.dy(), e.op('Div', [left!, all!])]);
      }
      return [e.loosen(keepAxes(c, share))];
    },
  },
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceSumSquare: {
    backward: (c) => [
      c.emitter.op('Mul', [c.emitter.op('Add', [c.x(), c.x()]), reducesNothing(c) ? c.dy() : keepAxes(c, c.dy())]),
    ],
  },
  ReduceLogSumExp: {
    backward: (c) => {
      const { emitter: e } = c;
      const dy = reducesNothing(c) ? c.dy() : keepAxes(c, c.dy());
      const y = reducesNothing(c) ? c.y() : keepAxes(c, c.y());
      return [e.op('Mul', [e.op('Exp', [e.op('Sub', [c.x(), y])]), dy])];
    },
  },
};
