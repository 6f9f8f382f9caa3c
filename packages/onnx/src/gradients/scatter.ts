import type { Emitter } from './emitter.ts';

/** The number of each element of `like`, in its shape: int64. Moved as the elements are, it tells where they came from. */
export function positionsOf(e: Emitter, like: string): string {
  const count = e.op('Size', [like]);
  return e.op('Reshape', [e.op('Range', [e.integer(0), count, e.integer(1)]), e.shape(like)]);
}

/**
 * Zeros in the shape of `like`, to which each of `updates` is added at its place in `positions`, the number of an
 * element. `distinct` promises that no place comes twice.
 *
 * By ScatterElements, since ONNX Runtime's ScatterND(add) loses updates to equal places; before operator set 16, which
 * brought sums to it, by a product with the one-hot matrix of the places, whose size is quadratic.
 */
export function scatterAdd(
  e: Emitter,
  like: string,
  positions: string,
  updates: string,
  { distinct = false } = {},
): string {
  const flat = (value: string) => (e.rank(value) === 1 ? value : e.op('Reshape', [value, e.ints([-1])]));
  const dims = e.dims(like);
  const size = dims?.every((dim) => typeof dim === 'number')
    ? e.ints([dims.reduce((a, b) => a * b, 1)])
    : e.op('Reshape', [e.op('Size', [like]), e.ints([1])]);
  let sums: string;
  if (distinct || e.opset >= 16) {
    const zeros = e.op('ConstantOfShape', [size]);
    const how = distinct ? {} : { reduction: 'add' };
    sums = e.op('ScatterElements', [zeros, flat(positions), flat(updates)], { axis: 0, ...how });
  } else {
    const onOff = e.constant({ type: 'float32', dims: [2], data: Float32Array.of(0, 1) });
    const hot = e.op('OneHot', [flat(positions), size, onOff], { axis: -1 });
    sums = e.op('Reshape', [e.op('MatMul', [e.op('Reshape', [updates, e.ints([1, -1])]), hot]), e.ints([-1])]);
  }
  return e.op('Reshape', [sums, e.shape(like)]);
}

/** The elements of `value` whose numbers are `positions`, in the shape of `positions`. */
export function takeAt(e: Emitter, value: string, positions: string): string {
  return e.op('Gather', [e.op('Reshape', [value, e.ints([-1])]), positions]);
}
