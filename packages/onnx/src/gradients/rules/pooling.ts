import { float32 } from '../../model.ts';
import type { Emitter } from '../emitter.ts';
import { asFloat, axesFrom, joined, sumOver } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';
import { scatterAdd, takeAt } from '../scatter.ts';
import type { Window } from '../window.ts';
import { handBack, padSpatial, perKernelPlace, spatialShape, windowOf } from '../window.ts';

/** Pools, and the operators that undo or spread them. */
export const pooling: Readonly<Record<string, GradientRule>> = {
  AveragePool: {
    backward: (c) => {
      const { emitter: e } = c;
      const window = windowOf(c, undefined);
      return [spreadOver(c, e.op('Div', [c.dy(), counts(c, window)]), window)];
    },
  },
  /** y = (Σ|x|ᵖ)^(1/p), so dx = Σ dy·y^(1−p) over the windows, times |x|^(p−1)·sign x. */
  LpPool: {
    backward: (c) => {
      const p = c.int('p', 2);
      const shares = c.emitter.op('Mul', [c.dy(), lowered(c, c.y(), p)]);
      return [c.emitter.op('Mul', [spreadOver(c, shares, windowOf(c, undefined)), slopeOfPower(c, p)])];
    },
  },
  /** To the places that the operator's own second output names; places of windows that overlap may come twice. */
  MaxPool: {
    backward: (c) => {
      const { emitter: e } = c;
      const { strides, dilations, kernel } = windowOf(c, undefined);
      const apart = kernel!.every((length, axis) => (length - 1) * dilations[axis]! < strides[axis]!);
      const dims = e.dims(c.y());
      const indices =
        c.int('storage_order', 0) === 0
          ? e.extraOutput(c.node, 1, { type: 'int64', ...(dims ? { dims } : {}) })
          : e.ops('MaxPool', [c.x()], { ...c.node.attributes, storage_order: 0 }, 2)[1]!;
      return [scatterAdd(e, c.x(), indices, c.dy(), { distinct: apart })];
    },
  },
  GlobalAveragePool: {
    backward: (c) => {
      const { emitter: e } = c;
      const count = e.op('ReduceProd', [spatialShape(e, c.x())], { keepdims: 1 });
      const sizes = e.intsOf(spatialShape(e, c.x()));
      const all = sizes ? e.scalar(sizes.reduce((a, b) => a * b, 1)) : asFloat(e, count);
      return [e.loosen(e.op('Div', [c.dy(), all]))];
    },
  },
  /** Equal extremes share the gradient evenly. */
  GlobalMaxPool: {
    backward: (c) => {
      const { emitter: e } = c;
      const mask = e.op('Cast', [e.op('Equal', [c.x(), c.y()])], { to: 1 });
      const count = sumOver(e, mask, axesFrom(e, c.x(), 2));
      return [e.op('Mul', [mask, e.op('Div', [c.dy(), count])])];
    },
  },
  GlobalLpPool: {
    backward: (c) => {
      const p = c.int('p', 2);
      const shares = c.emitter.op('Mul', [c.dy(), lowered(c, c.y(), p)]);
      return [c.emitter.op('Mul', [shares, slopeOfPower(c, p)])];
    },
  },
  MaxUnpool: {
    backward: (c) => {
      if (c.x(2) !== '') return c.refuse('an output shape that is given');
      return [takeAt(c.emitter, c.dy(), c.x(1))];
    },
  },
  /** Sums of overlapping blocks: each element of a block gets dy of where it went. */
  Col2Im: {
    backward: (c) => {
      const { emitter: e } = c;
      const kernel = e.intsOf(c.x(2)) ?? c.refuse('the shape of the blocks must be constant');
      const axes = kernel.length;
      const ones = kernel.map(() => 1);
      const [strides, dilations] = [c.ints('strides') ?? ones, c.ints('dilations') ?? ones];
      const pads = c.ints('pads') ?? [...ones, ...ones].map(() => 0);
      const padded = padSpatial(e, c.dy(), e.ints(pads.slice(0, axes)), e.ints(pads.slice(axes)));
      const reach = kernel.map(
        (length, axis) => pads[axis]! + pads[axis + axes]! - (length - 1) * dilations[axis]! - 1,
      );
      const sizes = e.intsOf(c.x(1));
      const steps = sizes
        ? e.ints(sizes.map((size, axis) => Math.floor((size + reach[axis]!) / strides[axis]!) + 1))
        : e.op('Add', [e.op('Div', [e.op('Add', [c.x(1), e.ints(reach)]), e.ints(strides)]), e.ints([1])]);
      const met = perKernelPlace(e, padded, kernel, { axes, strides, dilations }, steps);
      const stacked = met.map((value) => e.op('Unsqueeze', [value, e.ints([2])]));
      return [e.op('Reshape', [e.op('Concat', stacked, { axis: 2 }), e.shape(c.x())])];
    },
  },
};

/** Hands every window's number back to all elements it covered, channel by channel. */
function spreadOver(c: GradientContext, shares: string, window: Window): string {
  const { emitter: e } = c;
  const single = (value: string) =>
    e.op('Reshape', [value, joined(e, [e.ints([-1, 1]), spatialShape(e, value === shares ? c.y() : value)])]);
  const ones = e.constant(
    float32(new Float32Array(window.kernel!.reduce((a, b) => a * b, 1)).fill(1), [1, 1, ...window.kernel!]),
  );
  const steps = e.dims(c.y())?.slice(2) ?? window.kernel!.map(() => undefined);
  const spread = handBack(e, single(shares), ones, window, c.x(), { outputs: steps });
  return e.op('Reshape', [spread, e.shape(c.x())]);
}

/** How many elements each window's mean is of: a scalar, or a value that broadcasts over the windows. */
function counts(c: GradientContext, window: Window): string {
  const { emitter: e } = c;
  const kernel = window.kernel!;
  const includesPads = c.int('count_include_pad', 0) === 1;
  const inside = c.int('ceil_mode', 0) === 0;
  const padded = window.pads === undefined || window.pads.some((count) => count !== 0);
  if (inside && (includesPads || !padded)) return e.scalar(kernel.reduce((a, b) => a * b, 1));
  const perAxis = kernel.map((length, axis) => {
    const at = (values: string) => scalarAt(e, values, axis);
    const range = (limit: string, shape: readonly number[]) =>
      e.op('Reshape', [e.op('Range', [e.integer(0), limit, e.integer(1)]), e.ints(shape)]);
    const starts = e.op('Mul', [range(at(spatialShape(e, c.y())), [-1, 1]), e.integer(window.strides[axis]!)]);
    const offsets = e.op('Mul', [range(e.integer(length), [1, -1]), e.integer(window.dilations[axis]!)]);
    // Counted from the beginning of the padding.
    const places = e.op('Add', [starts, offsets]);
    const size = at(spatialShape(e, c.x()));
    const end = e.op('Add', [size, at(window.before)]);
    const within = includesPads
      ? e.op('Less', [places, e.op('Add', [end, at(window.after)])])
      : e.op('And', [e.op('Less', [places, end]), e.op('GreaterOrEqual', [places, at(window.before)])]);
    const count = e.op('ReduceSum', [e.op('Cast', [within], { to: 1 }), e.ints([1])], { keepdims: 0 });
    return e.op('Reshape', [count, e.ints(kernel.map((_, other) => (other === axis ? -1 : 1)))]);
  });
  return perAxis.reduce((product, count) => e.op('Mul', [product, count]));
}

/** One element of a 1-D int64 value as a scalar. */
function scalarAt(e: Emitter, values: string, at: number): string {
  const known = e.intsOf(values)?.[at];
  return known === undefined ? e.op('Gather', [values, e.integer(at)]) : e.integer(known);
}

/** y^(1 − p), 0 where y is. */
function lowered({ emitter: e }: GradientContext, y: string, p: number): string {
  const zero = e.op('Equal', [y, e.scalar(0)]);
  return e.op('Where', [zero, e.scalar(0), e.op('Pow', [y, e.scalar(1 - p)])]);
}

/** |x|^(p − 1)·sign x. */
function slopeOfPower({ emitter: e, x }: GradientContext, p: number): string {
  if (p === 2) return x();
  const power = e.op('Pow', [e.op('Abs', [x()]), e.scalar(p - 1)]);
  return e.op('Mul', [power, e.op('Sign', [x()])]);
}
