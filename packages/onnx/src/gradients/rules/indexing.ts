import type { GradientContext, GradientRule } from '../rule.ts';

/** Operators that pick elements by index. */
export const indexing: Readonly<Record<string, GradientRule>> = {
  Gather: { backward: (c) => [gather(c)] },
  GatherElements: {
    backward: (c) => {
      const { emitter: e } = c;
      if (e.opset < 16) c.refuse('needs opset 16 (ScatterElements with reduction)');
      const zeros = e.op('ConstantOfShape', [e.shape(c.x())]);
      return [e.op('ScatterElements', [zeros, c.x(1), c.dy()], { axis: c.int('axis', 0), reduction: 'add' })];
    },
  },
  Slice: { backward: (c) => [slice(c)] },
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
  if (rank === undefined) return c.refuse('the rank of the data must be known');
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
  const integer = (value: number) => e.constant({ type: 'int64', dims: [], data: BigInt64Array.of(BigInt(value)) });
  const count = e.op('Size', [c.x()]);
  const numbers = e.op('Reshape', [e.op('Range', [integer(0), count, integer(1)]), e.shape(c.x())]);
  const picked = e.op('Slice', [numbers, ...c.node.inputs.slice(1)]);
  const zeros = e.op('ConstantOfShape', [e.op('Reshape', [count, e.ints([1])])]);
  const flat = (value: string) => e.op('Reshape', [value, e.ints([-1])]);
  return e.op('Reshape', [e.op('ScatterElements', [zeros, flat(picked), flat(c.dy())], { axis: 0 }), e.shape(c.x())]);
}
