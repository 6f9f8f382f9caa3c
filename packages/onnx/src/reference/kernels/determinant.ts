import type { Kernel } from '../kernel.ts';
import { size } from '../value.ts';
import { zeros } from './zeros.ts';

/** The determinant of a row-major matrix, by elimination with the largest pivots. The matrix is used up. */
function eliminate(a: Float64Array, n: number): number {
  let product = 1;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(a[row * n + column]!) > Math.abs(a[pivot * n + column]!)) pivot = row;
    }
    const head = a[pivot * n + column]!;
    if (head === 0) return 0;
    product *= pivot === column ? head : -head;
    for (let j = column; j < n; j++) {
      const swapped = a[pivot * n + j]!;
      a[pivot * n + j] = a[column * n + j]!;
      a[column * n + j] = swapped;
    }
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column]! / head;
      for (let j = column; j < n; j++) a[row * n + j]! -= factor * a[column * n + j]!;
    }
  }
  return product;
}

export const determinant: Readonly<Record<string, Kernel>> = {
  /** `[…, n, n]` to `[…]`. */
  Det: (c) => {
    const x = c.input(0);
    const n = x.dims.at(-1);
    if (n === undefined || x.dims.at(-2) !== n) return c.misfit('square matrices', `[${x.dims}]`);
    const y = zeros(c, x.type, x.dims.slice(0, -2));
    for (let i = 0; i < size(y.dims); i++) y.data[i] = eliminate(x.data.slice(i * n * n, (i + 1) * n * n), n);
    return [y];
  },
};
