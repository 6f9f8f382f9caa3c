import type { Dim } from '../model.ts';

/**
 * Arithmetic of dimensions. A name stands for an unknown size of at least 0; sums and products of names are written in
 * one way (`4*batch*sequence`, `past + sequence`, `sequence - 1`, `(sequence + 1)//2` in parentheses), so that equal
 * dimensions are equal strings. What a model itself writes so (torch's dimensions do) is understood; any other text is
 * one name.
 */

/** Coefficients by product of names, its factors in order; the constant is that of `''`. */
type Polynomial = ReadonlyMap<string, number>;

/** Dimensions that take more terms or characters than these are unknown. */
const MAX_TERMS = 24;
const MAX_LENGTH = 400;

/** Parsed texts; forgotten when there are many. */
const parsed = new Map<string, Polynomial>();
const MAX_PARSED = 10_000;

/** A dimension in its one way of writing. */
export function canonical(dim: Dim): Dim {
  return typeof dim === 'string' ? format(parse(dim)) : dim;
}

/** The product of dimensions; unknown when a factor is, unless another one is 0. */
export function multiply(dims: readonly Dim[]): Dim {
  if (dims.includes(0)) return 0;
  if (dims.includes(undefined)) return undefined;
  const numbers = dims.filter(isNumber).reduce((product, dim) => product * dim, 1);
  const names = dims.filter((dim) => typeof dim === 'string');
  if (names.length === 0) return Number.isSafeInteger(numbers) ? numbers : undefined;
  if (names.length > MAX_TERMS) return undefined;
  let product: Polynomial = new Map([['', numbers]]);
  for (const name of names) {
    product = times(product, parse(name));
    if (product.size > MAX_TERMS) return undefined;
  }
  return format(product);
}

/** `a / b` when it is exact for every value of the names, else unknown. */
export function divide(a: Dim, b: Dim): Dim {
  if (a === undefined || b === undefined || b === 0) return undefined;
  if (a === b) return 1;
  if (b === 1) return a;
  if (isNumber(a) && isNumber(b)) return Number.isInteger(a / b) ? a / b : undefined;
  const divisor = parse(b);
  const [name, factor] = leading(divisor);
  let rest = parse(a);
  const quotient = new Map<string, number>();
  while (rest.size > 0) {
    const [product, coefficient] = leading(rest);
    const names = without(product, name);
    if (names === undefined || !Number.isInteger(coefficient / factor) || quotient.size >= MAX_TERMS) return undefined;
    quotient.set(names, coefficient / factor);
    rest = plus(rest, times(new Map([[names, -coefficient / factor]]), divisor));
  }
  return format(quotient);
}

/** `floor(a / b)` of a positive number `b`: exact, or written as one. */
export function floorDivide(a: Dim, b: number): Dim {
  if (a === undefined || !(b > 0)) return undefined;
  if (isNumber(a)) return Math.floor(a / b);
  const quotient = b === 1 ? parse(a) : floorOf(parse(a), b);
  return quotient && format(quotient);
}

/** `ceil(a / b)` of a positive number `b`. */
export function ceilDivide(a: Dim, b: number): Dim {
  return floorDivide(add(a, b - 1), b);
}

/** `a + b`. */
export function add(a: Dim, b: Dim): Dim {
  if (a === undefined || b === undefined) return undefined;
  if (isNumber(a) && isNumber(b)) return a + b;
  if (a === 0) return b;
  if (b === 0) return a;
  return format(plus(parse(a), parse(b)));
}

/** `a − b`. */
export function subtract(a: Dim, b: Dim): Dim {
  if (a === undefined || b === undefined) return undefined;
  if (isNumber(a) && isNumber(b)) return a - b;
  if (b === 0) return a;
  if (a === b) return 0;
  return format(plus(parse(a), times(parse(b), new Map([['', -1]]))));
}

/** A dimension with numbers in the place of names; the same where it has none of them. */
export function substitute(dim: Dim, sizes: ReadonlyMap<string, number>): Dim {
  if (typeof dim !== 'string') return dim;
  if (sizes.has(dim)) return sizes.get(dim);
  const size = (name: string): Dim => {
    const floor = sizes.has(name) ? undefined : floorParts(name);
    if (floor === undefined) return sizes.get(name) ?? name;
    return floorDivide(substitute(floor.dividend, sizes), floor.divisor);
  };
  let sum: Dim = 0;
  for (const [names, coefficient] of parse(dim)) sum = add(sum, multiply([coefficient, ...factors(names).map(size)]));
  return sum === canonical(dim) ? dim : sum;
}

/** The least that a dimension can be, whatever its names stand for; unknown when it may be any number. */
export function leastOf(dim: Dim): number | undefined {
  if (typeof dim !== 'string') return dim;
  const terms = parse(dim);
  for (const [names, coefficient] of terms) if (names !== '' && coefficient < 0) return undefined;
  return terms.get('') ?? 0;
}

/** True when `a ≥ b` for every value of the names. */
export function isAtLeast(a: Dim, b: Dim): boolean {
  const least = leastOf(subtract(a, b));
  return least !== undefined && least >= 0;
}

/** What two statements about one dimension say together: a number before a name before nothing. */
export function mergeDim(a: Dim, b: Dim): Dim {
  if (isNumber(a)) return a;
  if (isNumber(b)) return b;
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
      else if (isNumber(dim) && isNumber(next)) return { clash: [dim, next] };
      else if (isNumber(next)) dim = next;
      else if (!isNumber(dim)) dim = undefined;
    }
    result.push(dim);
  }
  return result;
}

/** A shape as it is printed: `[batch, 128, ?]`. */
export function formatDims(dims: readonly Dim[] | undefined): string {
  return dims === undefined ? '[…]' : `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

function isNumber(dim: Dim): dim is number {
  return typeof dim === 'number';
}

function parse(dim: number | string): Polynomial {
  if (isNumber(dim)) return dim === 0 ? new Map() : new Map([['', dim]]);
  const known = parsed.get(dim);
  if (known !== undefined) return known;
  if (parsed.size >= MAX_PARSED) parsed.clear();
  const result = (dim.length <= MAX_LENGTH ? parseSum(dim, 0) : undefined) ?? new Map([[dim, 1]]);
  parsed.set(dim, result);
  return result;
}

/** A text as a sum of products; `undefined` when it is not one. */
function parseSum(text: string, depth: number): Polynomial | undefined {
  if (depth > 8) return undefined;
  const terms = split(text, /^(?: \+ | - |\+)/);
  if (terms === undefined) return undefined;
  let sum: Polynomial = new Map();
  for (const [separator, term] of terms) {
    const negative = term.startsWith('-');
    const sign = (separator.trim() === '-') !== negative ? -1 : 1;
    const factors = split(negative ? term.slice(1) : term, /^\*/);
    if (factors === undefined) return undefined;
    let product: Polynomial = new Map([['', sign]]);
    for (const [, factor] of factors) {
      const value = parseFactor(factor.trim(), depth);
      if (value === undefined) return undefined;
      product = times(product, value);
      if (product.size > MAX_TERMS) return undefined;
    }
    sum = plus(sum, product);
    if (sum.size > MAX_TERMS) return undefined;
  }
  return sum;
}

function parseFactor(text: string, depth: number): Polynomial | undefined {
  if (text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return new Map(text === '0' ? [] : [['', Number(text)]]);
  const floor = floorParts(text);
  if (floor !== undefined) {
    const dividend = parseSum(floor.dividend, depth + 1);
    return dividend && floorOf(dividend, floor.divisor);
  }
  if (!isEnclosed(text)) return new Map([[text, 1]]);
  return split(text.slice(1, -1), /^\/\//)?.length === 1
    ? parseSum(text.slice(1, -1), depth + 1)
    : new Map([[text, 1]]);
}

/** The parts of `(dividend//divisor)`. */
function floorParts(text: string): { readonly dividend: string; readonly divisor: number } | undefined {
  if (!isEnclosed(text)) return undefined;
  const [[, dividend] = ['', ''], [, divisor] = ['', ''], ...more] = split(text.slice(1, -1), /^\/\//) ?? [];
  if (more.length > 0 || !/^\d{1,15}$/.test(divisor) || Number(divisor) === 0) return undefined;
  return { dividend, divisor: Number(divisor) };
}

/** True for a text whose first parenthesis is closed by its last character. */
function isEnclosed(text: string): boolean {
  return text.startsWith('(') && closing(text) === text.length - 1;
}

/** `floor(a / b)`: what is divisible comes out, the rest is a name of its own. */
function floorOf(a: Polynomial, b: number): Polynomial | undefined {
  const whole = new Map<string, number>();
  const rest = new Map<string, number>();
  for (const [names, coefficient] of a) {
    const quotient = names === '' || coefficient % b === 0 ? Math.floor(coefficient / b) : 0;
    if (quotient !== 0) whole.set(names, quotient);
    if (coefficient !== quotient * b) rest.set(names, coefficient - quotient * b);
  }
  if (![...rest.keys()].some((names) => names !== '')) return whole;
  const inner = format(rest);
  if (inner === undefined) return undefined;
  const text = /[ *-]/.test(String(inner)) ? `(${inner})` : inner;
  return plus(whole, new Map([[`(${text}//${b})`, 1]]));
}

/** Index of the parenthesis that closes the first one. */
function closing(text: string): number {
  let open = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') open++;
    else if (text[at] === ')' && --open === 0) return at;
  }
  return -1;
}

/** Parts outside of parentheses, each with the separator before it; `undefined` when parentheses do not match. */
function split(text: string, separator: RegExp): [separator: string, part: string][] | undefined {
  const parts: [string, string][] = [['', '']];
  let open = 0;
  for (let at = 0; at < text.length; ) {
    const found = open === 0 && at > 0 ? separator.exec(text.slice(at, at + 3)) : null;
    if (found !== null) {
      parts.push([found[0], '']);
      at += found[0].length;
      continue;
    }
    if (text[at] === '(') open++;
    if (text[at] === ')' && --open < 0) return undefined;
    parts.at(-1)![1] += text[at++];
  }
  return open === 0 ? parts : undefined;
}

function format(terms: Polynomial): Dim {
  if (terms.size > MAX_TERMS) return undefined;
  let positive = '';
  let negative = '';
  const products = [...terms.keys()].sort((a, b) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1));
  for (const names of products) {
    const coefficient = terms.get(names)!;
    if (!Number.isSafeInteger(coefficient)) return undefined;
    const size = Math.abs(coefficient);
    const text = names === '' ? String(size) : size === 1 ? names : `${size}*${names}`;
    if (coefficient > 0) positive += positive === '' ? text : ` + ${text}`;
    else negative += ` - ${text}`;
  }
  if (terms.size === 0) return 0;
  if (terms.size === 1 && terms.has('')) return terms.get('');
  const text = positive === '' ? `-${negative.slice(3)}` : positive + negative;
  return text.length > MAX_LENGTH ? undefined : text;
}

function plus(a: Polynomial, b: Polynomial): Polynomial {
  const sum = new Map(a);
  for (const [names, coefficient] of b) {
    const next = (sum.get(names) ?? 0) + coefficient;
    if (next === 0) sum.delete(names);
    else sum.set(names, next);
  }
  return sum;
}

function times(a: Polynomial, b: Polynomial): Polynomial {
  let product: Polynomial = new Map();
  for (const [left, x] of a) {
    const terms = new Map<string, number>();
    for (const [right, y] of b) terms.set([...factors(left), ...factors(right)].sort().join('*'), x * y);
    product = plus(product, terms);
  }
  return product;
}

/** The names of a product; those in parentheses are whole. */
function factors(names: string): readonly string[] {
  if (names === '') return [];
  if (!names.includes('(')) return names.split('*');
  return (split(names, /^\*/) ?? [['', names]]).map(([, name]) => name);
}

/** `product / name`, when the names of the one are among those of the other. */
function without(product: string, names: string): string | undefined {
  const rest = [...factors(product)];
  for (const name of factors(names)) {
    const at = rest.indexOf(name);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return rest.join('*');
}

/** The term of most names; of as many, the last in order: an order that multiplication keeps. */
function leading(terms: Polynomial): readonly [string, number] {
  let best: readonly [string, number] | undefined;
  for (const term of terms) if (best === undefined || isBefore(best[0], term[0])) best = term;
  return best!;
}

/** Graded lexicographic order of products. */
function isBefore(a: string, b: string): boolean {
  const [left, right] = [factors(a), factors(b)];
  if (left.length !== right.length) return left.length < right.length;
  const at = left.findIndex((name, index) => name !== right[index]);
  return at >= 0 && left[at]! > right[at]!;
}
