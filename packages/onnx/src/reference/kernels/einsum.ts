import type { Kernel, KernelContext } from '../kernel.ts';
import { size, strides } from '../value.ts';
import { zeros } from './zeros.ts';

/** A tensor whose axes are named. A name may occur twice: then it means the diagonal. */
interface Named {
  readonly labels: readonly string[];
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** Labels of one term. The axes of an ellipsis are named `.0`, `.1`, … counted from the right. */
function labelsOf(c: KernelContext, term: string, rank: number | undefined, wide: number): string[] {
  const [before, after, more] = term.split('...');
  const letters = [...before!, ...(after ?? '')];
  if (more !== undefined || letters.some((letter) => !/[A-Za-z]/.test(letter)))
    c.refuse(`the term "${term}" in an equation`);
  const covered = after === undefined ? 0 : rank === undefined ? wide : rank - letters.length;
  if (covered < 0 || (rank !== undefined && letters.length + covered !== rank))
    c.misfit(`as many axes as the term "${term}" has letters`, `rank ${rank}`);
  return [...before!, ...Array.from({ length: covered }, (_, i) => `.${covered - 1 - i}`), ...(after ?? '')];
}

/** Output labels of an equation without an arrow: the ellipsis, then the letters that occur once, sorted. */
function implicitOutput(terms: readonly (readonly string[])[], wide: number): string[] {
  const count = new Map<string, number>();
  for (const label of terms.flat()) count.set(label, (count.get(label) ?? 0) + 1);
  const once = [...count].filter(([label, times]) => times === 1 && !label.startsWith('.')).map(([label]) => label);
  return [...Array.from({ length: wide }, (_, i) => `.${wide - 1 - i}`), ...once.sort()];
}

/** Multiplies two tensors and sums over every label that is not kept; the result's axes are `kept`, in that order. */
function contract(
  c: KernelContext,
  a: Named,
  b: Named,
  kept: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Named {
  const dropped = [...new Set([...a.labels, ...b.labels])].filter((label) => !kept.includes(label));
  const order = [...kept, ...dropped];
  const extent = order.map((label) => sizes.get(label)!);
  const dims = extent.slice(0, kept.length);
  // an axis of size 1 broadcasts; a label that occurs twice moves along both axes
  const stepsOf = ({ labels, dims: shape }: Named) => {
    const steps = strides(shape);
    return order.map((label) =>
      labels.reduce((sum, other, axis) => sum + (other === label && shape[axis] !== 1 ? steps[axis]! : 0), 0),
    );
  };
  const [stepsA, stepsB] = [stepsOf(a), stepsOf(b)];
  const stepsOut = [...strides(dims), ...dropped.map(() => 0)];
  const { data } = zeros(c, 'float64', dims);
  const at = order.map(() => 0);
  const total = size(extent);
  for (let i = 0, offsetA = 0, offsetB = 0, out = 0; i < total; i++) {
    data[out]! += a.data[offsetA]! * b.data[offsetB]!;
    for (let axis = order.length - 1; axis >= 0; axis--) {
      const turns = at[axis]! + 1 < extent[axis]! ? 1 : 1 - extent[axis]!;
      offsetA += turns * stepsA[axis]!;
      offsetB += turns * stepsB[axis]!;
      out += turns * stepsOut[axis]!;
      at[axis] = at[axis]! + turns;
      if (turns === 1) break;
    }
  }
  return { labels: kept, dims, data };
}

/** Operands are contracted from left to right; a label is summed as soon as no later term needs it. */
export const einsum: Readonly<Record<string, Kernel>> = {
  Einsum: (c) => {
    const equation = c.text('equation', '').replaceAll(' ', '');
    const [left, right, more] = equation.split('->');
    const terms = left!.split(',');
    const inputs = terms.map((_, i) => c.input(i));
    if (more !== undefined || c.inputs.length !== terms.length)
      c.refuse(`the equation "${equation}" for ${c.inputs.length} inputs`);
    const named = terms.map((term, i) => labelsOf(c, term, inputs[i]!.dims.length, 0));
    const wide = Math.max(...named.map((labels) => labels.filter((label) => label.startsWith('.')).length));
    const output = right === undefined ? implicitOutput(named, wide) : labelsOf(c, right, undefined, wide);

    const sizes = new Map<string, number>();
    for (const [i, labels] of named.entries()) {
      for (const [axis, label] of labels.entries()) {
        const [known, dim] = [sizes.get(label) ?? 1, inputs[i]!.dims[axis]!];
        if (known !== 1 && dim !== 1 && known !== dim)
          c.misfit(`one size for "${label}" in "${equation}"`, `${known} and ${dim}`);
        sizes.set(label, dim === 1 ? known : dim);
      }
    }
    const unknown = output.find((label, i) => !sizes.has(label) || output.indexOf(label) !== i);
    if (unknown !== undefined) c.refuse(`"${unknown}" in the output of "${equation}"`);

    const one: Named = { labels: [], dims: [], data: Float64Array.of(1) };
    const result = named.reduce((sofar, labels, i) => {
      const later = new Set([...named.slice(i + 1).flat(), ...output]);
      const here = [...new Set([...sofar.labels, ...labels])];
      const kept = i === named.length - 1 ? output : here.filter((label) => later.has(label));
      return contract(c, sofar, { ...inputs[i]!, labels }, kept, sizes);
    }, one);
    return [{ type: inputs[0]!.type, dims: result.dims, data: result.data }];
  },
};
