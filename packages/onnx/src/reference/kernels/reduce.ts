import type { DataType } from '../../model.ts';
import { integerRange, isInteger } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { checkedAxis } from '../kernel.ts';
import type { Elements, TensorValue } from '../value.ts';
import { allocate, offsetsOf, strides } from '../value.ts';
import { greater, less } from './binary.ts';

type Element = number | bigint | string;

/** The axes to reduce: from the second input or the attribute, whichever the operator set uses; none given means all. */
function axesOf(c: KernelContext, rank: number): ReadonlySet<number> {
  const listed = c.integers(1) ?? c.ints('axes') ?? [];
  if (listed.length > 0) return new Set(listed.map((axis) => checkedAxis(c, axis, rank)));
  return new Set(c.int('noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, axis) => axis));
}

/** A reduction of the elements at `offsets` from `start`. */
interface Rule {
  readonly number: (elements: Float64Array, type: DataType) => number;
  /** On 64-bit integers; where absent they are reduced as doubles. */
  readonly big?: (elements: readonly bigint[], type: DataType) => bigint;
}

const reduction =
  ({ number, big }: Rule): Kernel =>
  (c) => {
    const exact = c.any(0).data;
    const x = big && !(exact instanceof Float64Array) ? c.any(0) : c.input(0);
    const { type } = x;
    const axes = axesOf(c, x.dims.length);
    const steps = strides(x.dims);
    const kept = x.dims.map((dim, axis) => (axes.has(axis) ? 1 : dim));
    const starts = offsetsOf(kept, steps);
    const inside = offsetsOf(
      x.dims.filter((_, axis) => axes.has(axis)),
      steps.filter((_, axis) => axes.has(axis)),
    );
    const source = x.data as readonly Element[];
    const doubles = x.data instanceof Float64Array;
    const elements = doubles ? new Float64Array(inside.length) : new Array<bigint>(inside.length);
    const data = allocate(x, starts.length);
    for (let group = 0; group < data.length; group++) {
      for (let i = 0; i < elements.length; i++) elements[i] = source[starts[group]! + inside[i]!]! as never;
      data[group] = doubles ? number(elements as Float64Array, type) : big!(elements as readonly bigint[], type);
    }
    const dims = c.int('keepdims', 1) === 1 ? kept : x.dims.filter((_, axis) => !axes.has(axis));
    return [{ type, dims, data: data as unknown as Elements }];
  };

const sum = (elements: Float64Array) => {
  let total = 0;
  for (let i = 0; i < elements.length; i++) total += elements[i]!;
  return total;
};
const max = (elements: Float64Array) => elements.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const min = (elements: Float64Array) => elements.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const sumBig = (elements: readonly bigint[]) => elements.reduce((a, b) => a + b, 0n);

/** The least and greatest number of a type: what Max and Min of nothing give. */
function bounds(type: DataType): readonly [low: number, high: number] {
  return type === 'bool' ? [0, 1] : (integerRange(type) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
}

const lowBig = (type: DataType) => (type === 'uint64' ? 0n : -(2n ** 63n));
const highBig = (type: DataType) => (type === 'uint64' ? 2n ** 64n - 1n : 2n ** 63n - 1n);

/** ln Σ exp, with −∞ for elements that are all −∞. */
export function logSumExp(elements: Float64Array): number {
  const top = max(elements);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(sum(elements.map((element) => Math.exp(element - top))));
}

/** Position of the extreme along one axis. */
const extremePosition =
  (better: (a: Element, b: Element) => boolean): Kernel =>
  (c) => {
    const x = c.any(0);
    const axis = checkedAxis(c, c.int('axis', 0), x.dims.length);
    const last = c.int('select_last_index', 0) === 1;
    const steps = strides(x.dims);
    const kept = x.dims.map((dim, at) => (at === axis ? 1 : dim));
    const source = x.data as readonly Element[];
    const data = offsetsOf(kept, steps).map((start) => {
      const element = (index: number) => source[start + index * steps[axis]!]!;
      let best = 0;
      for (let index = 1; index < x.dims[axis]!; index++) {
        if (better(element(index), element(best)) || (last && element(index) === element(best))) best = index;
      }
      return best;
    });
    return [{ type: 'int64', dims: c.int('keepdims', 1) === 1 ? kept : x.dims.filter((_, at) => at !== axis), data }];
  };

/** Running sums or products along an axis. */
const cumulative =
  (
    first: number,
    number: (total: number, element: number) => number,
    big: (total: bigint, element: bigint) => bigint,
  ): Kernel =>
  (c) => {
    const x = c.any(0);
    const axis = checkedAxis(c, c.integers(1)?.[0] ?? c.misfit('an axis', 'none'), x.dims.length);
    const [exclusive, reverse] = [c.int('exclusive', 0) === 1, c.int('reverse', 0) === 1];
    const steps = strides(x.dims);
    const length = x.dims[axis]!;
    const source = x.data as readonly Element[];
    const data = allocate(x, x.data.length);
    const whole = !(x.data instanceof Float64Array);
    const apply = (whole ? big : number) as (total: Element, element: Element) => Element;
    for (const start of offsetsOf(
      x.dims.map((dim, at) => (at === axis ? 1 : dim)),
      steps,
    )) {
      let total: Element = whole ? BigInt(first) : first;
      for (let i = 0; i < length; i++) {
        const at = start + (reverse ? length - 1 - i : i) * steps[axis]!;
        const next = apply(total, source[at]!);
        data[at] = exclusive ? total : next;
        total = next;
      }
    }
    return [{ type: x.type, dims: x.dims, data: data as unknown as Elements } satisfies TensorValue];
  };

/** Operators that reduce axes, or run along one. */
export const reduce: Readonly<Record<string, Kernel>> = {
  ReduceSum: reduction({ number: sum, big: sumBig }),
  ReduceMean: reduction({
    number: (elements, type) =>
      isInteger(type) ? Math.trunc(sum(elements) / elements.length) : sum(elements) / elements.length,
    big: (elements) => sumBig(elements) / BigInt(elements.length),
  }),
  ReduceMax: reduction({
    number: (elements, type) => (elements.length === 0 ? bounds(type)[0] : max(elements)),
    big: (elements, type) => elements.reduce(greater, lowBig(type)),
  }),
  ReduceMin: reduction({
    number: (elements, type) => (elements.length === 0 ? bounds(type)[1] : min(elements)),
    big: (elements, type) => elements.reduce(less, highBig(type)),
  }),
  ReduceProd: reduction({
    number: (elements, type) =>
      elements.reduce((a, b) => (type === 'int32' || type === 'uint32' ? Math.imul(a, b) : a * b), 1),
    big: (elements) => elements.reduce((a, b) => BigInt.asIntN(64, a * b), 1n),
  }),
  ReduceSumSquare: reduction({
    number: (elements) => sum(elements.map((element) => element * element)),
    big: (elements) => sumBig(elements.map((element) => element * element)),
  }),
  ReduceL1: reduction({
    number: (elements) => sum(elements.map(Math.abs)),
    big: (elements) => sumBig(elements.map((element) => (element < 0n ? -element : element))),
  }),
  ReduceL2: reduction({ number: (elements) => Math.sqrt(sum(elements.map((element) => element * element))) }),
  ReduceLogSum: reduction({ number: (elements) => Math.log(sum(elements)) }),
  ReduceLogSumExp: reduction({ number: logSumExp }),
  ArgMax: extremePosition((a, b) => a > b),
  ArgMin: extremePosition((a, b) => a < b),
  CumSum: cumulative(
    0,
    (total, element) => total + element,
    (total, element) => total + element,
  ),
  CumProd: cumulative(
    1,
    (total, element) => total * element,
    (total, element) => BigInt.asIntN(64, total * element),
  ),
};
