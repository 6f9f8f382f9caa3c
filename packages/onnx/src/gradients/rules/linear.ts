import { float32, int64 } from '../../model.ts';
import { reduceTo } from '../broadcast.ts';
import type { GradientContext, GradientRule } from '../rule.ts';
import { attributeInts } from '../rule.ts';

/** Matrix products. */
export const linear: Readonly<Record<string, GradientRule>> = {
  MatMul: {
    backward: (c) => {
      const { emitter: e } = c;
      if (e.rank(c.x(1)) === 2 && e.rank(c.x(0)) !== 1) return sharedMatrix(c);
      const known = e.rank(c.x(0)) !== undefined && e.rank(c.x(1)) !== undefined;
      return known ? batched(c) : ofAnyRank(c);
    },
  },
  /** Y = α·A′B′ + β·C, where ′ is the optional transposition. */
  Gemm: {
    backward: (c) => {
      const { emitter: e } = c;
      const [transA, transB] = [c.int('transA', 0), c.int('transB', 0)];
      const alpha = c.node.attributes.alpha;
      const beta = c.float('beta', 1);
      const gemm = (a: string, b: string, ta: number, tb: number) =>
        e.op('Gemm', [a, b], {
          ...(ta ? { transA: 1 } : {}),
          ...(tb ? { transB: 1 } : {}),
          ...(alpha ? { alpha } : {}),
        });
      const dy = c.dy();
      const [a, b] = [c.x(0), c.x(1)];
      const bias = () => {
        const gradient = reduceTo(e, dy, c.x(2), c.y());
        return beta === 1 ? gradient : e.op('Mul', [gradient, e.scalar(beta)]);
      };
      return [
        c.wants(0) ? (transA ? gemm(b, dy, transB, 1) : gemm(dy, b, 0, 1 - transB)) : undefined,
        c.wants(1) ? (transB ? gemm(dy, a, 1, transA) : gemm(a, dy, 1 - transA, 0)) : undefined,
        c.wants(2) ? bias() : undefined,
      ];
    },
  },
  Det: { backward: (c) => [cofactors(c)] },
};

/**
 * dx = dy times the cofactors of x (Jacobi's formula): determinants of x without one row and one column, all of them taken
 * by two Gathers, so the size of the matrix must be known. Right for singular matrices too, where an inverse is not.
 */
function cofactors(c: GradientContext): string {
  const { emitter: e } = c;
  const rank = e.rank(c.x());
  const size = e.dims(c.x())?.at(-1) ?? e.dims(c.x())?.at(-2);
  if (rank === undefined || typeof size !== 'number') return c.refuse('the size of the matrix must be known');
  const dy = e.op('Unsqueeze', [c.dy(), e.ints([-2, -1])]);
  if (size === 1) return dy;
  const range = Array.from({ length: size }, (_, i) => i);
  const left = int64(
    range.flatMap((i) => range.filter((j) => j !== i)),
    [size, size - 1],
  );
  const rows = e.op('Gather', [c.x(), e.constant(left)], { axis: rank - 2 });
  const both = e.op('Gather', [rows, e.constant(left)], { axis: rank });
  const stack = Array.from({ length: rank - 2 }, (_, axis) => axis);
  const minors = e.op('Transpose', [both], { perm: [...stack, rank - 2, rank, rank - 1, rank + 1] });
  const signs = float32(
    range.flatMap((i) => range.map((j) => ((i + j) % 2 === 0 ? 1 : -1))),
    [size, size],
  );
  return e.op('Mul', [dy, e.op('Mul', [e.op('Det', [minors]), e.constant(signs)])]);
}

/** x `[…, K]` × w `[K, N]`: both gradients are one product of matrices over all rows. */
function sharedMatrix(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const dy = e.rows(c.dy());
  const left = () => {
    const rows = e.op('Gemm', [dy, c.x(1)], { transB: 1 });
    if (e.rank(c.x(0)) === 2) return rows;
    const gradient = e.reshapeLike(rows, c.x(0));
    e.setRows(gradient, rows);
    return gradient;
  };
  return [c.wants(0) ? left() : undefined, c.wants(1) ? e.op('Gemm', [e.rows(c.x(0)), dy], { transA: 1 }) : undefined];
}

/** Stacks of matrices with broadcast stacking axes; vectors are matrices of one row or column. */
function batched(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const ranks = [e.rank(c.x(0))!, e.rank(c.x(1))!] as const;
  const row = ranks[0] === 1;
  const column = ranks[1] === 1;
  const a = row ? e.op('Unsqueeze', [c.x(0), e.ints([0])]) : c.x(0);
  const b = column ? e.op('Unsqueeze', [c.x(1), e.ints([1])]) : c.x(1);
  const missing = [...(row ? [-2] : []), ...(column ? [-1] : [])];
  const dy = missing.length === 0 ? c.dy() : e.op('Unsqueeze', [c.dy(), e.ints(missing)]);
  const [rankA, rankB] = [row ? 2 : ranks[0], column ? 2 : ranks[1]];
  const left = () => {
    const product = e.op('MatMul', [dy, swapLast(c, b, rankB)]);
    const flat = row ? e.op('Squeeze', [product, e.ints([-2])]) : product;
    return sumStacks(c, flat, 0, rankB);
  };
  const right = () => {
    const product = turnsLast(c, c.x(1))
      ? swapLast(c, e.op('MatMul', [swapLast(c, dy, Math.max(rankA, rankB)), a]), Math.max(rankA, rankB))
      : e.op('MatMul', [swapLast(c, a, rankA), dy]);
    const flat = column ? e.op('Squeeze', [product, e.ints([-1])]) : product;
    return sumStacks(c, flat, 1, rankA);
  };
  return [c.wants(0) ? left() : undefined, c.wants(1) ? right() : undefined];
}

/**
 * The same for ranks that only a run knows: shapes are computed in the graph, both operands become stacks
 * `[all, rows, columns]` of the common stacking axes, and the gradients are summed back.
 */
function ofAnyRank(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const one = e.ints([1]);
  const end = e.ints([Number.MAX_SAFE_INTEGER]);
  const [first, second] = [c.x(0), c.x(1)].map((value) => {
    const shape = e.op('Shape', [value]);
    const rank = e.op('Shape', [shape]);
    return { shape, rank, isMatrix: e.op('Min', [e.op('Sub', [rank, one]), one]) };
  });
  // A vector is a row on the left and a column on the right.
  const left = e.op('Slice', [e.op('Concat', [one, first!.shape], { axis: 0 }), first!.isMatrix, end]);
  const columns = e.op('Add', [second!.rank, e.op('Sub', [one, second!.isMatrix])]);
  const right = e.op('Slice', [e.op('Concat', [second!.shape, one], { axis: 0 }), e.ints([0]), columns]);
  const part = (shape: string, from: readonly number[], to: readonly number[]) =>
    e.op('Slice', [shape, e.ints(from), e.ints(to)]);
  const matrixOf = (shape: string) => part(shape, [-2], [Number.MAX_SAFE_INTEGER]);
  const stackOf = (shape: string) => e.op('ConstantOfShape', [part(shape, [0], [-2])]);
  const stack = e.op('Shape', [e.op('Add', [stackOf(left), stackOf(right)])]);
  const stacked = (value: string, shape: string) => {
    const full = e.op('Expand', [
      e.op('Reshape', [value, shape]),
      e.op('Concat', [stack, matrixOf(shape)], { axis: 0 }),
    ]);
    return e.op('Reshape', [full, e.op('Concat', [e.ints([-1]), matrixOf(shape)], { axis: 0 })]);
  };
  const rowsAndColumns = [part(left, [-2], [-1]), part(right, [-1], [Number.MAX_SAFE_INTEGER])];
  const dy = e.op('Reshape', [c.dy(), e.op('Concat', [e.ints([-1]), ...rowsAndColumns], { axis: 0 })]);
  const turned = (value: string) => e.op('Transpose', [value], { perm: [0, 2, 1] });
  const back = (product: string, value: string, shape: string) => {
    const full = e.op('Reshape', [product, e.op('Concat', [stack, matrixOf(shape)], { axis: 0 })]);
    const matrix = e.op('Reshape', [value, shape]);
    return e.op('Reshape', [reduceTo(e, full, matrix, ''), e.op('Shape', [value])]);
  };
  return [
    c.wants(0) ? back(e.op('MatMul', [dy, turned(stacked(c.x(1), right))]), c.x(0), left) : undefined,
    c.wants(1) ? back(e.op('MatMul', [turned(stacked(c.x(0), left)), dy]), c.x(1), right) : undefined,
  ];
}

/** Sums a product over the stacking axes along which operand `index` was broadcast. */
function sumStacks(c: GradientContext, product: string, index: number, otherRank: number): string {
  const { emitter: e } = c;
  const own = e.dims(c.x(index))!;
  const other = e.dims(c.x(1 - index))!;
  const stack = own.slice(0, -2);
  const otherStack = other.slice(0, -2);
  if (otherRank <= 2 && own.length >= 2) return product;
  const same =
    stack.length === otherStack.length && stack.every((dim, i) => dim !== undefined && dim === otherStack[i]);
  if (same) return product;
  const width = Math.max(stack.length, otherStack.length);
  const matrix = own.length === 1 ? own : own.slice(-2);
  const type = { type: 'float32' as const, dims: [...Array.from({ length: width }, () => undefined), ...matrix] };
  e.setType(product, type);
  return reduceTo(e, product, c.x(index), product);
}

/** True for the output of a Transpose that moves the last axis: its gradient is cheaper to make turned already. */
function turnsLast(c: GradientContext, value: string): boolean {
  const node = c.emitter.producer(value);
  const perm = node?.opType === 'Transpose' ? attributeInts(node.attributes.perm) : undefined;
  return perm !== undefined && perm.at(-1) !== perm.length - 1;
}

function swapLast(c: GradientContext, value: string, rank: number): string {
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  perm[rank - 2] = rank - 1;
  perm[rank - 1] = rank - 2;
  return c.emitter.op('Transpose', [value], { perm });
}
