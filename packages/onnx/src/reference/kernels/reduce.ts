import type { Kernel } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import { fill, strides } from '../value.ts';

/** Reduces lists of elements; axes come from the second input or the attribute, whichever the opset uses. */
const reduction =
  (apply: (elements: readonly number[]) => number): Kernel =>
  (c) => {
    const x = c.input(0);
    const listed = c.integers(1) ?? c.ints('axes') ?? [];
    if (listed.length === 0 && c.int('noop_with_empty_axes', 0) === 1) return [x];
    const rank = x.dims.length;
    const axes = new Set(
      listed.length === 0 ? x.dims.map((_, axis) => axis) : listed.map((axis) => axisOf(axis, rank)),
    );
    const kept = x.dims.map((dim, axis) => (axes.has(axis) ? 1 : dim));
    const steps = strides(kept);
    const groups = Array.from({ length: kept.reduce((a, b) => a * b, 1) }, () => [] as number[]);
    let i = 0;
    fill(x.type, x.dims, (at) => {
      const offset = at.reduce((sum, position, axis) => sum + (axes.has(axis) ? 0 : position * steps[axis]!), 0);
      groups[offset]!.push(x.data[i]!);
      return x.data[i++]!;
    });
    const dims = c.int('keepdims', 1) === 1 ? kept : x.dims.filter((_, axis) => !axes.has(axis));
    return [{ type: x.type, dims, data: Float64Array.from(groups, apply) }];
  };

const sum = (elements: readonly number[]) => elements.reduce((total, element) => total + element, 0);
const max = (elements: readonly number[]) => elements.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

/** Position of the extreme along one axis. */
const extremePosition =
  (better: (a: number, b: number) => boolean): Kernel =>
  (c) => {
    const x = c.input(0);
    const axis = axisOf(c.int('axis', 0), x.dims.length);
    const steps = strides(x.dims);
    const last = c.int('select_last_index', 0) === 1;
    const kept = x.dims.map((dim, at) => (at === axis ? 1 : dim));
    const found = fill('int64', kept, (at) => {
      const start = at.reduce((offset, position, i) => offset + position * steps[i]!, 0);
      const element = (index: number) => x.data[start + index * steps[axis]!]!;
      let best = 0;
      for (let index = 1; index < x.dims[axis]!; index++) {
        if (better(element(index), element(best)) || (last && element(index) === element(best))) best = index;
      }
      return best;
    });
    return [c.int('keepdims', 1) === 1 ? found : { ...found, dims: x.dims.filter((_, at) => at !== axis) }];
  };

export const reduce: Readonly<Record<string, Kernel>> = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((elements) => sum(elements) / elements.length),
  ReduceMax: reduction(max),
  ReduceMin: reduction((elements) => -max(elements.map((element) => -element))),
  ReduceProd: reduction((elements) => elements.reduce((product, element) => product * element, 1)),
  ReduceSumSquare: reduction((elements) => sum(elements.map((element) => element * element))),
  ReduceL2: reduction((elements) => Math.sqrt(sum(elements.map((element) => element * element)))),
  ReduceLogSumExp: reduction((elements) => {
    const top = max(elements);
    return top + Math.log(sum(elements.map((element) => Math.exp(element - top))));
  }),
  ArgMax: extremePosition((a, b) => a > b),
  ArgMin: extremePosition((a, b) => a < b),
};
