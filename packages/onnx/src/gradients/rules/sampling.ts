import { lengthOf } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

/** Sampling at places that are values. */
export const sampling: Readonly<Record<string, GradientRule>> = {
  GridSample: { backward: gridSample },
};

/** One axis of the input at all sampled places `[batch, places]`: the neighbour below or above, and its weight. */
interface Neighbour {
  readonly index: string;
  readonly weight: string;
  /** 1 or 0: whether the neighbour lies in the input. */
  readonly inside: string;
  /** d weight / d grid. */
  readonly slope: string;
}

/**
 * y is a sum over the corners around a place, each with a weight that is a product over the axes: dx adds dy times the
 * weights at the corners, and the gradient of the grid takes the slopes of the weights, times what x has there. Of the
 * nearest element the weight is 1, and the grid gets zeros.
 */
function gridSample(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const mode = c.text('mode', 'linear').replace(/^bi/, '');
  const padding = c.text('padding_mode', 'zeros');
  if (mode === 'cubic') return c.refuse('cubic interpolation');
  if (padding === 'reflection') return c.refuse('reflected borders');
  const rank = e.rank(c.x()) ?? e.rank(c.x(1)) ?? c.refuse('the rank of the input must be known');
  const axes = rank - 2;
  const places = e.op('Reshape', [c.x(1), e.ints([0, -1, axes])]);
  const rows = e.ints([0, 0, -1]);
  const dy = e.op('Reshape', [c.dy(), rows]);
  const sizes = Array.from({ length: axes }, (_, axis) => lengthOf(e, c.x(), axis + 2));
  const sides = sizes.map((size, axis) => neighbours(c, places, size, axes - 1 - axis, mode, padding));
  const corners = sides.reduce<readonly (readonly Neighbour[])[]>(
    (found, side) => found.flatMap((corner) => side.map((neighbour) => [...corner, neighbour])),
    [[]],
  );
  const shape = e.op('Shape', [dy]);
  const product = (factors: readonly string[]) => factors.reduce((a, b) => e.op('Mul', [a, b]));
  const channels = (value: string) => e.op('Unsqueeze', [value, e.ints([1])]);
  const flat = (corner: readonly Neighbour[]) => {
    const index = corner.reduce(
      (sum, { index: at }, axis) => (axis === 0 ? at : e.op('Add', [e.op('Mul', [sum, sizes[axis]!]), at])),
      '',
    );
    return e.op('Expand', [channels(index), shape]);
  };
  const input = () => {
    let sums = e.op('Reshape', [e.op('ConstantOfShape', [e.shape(c.x())]), rows]);
    for (const corner of corners) {
      const weight = product(corner.map(({ weight: share, inside }) => e.op('Mul', [share, inside])));
      const updates = e.op('Mul', [dy, channels(weight)]);
      sums = e.op('ScatterElements', [sums, flat(corner), updates], { axis: 2, reduction: 'add' });
    }
    return e.op('Reshape', [sums, e.shape(c.x())]);
  };
  const grid = () => {
    if (mode === 'nearest') return e.op('ConstantOfShape', [e.shape(c.x(1))]);
    const elements = e.op('Reshape', [c.x(), rows]);
    const parts = corners.map((corner) => {
      const met = e.op('Mul', [dy, e.op('GatherElements', [elements, flat(corner)], { axis: 2 })]);
      const inside = product(corner.map((neighbour) => neighbour.inside));
      const value = e.op('Mul', [e.sum(met, [1], false), inside]);
      return corner.map((own) =>
        product([value, ...corner.map((neighbour) => (neighbour === own ? own.slope : neighbour.weight))]),
      );
    });
    const perAxis = Array.from({ length: axes }, (_, axis) => {
      const sum = e.op(
        'Sum',
        parts.map((part) => part[axis]!),
      );
      return e.op('Unsqueeze', [sum, e.ints([2])]);
    });
    return e.op('Reshape', [e.op('Concat', perAxis.toReversed(), { axis: 2 }), e.shape(c.x(1))]);
  };
  return [c.wants(0) ? input() : undefined, c.wants(1) ? grid() : undefined];
}

/** The elements of an axis of `size` that component `component` of the places lies between. */
function neighbours(
  c: GradientContext,
  places: string,
  size: string,
  component: number,
  mode: string,
  padding: string,
): readonly Neighbour[] {
  const { emitter: e } = c;
  const corners = c.int('align_corners', 0) === 1;
  const length = e.op('Cast', [size], { to: 1 });
  const last = e.op('Sub', [length, e.scalar(1)]);
  const zero = e.scalar(0);
  const half = e.op('Mul', [corners ? last : length, e.scalar(0.5)]);
  const coordinate = e.op('Gather', [places, e.integer(component)], { axis: 2 });
  const centred = e.op('Mul', [e.op('Add', [coordinate, e.scalar(1)]), half]);
  const free = corners ? centred : e.op('Sub', [centred, e.scalar(0.5)]);
  const within = (value: string) => e.op('Max', [e.op('Min', [value, last]), zero]);
  const at = padding === 'border' ? within(free) : free;
  const moves = e.op('Where', [e.op('Equal', [at, free]), half, zero]);
  const isFloat = (mask: string) => e.op('Cast', [mask], { to: 1 });
  const neighbour = (index: string, weight: string, slope: string): Neighbour => {
    const clipped = within(index);
    return {
      index: e.op('Cast', [clipped], { to: 7 }),
      weight,
      inside: isFloat(e.op('Equal', [clipped, index])),
      slope,
    };
  };
  if (mode === 'nearest') {
    const nearest = e.op('Round', [at]);
    return [neighbour(nearest, isFloat(e.op('Equal', [nearest, nearest])), zero)];
  }
  const below = e.op('Floor', [at]);
  const rest = e.op('Sub', [at, below]);
  return [
    neighbour(below, e.op('Sub', [e.scalar(1), rest]), e.op('Neg', [moves])),
    neighbour(e.op('Add', [below, e.scalar(1)]), rest, moves),
  ];
}
