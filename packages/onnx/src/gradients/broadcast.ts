import type { Emitter } from './emitter.ts';

/**
 * Sums `gradient`, which has the shape of `output`, over the axes along which `target` was broadcast to it.
 * `others` are the further operands: where they cannot have stretched an axis, nothing is emitted for it.
 */
export function reduceTo(
  emitter: Emitter,
  gradient: string,
  target: string,
  output: string,
  others: readonly string[] = [],
): string {
  if (emitter.sameDims(target, output)) return gradient;
  const shape = emitter.dims(target);
  const otherShapes = others.map((other) => emitter.dims(other));
  if (others.length > 0 && otherShapes.every((dims) => dims?.length === 0)) return gradient;
  const full =
    emitter.dims(output)?.length ??
    (others.length > 0 && shape && otherShapes.every((dims) => dims !== undefined)
      ? Math.max(shape.length, ...otherShapes.map((dims) => dims!.length))
      : undefined);
  if (shape === undefined || full === undefined) return reduceDynamically(emitter, gradient, target);

  const lead = full - shape.length;
  const stretched: number[] = [];
  for (const [axis, dim] of shape.entries()) {
    const outer = emitter.dims(output)?.[axis + lead];
    const cannotStretch =
      others.length > 0 &&
      otherShapes.every((dims) => {
        const at = dims === undefined ? -1 : axis + lead - (full - dims.length);
        return dims !== undefined && (at < 0 || dims[at] === 1);
      });
    if (dim === 1) {
      if (outer !== 1 && !cannotStretch) stretched.push(axis + lead);
    } else if (typeof dim !== 'number' && !(dim !== undefined && dim === outer) && !cannotStretch) {
      return reduceDynamically(emitter, gradient, target);
    }
  }
  const leading = Array.from({ length: lead }, (_, axis) => axis);
  if (stretched.length === 0) return emitter.sum(gradient, leading, false);
  const kept = emitter.sum(gradient, [...leading, ...stretched], true);
  return lead === 0 ? kept : emitter.op('Squeeze', [kept, emitter.ints(leading)]);
}

function reduceDynamically(emitter: Emitter, gradient: string, target: string): string {
  const small = emitter.op('Shape', [target]);
  const large = emitter.op('Shape', [gradient]);
  const missing = emitter.op('Sub', [emitter.op('Shape', [large]), emitter.op('Shape', [small])]);
  const ones = emitter.op('ConstantOfShape', [missing], {
    value: { kind: 'tensor', value: { type: 'int64', dims: [1], data: BigInt64Array.of(1n) } },
  });
  const padded = emitter.op('Concat', [ones, small], { axis: 0 });
  const differs = emitter.op('Not', [emitter.op('Equal', [padded, large])]);
  const axes = emitter.op('Squeeze', [emitter.op('NonZero', [differs]), emitter.ints([0])]);
  const reduced = emitter.op('ReduceSum', [gradient, axes], { keepdims: 1, noop_with_empty_axes: 1 });
  return emitter.op('Reshape', [reduced, small]);
}

/** The gradient expanded to the shape of `like` when its shape only broadcasts to it. */
export function materialize(emitter: Emitter, gradient: string, like: string): string {
  return emitter.isLoose(gradient) ? emitter.op('Expand', [gradient, emitter.shape(like)]) : gradient;
}
