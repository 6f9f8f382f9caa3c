import { reduceTo } from '../broadcast.ts';
import { joined, lengthOf } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';
import { positionsOf, scatterAdd } from '../scatter.ts';

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
        const part = output === '' ? c.emitter.extraOutput(c.node, index, undefined) : output;
        return c.emitter.op('ConstantOfShape', [c.emitter.shape(part)]);
      });
      return [c.emitter.op('Concat', parts, { axis: c.int('axis', 0) })];
    },
  },
  /** Each axis of the gradient splits into [repeats, size]; the sum over the repeats is left. */
  Tile: {
    backward: (c) => {
      const { emitter: e } = c;
      const rank = e.rank(c.x());
      if (rank === undefined) return [scatterAdd(e, c.x(), e.op('Tile', [positionsOf(e, c.x()), c.x(1)]), c.dy())];
      const pairs = e.op(
        'Concat',
        [c.x(1), e.shape(c.x())].map((part) => e.op('Unsqueeze', [part, e.ints([1])])),
        { axis: 1 },
      );
      const split = e.op('Reshape', [c.dy(), e.op('Reshape', [pairs, e.ints([-1])])]);
      const repeats = Array.from({ length: rank }, (_, axis) => 2 * axis);
      return [e.sum(split, repeats, false)];
    },
  },
  Pad: { backward: pad },
  /** A crop of what was padded, and the other way round: both round the smaller half down. */
  CenterCropPad: {
    backward: (c) => {
      const { emitter: e } = c;
      const axes = c.ints('axes');
      const shape = axes === undefined ? e.shape(c.x()) : e.op('Gather', [e.shape(c.x()), e.ints(axes)]);
      return [e.op('CenterCropPad', [c.dy(), shape], c.node.attributes)];
    },
  },
  SpaceToDepth: {
    backward: (c) => {
      const blocksize = c.int('blocksize', 1);
      const mode = c.text('mode', 'DCR');
      return [c.emitter.op('DepthToSpace', [c.dy()], { blocksize, mode })];
    },
  },
  /** SpaceToDepth lays the blocks before the channels, as mode DCR reads them; CRD wants them behind. */
  DepthToSpace: {
    backward: (c) => {
      const { emitter: e } = c;
      const blocksize = c.int('blocksize', 1);
      const blocks = e.op('SpaceToDepth', [c.dy()], { blocksize });
      if (c.text('mode', 'DCR') === 'DCR') return [blocks];
      const channels = lengthOf(e, c.y(), 1);
      const split = joined(e, [e.ints([0, blocksize ** 2]), channels, e.ints([-1])]);
      const turned = e.op('Transpose', [e.op('Reshape', [blocks, split])], { perm: [0, 2, 1, 3] });
      return [e.reshapeLike(turned, c.x())];
    },
  },
  Trilu: {
    backward: (c) => [c.emitter.op('Trilu', c.x(1) === '' ? [c.dy()] : [c.dy(), c.x(1)], { upper: c.int('upper', 1) })],
  },
  Expand: { backward: (c) => [reduceTo(c.emitter, c.dy(), c.x(), c.y())] },
};

/**
 * Constant padding: negative pads crop what the forward pads added, and add zeros where it cropped. The other modes copy
 * elements: the numbers of the elements, padded alike, tell which.
 */
function pad(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const mode = c.text('mode', 'constant');
  const rest = c.x(3) === '' ? [] : ['', c.x(3)];
  if (mode !== 'constant') {
    const from = e.op('Pad', [positionsOf(e, c.x()), c.x(1), ...rest], { mode });
    return [scatterAdd(e, c.x(), from, c.dy())];
  }
  const inner = () => {
    const known = e.intsOf(c.x(1));
    const pads = known ? e.ints(known.map((count) => -count)) : e.op('Neg', [c.x(1)]);
    return e.op('Pad', [c.dy(), pads, ...rest]);
  };
  const filler = () => {
    const zeros = e.op('ConstantOfShape', [e.shape(c.x())]);
    const added = e.op('Pad', [zeros, c.x(1), e.scalar(1), ...rest.slice(1)]);
    const sum = e.op('ReduceSum', [e.op('Mul', [c.dy(), added])], { keepdims: 0 });
    return e.reshapeLike(sum, c.x(2));
  };
  return [c.wants(0) ? inner() : undefined, undefined, c.wants(2) ? filler() : undefined];
}

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
