import type { ControlKernel, Kernel, KernelContext, Results, Steps } from '../kernel.ts';
import { axisOf, checkedAxis } from '../kernel.ts';
import type { AnyValue, Optional, Sequence, TensorValue } from '../value.ts';
import { describeValue } from '../value.ts';
import { concatenated, item, piece, stacked } from './movement.ts';

/** An input that is a sequence, also inside an optional. */
function sequence(c: KernelContext, index: number): Sequence {
  const value = c.values[index];
  const inner = value?.kind === 'optional' ? value.value : value;
  return inner?.kind === 'sequence' ? inner : c.misfit('a sequence', `${describeValue(value)} as input ${index}`);
}

const of = (elements: readonly AnyValue[]): Sequence => ({ kind: 'sequence', elements });

/** A position in a sequence; `end` allows the place after the last element. */
function positionOf(c: KernelContext, index: number, length: number, end: 0 | 1): number {
  const given = c.integers(index)?.[0];
  const at = given === undefined ? length - 1 + end : axisOf(given, length);
  if (!(at >= 0 && at < length + end)) c.misfit(`a position in a sequence of ${length}`, `${given}`);
  return at;
}

function splitToSequence(c: KernelContext): Results {
  const x = c.any(0);
  const axis = checkedAxis(c, c.int('axis', 0), x.dims.length);
  const total = x.dims[axis]!;
  const split = c.optional(1);
  if (!split) {
    const single = c.int('keepdims', 1) === 1 ? piece : (v: TensorValue, a: number, at: number) => item(v, a, at);
    return [of(Array.from({ length: total }, (_, at) => single(x, axis, at, 1)))];
  }
  const size = split.dims.length === 0 ? split.data[0]! : undefined;
  if (size !== undefined && !(size > 0)) c.misfit('parts of at least 1', `${size}`);
  const sizes =
    size === undefined
      ? Array.from(split.data)
      : Array.from({ length: Math.ceil(total / size) }, (_, i) => Math.min(size, total - i * size));
  if (sizes.some((length) => length < 0) || sizes.reduce((a, b) => a + b, 0) !== total)
    c.misfit(`parts that make ${total}`, `${sizes}`);
  let begin = 0;
  return [
    of(
      sizes.map((length) => {
        const part = piece(x, axis, begin, length);
        begin += length;
        return part;
      }),
    ),
  ];
}

/** Runs the body on the i-th elements of the sequences, and on the tensors as they are. */
function* sequenceMap(c: KernelContext): Steps<Results> {
  const { elements } = sequence(c, 0);
  const body = c.graph('body');
  const made: AnyValue[][] = body.outputs.map(() => []);
  for (const at of elements.keys()) {
    const inputs = c.values.map(
      (value, index) => (value?.kind === 'sequence' ? value.elements[at] : value) ?? c.any(index),
    );
    const outputs = yield* c.run(body, inputs);
    for (const [index, output] of outputs.entries()) made[index]!.push(output);
  }
  return made.map(of);
}

const optionalOf = (value: AnyValue | undefined): Optional =>
  value ? { kind: 'optional', value } : { kind: 'optional' };

/** Sequences and optionals. */
export const sequences: Readonly<Record<string, Kernel | ControlKernel>> = {
  SequenceEmpty: () => [of([])],
  SequenceConstruct: (c) => [of(c.values.map((_, index) => c.any(index)))],
  SequenceInsert: (c) => {
    const { elements } = sequence(c, 0);
    const at = positionOf(c, 2, elements.length, 1);
    return [of([...elements.slice(0, at), c.any(1), ...elements.slice(at)])];
  },
  SequenceErase: (c) => {
    const { elements } = sequence(c, 0);
    const at = positionOf(c, 1, elements.length, 0);
    return [of(elements.filter((_, index) => index !== at))];
  },
  SequenceAt: (c) => {
    const { elements } = sequence(c, 0);
    return [elements[positionOf(c, 1, elements.length, 0)]];
  },
  SequenceLength: (c) => [{ type: 'int64', dims: [], data: Float64Array.of(sequence(c, 0).elements.length) }],
  SplitToSequence: splitToSequence,
  ConcatFromSequence: (c) => {
    const parts = sequence(c, 0).elements.map((element) =>
      element.kind === undefined ? element : c.misfit('a sequence of tensors', element.kind),
    );
    if (parts.length === 0) c.misfit('at least one tensor', 'an empty sequence');
    const axis = c.int('axis', 0);
    return [c.int('new_axis', 0) === 1 ? stacked(c, parts, axis) : concatenated(c, parts, axis)];
  },
  SequenceMap: sequenceMap,
  Optional: (c) => [optionalOf(c.values[0])],
  OptionalHasElement: (c) => {
    const value = c.values[0];
    const present = value !== undefined && (value.kind !== 'optional' || value.value !== undefined);
    return [{ type: 'bool', dims: [], data: Float64Array.of(present ? 1 : 0) }];
  },
  OptionalGetElement: (c) => {
    const value = c.values[0];
    const element = value?.kind === 'optional' ? value.value : value;
    return [element ?? c.misfit('an element', describeValue(value))];
  },
};
