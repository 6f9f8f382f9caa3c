import { joined, lengthOf } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

/** Operators that sample their input between its elements. */
export const resampling: Readonly<Record<string, GradientRule>> = {
  Resize: { backward: (c) => [resize(c)] },
  /** The grid is linear in theta; its coefficients are the grid of the identity and ones. */
  AffineGrid: {
    backward: (c) => {
      const { emitter: e } = c;
      const rank = e.rank(c.y()) ?? e.dims(c.x(1))?.[0];
      if (typeof rank !== 'number') return c.refuse('the rank of the grid must be known');
      const axes = rank - 2;
      const identity = Float32Array.from({ length: axes * (axes + 1) }, (_, i) => (i % (axes + 2) === 0 ? 1 : 0));
      const theta = e.constant({ type: 'float32', dims: [1, axes, axes + 1], data: identity });
      const size = e.op('Slice', [c.x(1), e.ints([1]), e.ints([axes + 2])]);
      const grid = e.op('AffineGrid', [theta, joined(e, [e.ints([1]), size])], c.node.attributes);
      const places = e.op('Reshape', [grid, e.ints([1, -1, axes])]);
      const one = e.constant({ type: 'float32', dims: [1, 1, 1], data: Float32Array.of(1) });
      const ones = e.op('Expand', [one, joined(e, [e.ints([1]), lengthOf(e, places, 1), e.ints([1])])]);
      const base = e.op('Concat', [places, ones], { axis: 2 });
      const dy = e.op('Transpose', [e.op('Reshape', [c.dy(), e.ints([0, -1, axes])])], { perm: [0, 2, 1] });
      return [e.op('MatMul', [dy, base])];
    },
  },
};

/**
 * Resizing is linear, axis by axis. Resized alike, the rows of the identity are the columns of each axis's matrix, for
 * every mode of interpolation and of coordinates; dy is multiplied by these matrices.
 */
function resize(c: GradientContext): string {
  const { emitter: e } = c;
  if (c.text('keep_aspect_ratio_policy', 'stretch') !== 'stretch') return c.refuse('a kept aspect ratio');
  if (c.text('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize')
    return c.refuse('coordinates by a region of interest');
  const rank = e.rank(c.x()) ?? c.refuse('the rank of the input must be known');
  const axes =
    c.ints('axes')?.map((axis) => (axis < 0 ? axis + rank : axis)) ?? Array.from({ length: rank }, (_, i) => i);
  const scales = c.x(2);
  const bySizes = (c.x(3) ?? '') !== '';
  const { axes: _, ...attributes } = c.node.attributes;
  const known = bySizes ? undefined : e.valueOf(scales)?.data;
  let gradient = c.dy();
  for (const [i, axis] of axes.entries()) {
    const [from, to] = [c.x(), c.y()].map((value) => e.dims(value)?.[axis]);
    if (known ? Number(known[i]) === 1 : from !== undefined && from === to) continue;
    const length = lengthOf(e, c.x(), axis);
    const identity = e.op('EyeLike', [e.op('ConstantOfShape', [joined(e, [length, length])])], { dtype: 1 });
    const own = (values: string) =>
      values === scales ? scaleOf(c, i) : e.op('Slice', [values, e.ints([i]), e.ints([i + 1])]);
    const inputs = bySizes
      ? [identity, '', '', joined(e, [length, own(c.x(3))])]
      : [
          identity,
          '',
          e.op('Concat', [e.constant({ type: 'float32', dims: [1], data: Float32Array.of(1) }), own(scales)], {
            axis: 0,
          }),
        ];
    // [size of x, size of y] along this axis.
    const matrix = e.op('Resize', inputs, attributes);
    gradient = alongAxis(c, matrix, gradient, axis, rank);
  }
  return e.op('Reshape', [gradient, e.shape(c.x())]);
}

function scaleOf(c: GradientContext, index: number): string {
  const { emitter: e } = c;
  const known = e.valueOf(c.x(2))?.data[index];
  if (known !== undefined) return e.constant({ type: 'float32', dims: [1], data: Float32Array.of(Number(known)) });
  return e.op('Slice', [c.x(2), e.ints([index]), e.ints([index + 1])]);
}

/** `matrix` times the gradient along one axis; axes after it still have the sizes of y, those before it those of x. */
function alongAxis(c: GradientContext, matrix: string, gradient: string, axis: number, rank: number): string {
  const { emitter: e } = c;
  if (axis === rank - 1) return e.op('MatMul', [gradient, e.op('Transpose', [matrix], { perm: [1, 0] })]);
  if (axis === rank - 2) return e.op('MatMul', [matrix, gradient]);
  const behind = e.op('Slice', [e.shape(c.y()), e.ints([axis + 1]), e.ints([rank])]);
  const flat = joined(e, [e.ints([-1]), lengthOf(e, c.y(), axis), e.op('ReduceProd', [behind], { keepdims: 1 })]);
  const product = e.op('MatMul', [matrix, e.op('Reshape', [gradient, flat])]);
  const before = axis === 0 ? [] : [e.op('Slice', [e.shape(c.x()), e.ints([0]), e.ints([axis])])];
  return e.op('Reshape', [product, joined(e, [...before, lengthOf(e, c.x(), axis), behind])]);
}
