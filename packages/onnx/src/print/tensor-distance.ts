import { elementCount, type Tensor } from '../model.ts';
import { elementNumbers } from './describe.ts';

/** How far two tensors of the same shape are apart. */
export interface TensorDistance {
  /** Elements compared. */
  readonly count: number;
  /** Greatest |Δ|; NaN when one tensor has NaN or ∞ where the other has something else. */
  readonly maxAbs: number;
  /** Mean |Δ|. */
  readonly meanAbs: number;
  /**
   * Signal-to-noise ratio, 10·log₁₀(Σa² / Σ(a−b)²), of `b` against `a` in dB; ∞ for equal tensors, −∞ where `a` is 0
   * everywhere and `b` is not.
   */
  readonly sqnr: number;
  /** Share of the rows (the last axis) whose greatest element is at the same place; absent for rows of one element. */
  readonly argmaxAgreement?: number;
}

/** Compares `b` with `a`, element by element; `undefined` where shapes differ or the elements are no real numbers. */
export function tensorDistance(a: Tensor, b: Tensor): TensorDistance | undefined {
  const unreal = [a, b].some(({ type }) => type === 'string' || type.startsWith('complex'));
  if (unreal || a.dims.length !== b.dims.length || a.dims.some((dim, axis) => dim !== b.dims[axis])) return undefined;
  const [x, y] = [elementNumbers(a), elementNumbers(b)];
  const count = elementCount(a.dims);
  let [maxAbs, sumAbs, signal, noise] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const [p, q] = [x[i]!, y[i]!];
    const delta = Object.is(p, q) || p === q ? 0 : Math.abs(p - q);
    if (delta > maxAbs || Number.isNaN(delta)) maxAbs = delta;
    sumAbs += delta;
    if (Number.isFinite(p)) signal += p * p;
    noise += delta * delta;
  }
  const width = a.dims.at(-1) ?? 1;
  return {
    count,
    maxAbs: Number.isNaN(sumAbs) ? Number.NaN : maxAbs,
    meanAbs: count === 0 ? 0 : sumAbs / count,
    sqnr: noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise),
    ...(width > 1 && count > 0 ? { argmaxAgreement: agreement(x, y, count, width) } : {}),
  };
}

function agreement(x: ArrayLike<number>, y: ArrayLike<number>, count: number, width: number): number {
  let same = 0;
  for (let start = 0; start < count; start += width) {
    let [p, q] = [start, start];
    for (let i = start + 1; i < start + width; i++) {
      if (x[i]! > x[p]!) p = i;
      if (y[i]! > y[q]!) q = i;
    }
    if (p === q) same++;
  }
  return (same * width) / count;
}
