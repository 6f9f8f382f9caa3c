import { reduceTo } from '../broadcast.ts';
import type { GradientContext, GradientRule } from '../rule.ts';
import { attributeInts } from '../rule.ts';

/** Matrix products. */
export const linear: Readonly<Record<string, GradientRule>> = {
  MatMul: {
    backward: (c) => {
      const { emitter: e } = c;
      if (e.rank(c.x(1)) === 2 && e.rank(c.x(0)) !== 1) return sharedMatrix(c);
      return batched(c);
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
};

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
  const ranks = [e.rank(c.x(0)), e.rank(c.x(1))] as const;
  if (ranks[0] === undefined || ranks[1] === undefined) return c.refuse('the ranks of both operands must be known');
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
