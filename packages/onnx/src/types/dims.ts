import type { Dim } from '../model.ts';

/**
 * Arithmetic of dimensions. A name stands for a positive unknown; products are written with their factors in order
 * (`4*batch*sequence`), so that equal products are equal strings.
 */
interface Product {
  readonly factor: number;
  readonly names: readonly string[];
}

function parse(dim: number | string): Product {
  if (typeof dim === 'number') return { factor: dim, names: [] };
  if (/[()+\s]/.test(dim)) return { factor: 1, names: [dim] };
  const parts = dim.split('*');
  const factor = parts.length > 1 && /^\d+$/.test(parts[0]!) ? Number(parts[0]) : undefined;
  return factor === undefined ? { factor: 1, names: parts } : { factor, names: parts.slice(1) };
}

function format({ factor, names }: Product): Dim {
  if (!Number.isSafeInteger(factor)) return undefined;
  if (names.length === 0 || factor === 0) return factor;
  return [...(factor === 1 ? [] : [String(factor)]), ...names.toSorted()].join('*');
}

/** The product of dimensions; unknown when a factor is, unless another one is 0. */
export function multiply(dims: readonly Dim[]): Dim {
  if (dims.includes(0)) return 0;
  let factor = 1;
  const names: string[] = [];
  for (const dim of dims) {
    if (dim === undefined) return undefined;
    const product = parse(dim);
    factor *= product.factor;
    names.push(...product.names);
  }
  return format({ factor, names });
}

/** `a / b` when it is exact for every value of the names, else unknown. */
export function divide(a: Dim, b: Dim): Dim {
  if (a === undefined || b === undefined || b === 0) return undefined;
  const dividend = parse(a);
  const divisor = parse(b);
  const names = [...dividend.names];
  for (const name of divisor.names) {
    const at = names.indexOf(name);
    if (at < 0) return undefined;
    names.splice(at, 1);
  }
  const factor = dividend.factor / divisor.factor;
  return Number.isInteger(factor) ? format({ factor, names }) : undefined;
}

/** `a + b`, known for two numbers or when one is 0. */
export function add(a: Dim, b: Dim): Dim {
  if (a === 0) return b;
  if (b === 0) return a;
  return typeof a === 'number' && typeof b === 'number' ? a + b : undefined;
}

/** `a − b`, known for two numbers, equal dimensions, or when `b` is 0. */
export function subtract(a: Dim, b: Dim): Dim {
  if (b === 0) return a;
  if (a !== undefined && a === b) return 0;
  return typeof a === 'number' && typeof b === 'number' ? a - b : undefined;
}

/** What two statements about one dimension say together: a number before a name before nothing. */
export function mergeDim(a: Dim, b: Dim): Dim {
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return a ?? b;
}

/** The common shape of multidirectional broadcasting, or the axis pair that cannot broadcast. */
export function broadcast(shapes: readonly (readonly Dim[])[]): readonly Dim[] | { readonly clash: [number, number] } {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let dim: Dim = 1;
    for (const shape of shapes) {
      const own = axis - rank + shape.length;
      if (own < 0) continue;
      const next = shape[own];
      if (next === 1 || next === dim) continue;
      if (dim === 1) dim = next;
      else if (typeof dim === 'number' && typeof next === 'number') return { clash: [dim, next] };
      else if (typeof next === 'number') dim = next;
      else if (typeof dim !== 'number') dim = undefined;
    }
    result.push(dim);
  }
  return result;
}

/** A shape as it is printed: `[batch, 128, ?]`. */
export function formatDims(dims: readonly Dim[] | undefined): string {
  return dims === undefined ? '[…]' : `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}
