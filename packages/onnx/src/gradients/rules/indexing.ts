import { float32 } from '../../model.ts';
import { lengthOf } from '../reduction.ts';
import type { DifferentiableRule, GradientContext, GradientRule } from '../rule.ts';
import { positionsOf, scatterAdd, takeAt } from '../scatter.ts';

/**
 * A rule for operators that only pick, move or repeat elements: done to the numbers of the elements instead, they tell
 * where each output came from, and dy is added there.
 */
const moves = (distinct: boolean): DifferentiableRule => ({
  backward: (c) => {
    const { emitter: e } = c;
    const from = e.op(c.node.opType, [positionsOf(e, c.x()), ...c.node.inputs.slice(1)], c.node.attributes);
    return [scatterAdd(e, c.x(), from, c.dy(), { distinct })];
  },
});

/** Operators that pick or place elements by index. */
export const indexing: Readonly<Record<string, GradientRule>> = {
  Gather: { backward: (c) => [gather(c)] },
  GatherElements: {
    backward: (c) => {
      const { emitter: e } = c;
      if (e.opset < 16) return moves(false).backward(c);
      const zeros = e.op('ConstantOfShape', [e.shape(c.x())]);
      return [e.op('ScatterElements', [zeros, c.x(1), c.dy()], { axis: c.int('axis', 0), reduction: 'add' })];
    },
  },
  GatherND: moves(false),
  Compress: moves(true),
  ReverseSequence: {
    backward: (c) => [c.emitter.op('ReverseSequence', [c.dy(), c.x(1)], c.node.attributes)],
  },
  Slice: { backward: (c) => [slice(c)] },
  ScatterElements: { backward: (c) => scattered(c, 'GatherElements') },
  ScatterND: { backward: (c) => scattered(c, 'GatherND') },
  TensorScatter: { backward: tensorScatter },
  /** The sum of dy where the value is on, and where it is off. */
  OneHot: {
    backward: (c) => {
      const { emitter: e } = c;
      const onOff = e.constant({ type: 'float32', dims: [2], data: Float32Array.of(0, 1) });
      const hot = e.op('OneHot', [c.x(0), c.x(1), onOff], c.node.attributes);
      const total = (mask: string) =>
        e.op('Reshape', [e.op('ReduceSum', [e.op('Mul', [c.dy(), mask])], { keepdims: 0 }), e.ints([1])]);
      const off = total(e.op('Sub', [e.scalar(1), hot]));
      return [undefined, undefined, e.op('Concat', [off, total(hot)], { axis: 0 })];
    },
  },
  /** Element i is start + i·delta; the limit only counts them. */
  Range: {
    backward: (c) => {
      const { emitter: e } = c;
      const total = (value: string) => e.op('ReduceSum', [value], { keepdims: 0 });
      const numbers = () => {
        const count = e.op('Reshape', [e.op('Size', [c.y()]), e.ints([])]);
        return e.op('Cast', [e.op('Range', [e.integer(0), count, e.integer(1)])], { to: 1 });
      };
      return [
        c.wants(0) ? e.reshapeLike(total(c.dy()), c.x()) : undefined,
        c.wants(1) ? e.op('Sub', [c.x(1), c.x(1)]) : undefined,
        c.wants(2) ? e.reshapeLike(total(e.op('Mul', [c.dy(), numbers()])), c.x(2)) : undefined,
      ];
    },
  },
  TopK: {
    backward: (c) => {
      const { emitter: e } = c;
      const dims = e.dims(c.y());
      const indices = e.extraOutput(c.node, 1, { type: 'int64', ...(dims ? { dims } : {}) });
      const zeros = e.op('ConstantOfShape', [e.shape(c.x())]);
      return [e.op('ScatterElements', [zeros, indices, c.dy()], { axis: c.int('axis', -1) })];
    },
  },
  /** Of equal elements the first one, which Unique picks, gets the gradient. */
  Unique: {
    backward: (c) => {
      const { emitter: e } = c;
      if (c.node.attributes.axis !== undefined) return c.refuse('gradient of slices of an axis');
      const first = e.extraOutput(c.node, 1, { type: 'int64', dims: [undefined] });
      return [scatterAdd(e, c.x(), first, c.dy(), { distinct: true })];
    },
  },
};

/** Widest vocabulary whose rows are summed by a product with the one-hot matrix. */
const ONE_HOT_ROWS = 64;

function gather(c: GradientContext): string {
  const { emitter: e } = c;
  const dims = e.dims(c.x());
  const axis = c.int('axis', 0);
  const index = e.valueOf(c.x(1));
  const rank = dims?.length;
  if (index?.data.length === 1 && index.dims.length <= 1 && rank !== undefined) {
    const row = index.dims.length === 0 ? e.op('Unsqueeze', [c.dy(), e.ints([axis])]) : c.dy();
    return padAround(c, row, axis < 0 ? axis + rank : axis, rank, Number(index.data[0]));
  }
  if (rank === undefined) {
    const from = e.op('Gather', [positionsOf(e, c.x()), c.x(1)], c.node.attributes);
    return scatterAdd(e, c.x(), from, c.dy());
  }
  const at = axis < 0 ? axis + rank : axis;
  const size = dims![at];
  const rows = e.op('Reshape', [c.x(1), e.ints([-1])]);
  if (at === 0 && e.opset >= 16 && !(typeof size === 'number' && size <= ONE_HOT_ROWS)) {
    return scatterRows(c, rows, rank);
  }
  const depth = typeof size === 'number' ? e.ints([size]) : e.op('Gather', [e.shape(c.x()), e.ints([at])]);
  const onOff = e.constant({ type: 'float32', dims: [2], data: Float32Array.of(0, 1) });
  if (at === 0) {
    const hot = e.op('OneHot', [rows, depth, onOff], { axis: -1 });
    const sums = e.op('Gemm', [hot, flatTail(c, rank, 0)], { transA: 1 });
    return rank === 2 ? sums : e.reshapeLike(sums, c.x());
  }
  const hot = e.op('OneHot', [rows, depth, onOff], { axis: 0 });
  const sums = e.op('MatMul', [hot, flatTail(c, rank, at)]);
  return e.op('Reshape', [sums, e.shape(c.x())]);
}

/** dy as `[before, picked, after]`, or `[picked, after]` when the axis is the first. */
function flatTail(c: GradientContext, rank: number, at: number): string {
  const { emitter: e } = c;
  const dims = e.dims(c.x())!;
  const product = (from: number, to: number) => {
    const part = dims.slice(from, to);
    if (part.every((dim) => typeof dim === 'number')) return e.ints([part.reduce((a, b) => a * b, 1)]);
    const sizes = e.op('Slice', [e.shape(c.x()), e.ints([from]), e.ints([to]), e.ints([0])]);
    return e.op('ReduceProd', [sizes], { keepdims: 1 });
  };
  const after = product(at + 1, rank);
  const target = at === 0 ? [e.ints([-1]), after] : [product(0, at), e.ints([-1]), after];
  const known = target.map((part) => e.intsOf(part)?.[0]);
  const shape = known.every((part) => part !== undefined) ? e.ints(known) : e.op('Concat', target, { axis: 0 });
  return e.op('Reshape', [c.dy(), shape]);
}

/** Adds each row of dy to the row it was picked from. */
function scatterRows(c: GradientContext, rows: string, rank: number): string {
  const { emitter: e } = c;
  const flat = flatTail(c, rank, 0);
  const column = e.op('Reshape', [rows, e.ints([-1, 1])]);
  const indices = e.op('Expand', [column, e.op('Shape', [flat])]);
  const tail = e.dims(c.x())!.slice(1);
  const data = e.op('ConstantOfShape', [e.shape(c.x())]);
  const table = rank === 2 ? data : e.op('Reshape', [data, tableShape(c, tail)]);
  const sums = e.op('ScatterElements', [table, indices, flat], { axis: 0, reduction: 'add' });
  return rank === 2 ? sums : e.op('Reshape', [sums, e.shape(c.x())]);
}

function tableShape(c: GradientContext, tail: readonly unknown[]): string {
  const { emitter: e } = c;
  if (tail.every((dim) => typeof dim === 'number')) {
    return e.ints([-1, (tail as number[]).reduce((a, b) => a * b, 1)]);
  }
  const first = e.op('Gather', [e.shape(c.x()), e.ints([0])]);
  return e.op('Concat', [first, e.ints([-1])], { axis: 0 });
}

/** Zeros before and after one picked position. */
function padAround(c: GradientContext, row: string, axis: number, rank: number, index: number): string {
  const { emitter: e } = c;
  const size = e.dims(c.x())![axis];
  const zeros = (count: number) => Array.from({ length: count }, () => 0);
  if (typeof size === 'number') {
    const at = index < 0 ? index + size : index;
    const pads = [...zeros(axis), at, ...zeros(rank - 1), size - 1 - at, ...zeros(rank - axis - 1)];
    return e.op('Pad', [row, e.ints(pads)]);
  }
  const length = e.op('Gather', [e.shape(c.x()), e.ints([axis])]);
  const rest = e.op('Sub', [length, e.ints([index < 0 ? -index : index + 1])]);
  const [before, after] = index < 0 ? [rest, e.ints([-index - 1])] : [e.ints([index]), rest];
  const parts = [
    ...(axis > 0 ? [e.ints(zeros(axis))] : []),
    before,
    ...(rank > 1 ? [e.ints(zeros(rank - 1))] : []),
    after,
    ...(axis < rank - 1 ? [e.ints(zeros(rank - axis - 1))] : []),
  ];
  return e.op('Pad', [row, e.op('Concat', parts, { axis: 0 })]);
}

/**
 * Constant non-negative starts with step 1 pad dy with zeros. Any other slice numbers the elements, slices the numbers
 * alike, and scatters dy to them: no element is picked twice.
 */
function slice(c: GradientContext): string {
  const { emitter: e } = c;
  const dims = e.dims(c.x());
  const starts = e.intsOf(c.x(1));
  const axes = c.x(3) === '' ? starts?.map((_, axis) => axis) : e.intsOf(c.x(3));
  const steps = c.x(4) === '' ? starts?.map(() => 1) : e.intsOf(c.x(4));
  if (dims && starts && axes && steps?.every((step) => step === 1)) {
    const before = dims.map(() => 0 as number | undefined);
    for (const [i, start] of starts.entries()) {
      const axis = axes[i]! < 0 ? axes[i]! + dims.length : axes[i]!;
      const size = dims[axis];
      if (typeof size === 'number') before[axis] = start < 0 ? Math.max(start + size, 0) : Math.min(start, size);
      else before[axis] = start === 0 ? 0 : undefined;
    }
    if (before.every((count) => count !== undefined)) {
      const lead = e.ints(before);
      const missing = e.op('Sub', [e.shape(c.x()), e.op('Shape', [c.dy()])]);
      const trail = before.every((count) => count === 0) ? missing : e.op('Sub', [missing, lead]);
      return e.op('Pad', [c.dy(), e.op('Concat', [lead, trail], { axis: 0 })]);
    }
  }
  const picked = e.op('Slice', [positionsOf(e, c.x()), ...c.node.inputs.slice(1)]);
  return scatterAdd(e, c.x(), picked, c.dy(), { distinct: true });
}

/**
 * Scatter and its gradients as one-dimensional problems: `pick` is the gathering operator that reads at the same
 * indices, so that it finds the places of the updates among the numbers of the elements. Places that come twice are
 * right with a reduction; without one the last update wins, but all of them are given its gradient.
 */
function scattered(c: GradientContext, pick: 'GatherElements' | 'GatherND'): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const reduction = c.text('reduction', 'none');
  const axis = pick === 'GatherElements' ? { axis: c.int('axis', 0) } : {};
  const gathered = (value: string) => e.op(pick, [value, c.x(1)], axis);
  const [data, , updates] = c.node.inputs as [string, string, string];
  const dy = c.dy();
  const result = (x: () => string, u: () => string) => [
    c.wants(0) ? x() : undefined,
    undefined,
    c.wants(2) ? u() : undefined,
  ];
  if (reduction === 'add')
    return result(
      () => dy,
      () => gathered(dy),
    );
  if (reduction === 'none') {
    const zeros = () => e.op('ConstantOfShape', [e.shape(updates)]);
    const cleared = () => e.op(c.node.opType, [dy, c.x(1), zeros()], axis);
    return result(cleared, () => gathered(dy));
  }
  const places = () => gathered(positionsOf(e, data));
  if (reduction === 'mul') {
    // Each factor's share is the product over it; a factor of 0 has no share that could be found so.
    const ones = e.op('ConstantOfShape', [e.shape(data)], { value: float32([1]) });
    const factors = () => e.op(c.node.opType, [ones, c.x(1), updates], { ...axis, reduction });
    return result(
      () => e.op('Mul', [dy, factors()]),
      () => e.op('Div', [takeAt(e, e.op('Mul', [dy, c.y()]), places()), updates]),
    );
  }
  const isFloat = (mask: string) => e.op('Cast', [mask], { to: 1 });
  const own = isFloat(e.op('Equal', [data, c.y()]));
  const theirs = isFloat(e.op('Equal', [updates, takeAt(e, c.y(), places())]));
  const ties = e.op('Add', [own, scatterAdd(e, data, places(), theirs)]);
  const share = e.op('Div', [dy, ties]);
  return result(
    () => e.op('Mul', [own, share]),
    () => e.op('Mul', [theirs, takeAt(e, share, places())]),
  );
}

/** The cache is passed except where the update was written, and the update gets what was written there. */
function tensorScatter(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const rank = e.rank(c.x(0)) ?? e.rank(c.x(1)) ?? c.refuse('the rank of the cache must be known');
  const axis = c.int('axis', -2);
  const at = axis < 0 ? axis + rank : axis;
  const dy = c.dy();
  const cache = () => {
    const zeros = e.op('ConstantOfShape', [e.shape(c.x(1))]);
    return e.op('TensorScatter', [dy, zeros, ...c.node.inputs.slice(2)], c.node.attributes);
  };
  const update = () => {
    const length = e.op('Reshape', [lengthOf(e, c.x(1), at), e.ints([])]);
    const along = e.op('Range', [e.integer(0), length, e.integer(1)]);
    const column = (size: number, place: number) => Array.from({ length: rank }, (_, i) => (i === place ? size : 1));
    let places = e.op('Reshape', [along, e.ints(column(-1, at))]);
    if (c.x(2) !== '') places = e.op('Add', [places, e.op('Reshape', [c.x(2), e.ints(column(-1, 0))])]);
    if (c.text('mode', 'linear') === 'circular') places = e.op('Mod', [places, lengthOf(e, c.x(0), at)]);
    return e.op('GatherElements', [dy, e.op('Expand', [places, e.shape(c.x(1))])], { axis: at });
  };
  return [c.wants(0) ? cache() : undefined, c.wants(1) ? update() : undefined];
}
