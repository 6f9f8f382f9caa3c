import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { activations, activationsByName } from './activation.ts';
import { apply } from './compose.ts';
import { expectDims, expectRank } from './expect-shape.ts';
import { fastGelu, withBias } from './fused-activations.ts';
import { linear } from './linear.ts';
import { transposed } from './movement.ts';
import { mapped } from './unary.ts';

const fusable = {
  ...activations,
  clip: {
    apply: (x: number, low: number, high: number) => Math.min(Math.max(x, low), high),
    alpha: -Infinity,
    beta: Infinity,
  },
};

/** The activation of a fused operator; none is the identity. */
export function fusedActivation(
  c: KernelContext,
  [alpha, beta]: readonly (number | undefined)[],
): (x: number) => number {
  const name = c.text('activation', '');
  if (name === '') return (x) => x;
  const list = (value: number | undefined) => (value === undefined ? [] : [value]);
  return activationsByName(c, [name], list(alpha), list(beta), fusable)[0]!;
}

/** The parameters of a fused activation; those that a node lacks are `undefined`. */
function parameters(c: KernelContext): readonly (number | undefined)[] {
  return ['activation_alpha', 'activation_beta'].map((name) =>
    c.node.attributes[name] ? c.float(name, 0) : undefined,
  );
}

/** An operand of FusedMatMul with the rows before the columns and the batch before both. */
function operand(c: KernelContext, index: number, transpose: string, transposeBatch: string): Value {
  const x = c.input(index);
  const rank = x.dims.length;
  const axes = x.dims.map((_, axis) => axis);
  if (rank < 2) return x;
  const [first, batch, last] = [axes[0]!, axes.slice(1, -1), axes.at(-1)!];
  const rows = c.int(transposeBatch, 0) === 0 ? axes : [...batch, first, last];
  const swap = c.int(transpose, 0) !== 0;
  return transposed(x, swap ? [...rows.slice(0, -2), rows.at(-1)!, rows.at(-2)!] : rows);
}

function matMul(c: KernelContext): Value {
  const alpha = c.float('alpha', 1);
  const product = apply(c, linear.MatMul!, [
    operand(c, 0, 'transA', 'transBatchA'),
    operand(c, 1, 'transB', 'transBatchB'),
  ]);
  return mapped(product, (x) => alpha * x);
}

const fusedMatMul: Kernel = (c) => [matMul(c)];

/** Inverse of a square matrix by Gauss-Jordan elimination with partial pivoting. */
function invert(c: KernelContext, matrix: Float64Array, n: number): Float64Array {
  const a = Float64Array.from(matrix);
  const inverse = Float64Array.from(a, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++)
      if (Math.abs(a[row * n + column]!) > Math.abs(a[pivot * n + column]!)) pivot = row;
    const head = a[pivot * n + column]!;
    if (head === 0) c.misfit('a matrix with an inverse', 'a singular one');
    for (const m of [a, inverse]) {
      for (let k = 0; k < n; k++) {
        const [upper, lower] = [m[column * n + k]!, m[pivot * n + k]!];
        m[pivot * n + k] = upper;
        m[column * n + k] = lower / head;
      }
    }
    for (let row = 0; row < n; row++) {
      const factor = row === column ? 0 : a[row * n + column]!;
      if (factor === 0) continue;
      for (const m of [a, inverse]) for (let k = 0; k < n; k++) m[row * n + k]! -= factor * m[column * n + k]!;
    }
  }
  return inverse;
}

export const microsoftLinear: Readonly<Record<string, Kernel>> = {
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.TransposeMatMul': fusedMatMul,
  'com.microsoft.FusedMatMulActivation': (c) => [mapped(matMul(c), fusedActivation(c, parameters(c)))],
  'com.microsoft.GemmFastGelu': (c) => {
    const product = apply(c, linear.MatMul!, [c.input(0), c.input(1)], 17);
    return [mapped(withBias(c, product, c.optional(2)), fastGelu)];
  },
  'com.microsoft.MatMulInteger16': (c) => [
    { ...apply(c, linear.MatMul!, [c.input(0), c.input(1)], 17), type: 'int32' },
  ],
  'com.microsoft.FusedGemm': (c) => {
    const product = apply(c, linear.Gemm!, [c.input(0), c.input(1), c.optional(2)], 17);
    return [mapped(product, fusedActivation(c, parameters(c)))];
  },
  'com.microsoft.Inverse': (c) => {
    const x = c.input(0);
    const n = x.dims.at(-1) ?? 0;
    if (x.dims.length < 2 || x.dims.at(-2) !== n) c.misfit('square matrices', `[${x.dims}]`);
    const data = new Float64Array(x.data.length);
    for (let at = 0; at < data.length; at += n * n) data.set(invert(c, x.data.subarray(at, at + n * n), n), at);
    return [{ ...x, data }];
  },
  'com.microsoft.BiasAdd': (c) => {
    const [x, bias, skip] = [c.input(0), c.input(1), c.input(2)];
    expectRank(c, 'X', x, 3);
    const channels = x.dims[2]!;
    expectDims(c, 'bias', bias, [channels]);
    expectDims(c, 'skip', skip, x.dims);
    return [mapped(x, (element, i) => element + bias.data[i % channels]! + skip.data[i]!)];
  },
};
