import type { Emitter } from './emitter.ts';
import { joined } from './reduction.ts';

/** The number of each element of `like`, in its shape: int64. Moved as the elements are, it tells where they came from. */
export function positionsOf(e: Emitter, like: string): string {
  const count = e.op('Size', [like]);
  return e.op('Reshape', [e.op('Range', [e.integer(0), count, e.integer(1)]), e.shape(like)]);
}

/**
 * Zeros in the shape of `like`, to which each of `updates` is added at its place in `positions`, a number of an element
 * (`like.size` is a place that is thrown away). `distinct` promises that no place comes twice.
 *
 * By ScatterElements, since ONNX Runtime's ScatterND(add) loses updates to equal places; before operator set 16, which
 * brought sums to it, by a product with the one-hot matrix of the places, whose size is quadratic.
 */
export function scatterAdd(
  e: Emitter,
  like: string,
  positions: string,
  updates: string,
  { distinct = false, spare = false } = {},
): string {
  const flat = (value: string) => (e.rank(value) === 1 ? value : e.op('Reshape', [value, e.ints([-1])]));
  const dims = e.dims(like);
  const size = dims?.every((dim) => typeof dim === 'number')
    ? e.ints([dims.reduce((a, b) => a * b, 1)])
    : e.op('Reshape', [e.op('Size', [like]), e.ints([1])]);
  const room = spare ? (e.intsOf(size) ? e.ints([e.intsOf(size)![0]! + 1]) : e.op('Add', [size, e.ints([1])])) : size;
  let sums: string;
  if (distinct || e.opset >= 16) {
    const zeros = e.op('ConstantOfShape', [room]);
    const how = distinct ? {} : { reduction: 'add' };
    sums = e.op('ScatterElements', [zeros, flat(positions), flat(updates)], { axis: 0, ...how });
  } else {
    const onOff = e.constant({ type: 'float32', dims: [2], data: Float32Array.of(0, 1) });
    const hot = e.op('OneHot', [flat(positions), room, onOff], { axis: -1 });
    sums = e.op('Reshape', [e.op('MatMul', [e.op('Reshape', [updates, e.ints([1, -1])]), hot]), e.ints([-1])]);
  }
  const kept = spare ? e.op('Slice', [sums, e.ints([0]), size]) : sums;
  return e.op('Reshape', [kept, e.shape(like)]);
}

/** The elements of `value` whose numbers are `positions`, in the shape of `positions`. */
export function takeAt(e: Emitter, value: string, positions: string): string {
  return e.op('Gather', [e.op('Reshape', [value, e.ints([-1])]), positions]);
}

/** The shape of a value with some of its sizes replaced, as int64 values of one element. */
export function shapeWith(e: Emitter, value: string, rank: number, sizes: Readonly<Record<number, string>>): string {
  const parts = Array.from(
    { length: rank },
    (_, axis) => sizes[axis] ?? e.op('Slice', [e.shape(value), e.ints([axis]), e.ints([axis + 1])]),
  );
  return joined(e, parts);
}
