import { float } from '../../../src/builder.ts';
import { type Case, type Cases, one, op } from '../finite-differences.ts';

const products: readonly Case['shapes'][] = [
  [
    [3, 4],
    [4, 2],
  ],
  [
    [2, 3, 4],
    [4, 2],
  ],
  [
    [2, 2, 3, 2],
    [2, 2],
  ],
  [
    [2, 3, 4],
    [2, 4, 2],
  ],
  [
    [2, 1, 3, 2],
    [3, 2, 2],
  ],
  [
    [3, 4],
    [2, 4, 2],
  ],
  [
    [1, 2, 3],
    [4, 3, 2],
  ],
  [[4], [4, 2]],
  [[3, 4], [4]],
  [[4], [4]],
  [[2, 3, 4], [4]],
  [[4], [2, 4, 3]],
];

const einsum = (equation: string, ...shapes: readonly (readonly number[])[]): Case =>
  one(shapes, op('Einsum', { equation }), { unranked: !equation.includes('.') });
const notOnOrt = (row: Case, why: string): Case => ({ ...row, notOnOrt: why });

/** Matrix products and sums of products. */
export const linearCases: Cases = {
  MatMul: products.map((shapes) => one(shapes, op('MatMul'), { unranked: true })),
  Gemm: [
    ...[0, 1].flatMap((transA) =>
      [0, 1].map((transB) =>
        one(
          [transA ? [4, 3] : [3, 4], transB ? [2, 4] : [4, 2], [2]],
          op('Gemm', { transA, transB, alpha: float(0.5), beta: float(2) }),
        ),
      ),
    ),
    ...[[], [3, 1], [1, 2], [1], [3, 2]].map((bias) => one([[3, 4], [4, 2], bias], op('Gemm'), { unranked: true })),
    one(
      [
        [3, 4],
        [4, 2],
      ],
      op('Gemm'),
      { unranked: true },
    ),
  ],
  Det: [
    one([[3, 3]], op('Det'), { dynamic: false }),
    one([[2, 2, 2]], op('Det'), { dynamic: false }),
    one([[2, 1, 1]], op('Det'), { dynamic: false }),
    // A singular matrix.
    one([[3, 3]], op('Det'), { dynamic: false, draw: (x, _, element) => (element < 3 ? 0 : x) }),
  ],
  Einsum: [
    einsum('ij,jk->ik', [2, 3], [3, 2]),
    einsum('ij, jk', [2, 3], [3, 2]),
    einsum('bhqd,bhkd->bhqk', [1, 2, 2, 3], [1, 2, 3, 3]),
    einsum('ij->ji', [2, 3]),
    einsum('ij->', [2, 3]),
    einsum('ij->i', [2, 3]),
    einsum('ij,k->i', [2, 3], [2]),
    einsum('i,j,k->kij', [2], [3], [2]),
    einsum('ii->i', [3, 3]),
    einsum('ii', [3, 3]),
    einsum('iji,j->i', [2, 3, 2], [3]),
    einsum('...ij,...jk->...ik', [2, 2, 3], [2, 3, 2]),
    notOnOrt(einsum('...ij,...jk', [2, 1, 2, 3], [3, 3, 2]), 'wants ellipses of one rank'),
    einsum('...i,i->...', [2, 3], [3]),
    einsum('...ij->...', [2, 2, 3]),
    notOnOrt(einsum('b...,b...->b', [2, 3], [2, 1]), 'wants an ellipsis in the result'),
    einsum('i...->...i', [2, 3]),
    einsum(',ij->ij', [], [2, 3]),
  ],
};
