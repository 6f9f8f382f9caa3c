/** Weights of one-dimensional interpolation: an element is `Σ weights[i] · source[first + i]`. */
export interface Weighted {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Keys' cubic convolution kernel of coefficient `a` at distance `x` (https://ieeexplore.ieee.org/document/1163711). */
export function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

/** The triangle filter at distance `x`. */
export function triangle(x: number): number {
  return Math.max(1 - Math.abs(x), 0);
}

/**
 * The neighbours of coordinate `x` under a filter that vanishes beyond `support`, stretched by `stretch` ≥ 1; a stretched
 * filter is normalized to sum 1.
 */
export function neighbours(x: number, filter: (x: number) => number, support: number, stretch = 1): Weighted {
  const first = Math.floor(x - support * stretch) + 1;
  const length = Math.ceil(x + support * stretch) - first;
  const weights = Array.from({ length: Math.max(length, 1) }, (_, i) => filter((first + i - x) / stretch));
  return { first, weights: stretch === 1 ? weights : normalized(weights) };
}

/** The weights divided by their sum. */
export function normalized(weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
