import type { Emitter } from './emitter.ts';

/** The operator set from which a reduction takes its axes as an input. */
const AXES_INPUT = (opType: string) => (opType === 'ReduceSum' ? 13 : 18);

/** A reduction of `value` over constant `axes`, in the form that the operator set has; over all axes without them. */
export function reduceOver(
  e: Emitter,
  opType: string,
  value: string,
  axes: readonly number[] | undefined,
  keepDims: boolean,
): string {
  const keepdims = keepDims ? 1 : 0;
  if (axes === undefined) return e.op(opType, [value], { keepdims });
  if (axes.length === 0) return value;
  return e.opset >= AXES_INPUT(opType)
    ? e.op(opType, [value, e.ints(axes)], { keepdims })
    : e.op(opType, [value], { axes, keepdims });
}

/** A sum over axes that are a value, kept as size 1. */
export function sumOver(e: Emitter, value: string, axes: string | undefined): string {
  return e.op('ReduceSum', axes === undefined ? [value] : [value, axes], { keepdims: 1 });
}

/** The rank of a value as int64 `[1]`: a constant when it is known. */
export function rankOf(e: Emitter, value: string): string {
  const rank = e.rank(value);
  return rank === undefined ? e.op('Shape', [e.op('Shape', [value])]) : e.ints([rank]);
}

/** The axes from `first` to the last one as a 1-D int64 value; for known ranks a constant. */
export function axesFrom(e: Emitter, value: string, first: number): string {
  const rank = e.rank(value);
  if (rank !== undefined) return e.ints(Array.from({ length: Math.max(rank - first, 0) }, (_, at) => at + first));
  const limit = e.op('Reshape', [rankOf(e, value), e.ints([])]);
  return e.op('Range', [e.integer(first), limit, e.integer(1)]);
}

/** The length of one axis as int64 `[1]`: a constant when it is known. */
export function lengthOf(e: Emitter, value: string, axis: number): string {
  const dim = e.dims(value)?.at(axis);
  return typeof dim === 'number' ? e.ints([dim]) : e.op('Gather', [e.shape(value), e.ints([axis])]);
}

/** An int64 `[1]` value as a float32 scalar: a constant when it is known. */
export function asFloat(e: Emitter, value: string): string {
  const known = e.intsOf(value);
  if (known?.length === 1) return e.scalar(known[0]!);
  return e.op('Reshape', [e.op('Cast', [value], { to: 1 }), e.ints([])]);
}

/** 1-D int64 values one after another; a constant when all are known. */
export function joined(e: Emitter, parts: readonly string[]): string {
  const known = parts.map((part) => e.intsOf(part));
  if (known.every((part) => part !== undefined)) return e.ints(known.flat());
  return parts.length === 1 ? parts[0]! : e.op('Concat', parts, { axis: 0 });
}
