import { reduceTo } from '../broadcast.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

const reshaped: GradientRule = { backward: (c) => [c.emitter.reshapeLike(c.dy(), c.x())] };

/** Operators that move or repeat elements by whole axes. */
export const shape: Readonly<Record<string, GradientRule>> = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: {
    backward: (c) => [
      c.x(1) === '' ? c.emitter.reshapeLike(c.dy(), c.x()) : c.emitter.op('Unsqueeze', [c.dy(), c.x(1)]),
    ],
  },
  Unsqueeze: { backward: (c) => [c.emitter.op('Squeeze', [c.dy(), c.x(1)])] },
  Transpose: {
    backward: (c) => {
      const perm = c.ints('perm');
      if (perm === undefined) return [c.emitter.op('Transpose', [c.dy()])];
      const inverse = perm.map((_, axis) => perm.indexOf(axis));
      return [c.emitter.op('Transpose', [c.dy()], { perm: inverse })];
    },
  },
  Concat: { backward: concat },
  Split: {
    backward: (c) => {
      const parts = c.node.outputs.map((output, index) => {
        if (c.hasDy(index)) return c.dy(index);
        if (output === '') return c.refuse('an output without a name');
        return c.emitter.op('ConstantOfShape', [c.emitter.shape(output)]);
      });
      return [c.emitter.op('Concat', parts, { axis: c.int('axis', 0) })];
    },
  },
  /** Each axis of the gradient splits into [repeats, size]; the sum over the repeats is left. */
  Tile: {
    backward: (c) => {
      const { emitter: e } = c;
      const rank = e.rank(c.x());
      if (rank === undefined) return c.refuse('the rank of the input must be known');
      const pairs = e.op(
        'Concat',
        [c.x(1), e.shape(c.x())].map((part) => e.op('Unsqueeze', [part, e.ints([1])])),
        { axis: 1 },
      );
      const split = e.op('Reshape', [c.dy(), e.op('Reshape', [pairs, e.ints([-1])])]);
      return [
        e.sum(
          split,
          Array.from({ length: rank }, (_, axis) => 2 * axis),
          false,
        ),
      ];
    },
  },
  /** Negative pads crop what the forward pads added, and add zeros where it cropped. */
  Pad: {
    backward: (c) => {
      const { emitter: e } = c;
      if (c.text('mode', 'constant') !== 'constant') c.refuse(`mode ${c.text('mode', 'constant')}`);
      if (c.wants(2)) c.refuse('gradient of the padding value');
      const known = e.intsOf(c.x(1));
      const pads = known ? e.ints(known.map((pad) => -pad)) : e.op('Neg', [c.x(1)]);
      return [e.op('Pad', [c.dy(), pads, ...(c.x(3) === '' ? [] : ['', c.x(3)])])];
    },
  },
  Trilu: {
    backward: (c) => [c.emitter.op('Trilu', c.x(1) === '' ? [c.dy()] : [c.dy(), c.x(1)], { upper: c.int('upper', 1) })],
  },
  Expand: { backward: (c) => [reduceTo(c.emitter, c.dy(), c.x(), c.y())] },
};

/** Cuts the gradient at the operands' borders: one Split, or one Slice when a single operand is wanted. */
function concat(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const axis = c.int('axis', 0);
  const sizes = c.node.inputs.map((input) => {
    const dims = e.dims(input);
    const dim = dims?.at(axis);
    return typeof dim === 'number' ? dim : e.op('Gather', [e.shape(input), e.ints([axis])]);
  });
  const value = (size: number | string) => (typeof size === 'number' ? e.ints([size]) : size);
  const total = (parts: readonly (number | string)[]) => {
    const fixed = parts.reduce<number>((sum, part) => sum + (typeof part === 'number' ? part : 0), 0);
    return parts
      .filter((part) => typeof part === 'string')
      .reduce<string>((sum, part) => e.op('Add', [sum, part]), e.ints([fixed]));
  };
  const wanted = c.node.inputs.flatMap((_, index) => (c.wants(index) ? [index] : []));
  if (wanted.length === 1) {
    const only = wanted[0]!;
    const bounds = [total(sizes.slice(0, only)), total(sizes.slice(0, only + 1))];
    const cut = e.op('Slice', [c.dy(), ...bounds, e.ints([axis])]);
    return c.node.inputs.map((_, index) => (index === only ? cut : undefined));
  }
  const split = sizes.every((size) => typeof size === 'number')
    ? e.ints(sizes as number[])
    : e.op('Concat', sizes.map(value), { axis: 0 });
  const parts = e.ops('Split', [c.dy(), split], { axis }, sizes.length);
  return parts.map((part, index) => (c.wants(index) ? part : undefined));
}
