import type { DataType } from '../../model.ts';
import { isInteger } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import type { Elements, TensorValue, Value } from '../value.ts';
import { allocate, broadcastDims, broadcastSteps, broadcastTo, emptyOf, numeric, offsetsOf, size } from '../value.ts';

/** Matrix products of stacks of matrices that broadcast; vectors become matrices and lose the axis again. */
export function product(
  c: KernelContext,
  left: TensorValue,
  right: TensorValue,
  type: DataType = left.type,
): TensorValue {
  if (left.dims.length === 0 || right.dims.length === 0) c.misfit('vectors or matrices', 'a scalar');
  const a = left.dims.length === 1 ? [1, ...left.dims] : left.dims;
  const b = right.dims.length === 1 ? [...right.dims, 1] : right.dims;
  const [rows, inner, columns] = [a.at(-2)!, a.at(-1)!, b.at(-1)!];
  if (inner !== b.at(-2)) c.misfit('equal inner sizes', `inner sizes ${inner} and ${b.at(-2)}`);
  const stack = broadcastDims([a.slice(0, -2), b.slice(0, -2)], c.where);
  const starts = [a, b].map((dims) => {
    const steps = broadcastSteps(dims.slice(0, -2), stack);
    return offsetsOf(
      stack,
      steps.map((step) => step * dims.at(-2)! * dims.at(-1)!),
    );
  });
  const data = allocate(emptyOf(type), size(stack) * rows * columns);
  for (let block = 0; block < starts[0]!.length; block++) {
    const place = [starts[0]![block]!, starts[1]![block]!, block * rows * columns, rows, inner, columns] as const;
    if (data instanceof Float64Array) {
      multiply(left.data as Float64Array, right.data as Float64Array, ...place, data, type);
    } else {
      multiplyBig(left.data as BigInt64Array, right.data as BigInt64Array, ...place, data as bigint[]);
    }
  }
  const matrix = [...(left.dims.length === 1 ? [] : [rows]), ...(right.dims.length === 1 ? [] : [columns])];
  return { type, dims: [...stack, ...matrix], data: data as unknown as Elements };
}

/** One product of matrices; row by row, so that the second is read in order. 32-bit integers wrap around. */
function multiply(
  a: Float64Array,
  b: Float64Array,
  beginA: number,
  beginB: number,
  begin: number,
  rows: number,
  inner: number,
  columns: number,
  out: Float64Array,
  type: DataType,
): void {
  const whole = type === 'int32' || type === 'uint32';
  for (let i = 0; i < rows; i++) {
    const row = begin + i * columns;
    for (let k = 0; k < inner; k++) {
      const factor = a[beginA + i * inner + k]!;
      const from = beginB + k * columns;
      if (whole) for (let j = 0; j < columns; j++) out[row + j] = (out[row + j]! + Math.imul(factor, b[from + j]!)) | 0;
      else for (let j = 0; j < columns; j++) out[row + j]! += factor * b[from + j]!;
    }
  }
}

function multiplyBig(
  a: BigInt64Array,
  b: BigInt64Array,
  beginA: number,
  beginB: number,
  begin: number,
  rows: number,
  inner: number,
  columns: number,
  out: bigint[],
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0n;
      for (let k = 0; k < inner; k++) sum += a[beginA + i * inner + k]! * b[beginB + k * columns + j]!;
      out[begin + i * columns + j] = sum;
    }
  }
}

/** A value with the last two axes exchanged. */
function flipped(c: KernelContext, x: Value): Value {
  const [rows, columns] = x.dims;
  if (rows === undefined || columns === undefined || x.dims.length !== 2) return c.misfit('a matrix', `[${x.dims}]`);
  const data = new Float64Array(x.data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) data[j * rows + i] = x.data[i * columns + j]!;
  return { type: x.type, dims: [columns, rows], data };
}

/** alpha·A·B + beta·C, A and B transposed where asked. */
function gemm(c: KernelContext): readonly Value[] {
  const [a, b, bias] = [c.input(0), c.input(1), c.optional(2)];
  const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 1)];
  if (a.dims.length !== 2 || b.dims.length !== 2) c.misfit('matrices', `[${a.dims}] and [${b.dims}]`);
  const left = c.int('transA', 0) ? flipped(c, a) : a;
  const right = c.int('transB', 0) ? flipped(c, b) : b;
  const type = isInteger(a.type) ? 'float64' : a.type;
  const { dims, data } = numeric(product(c, left, right, type), c.where);
  broadcastDims([dims, bias?.dims ?? []], c.where);
  const added = bias && numeric(broadcastTo(bias, dims), c.where).data;
  return [{ type: a.type, dims, data: data.map((sum, i) => alpha * sum + (added ? beta * added[i]! : 0)) }];
}

/** Values less their zero point: one for all, or one for each row or column (`axis` from the end). */
export function centred(c: KernelContext, x: Value, zero: Value | undefined, axis: -1 | -2): Value {
  if (!zero) return { ...x, type: 'int32' };
  const perAxis = zero.dims.length === 1 && zero.data.length > 1;
  if (perAxis && zero.data.length !== x.dims.at(axis))
    c.misfit(`${x.dims.at(axis)} zero points`, `${zero.data.length}`);
  const dims = perAxis && axis === -2 ? [...zero.dims, 1] : perAxis || zero.data.length > 1 ? zero.dims : [];
  const shifts = numeric(broadcastTo({ ...zero, dims }, broadcastDims([x.dims, dims], c.where)), c.where);
  return { type: 'int32', dims: x.dims, data: x.data.map((element, i) => element - shifts.data[i]!) };
}

/** Products of matrices. */
export const linear: Readonly<Record<string, Kernel>> = {
  MatMul: (c) => [product(c, c.any(0), c.any(1))],
  Gemm: gemm,
  MatMulInteger: (c) => [
    product(c, centred(c, c.input(0), c.optional(2), -2), centred(c, c.input(1), c.optional(3), -1), 'int32'),
  ],
};
