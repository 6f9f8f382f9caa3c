import type { Dim, Node } from '../../model.ts';
import { broadcast, formatDims, mergeDim } from '../dims.ts';
import { intOf, invalid, like, type RuleContext, type TypeRule, tensor, textOf } from '../rule.ts';

/** Matrix products and sums of products. */
export const linearRules: Readonly<Record<string, TypeRule>> = {
  MatMul: ({ node, inputs: [a, b] }) => [like(a ?? b, matMulDims(node, a?.dims, b?.dims))],
  MatMulInteger: ({ node, inputs: [a, b] }) => [tensor('int32', matMulDims(node, a?.dims, b?.dims))],
  Gemm: ({ node, inputs: [a, b] }) => [like(a ?? b, gemmDims(node, a?.dims, b?.dims))],
  Einsum: (context) => [
    like(
      context.inputs.find((x) => x !== undefined),
      einsumDims(context),
    ),
  ],
};

function sameInner(node: Node, a: Dim, b: Dim, left: readonly Dim[], right: readonly Dim[]): void {
  if (typeof a === 'number' && typeof b === 'number' && a !== b) {
    throw invalid(node, 'equal inner sizes', `${formatDims(left)} and ${formatDims(right)}`);
  }
}

/** The shape of numpy's matmul. */
export function matMulDims(
  node: Node,
  a: readonly Dim[] | undefined,
  b: readonly Dim[] | undefined,
): readonly Dim[] | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0)
    throw invalid(node, 'inputs of rank 1 or more', `${formatDims(a)} and ${formatDims(b)}`);
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  sameInner(node, left.at(-1), right.at(-2), a, b);
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)]);
  if ('clash' in batch) throw invalid(node, 'batch axes that broadcast', `${formatDims(a)} and ${formatDims(b)}`);
  return [...batch, ...(a.length === 1 ? [] : [left.at(-2)]), ...(b.length === 1 ? [] : [right.at(-1)])];
}

/** The shape of op(A) · op(B) of two matrices; `transA`, `transB` transpose them. */
export function gemmDims(node: Node, a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): readonly Dim[] {
  const left = intOf(node, 'transA', 0) !== 0 ? a?.toReversed() : a;
  const right = intOf(node, 'transB', 0) !== 0 ? b?.toReversed() : b;
  if (left !== undefined && right !== undefined) {
    if (left.length !== 2 || right.length !== 2)
      throw invalid(node, 'two matrices', `${formatDims(left)} and ${formatDims(right)}`);
    sameInner(node, left[1], right[0], left, right);
  }
  return [left?.[0], right?.[1]];
}

/** The sizes of the letters behind the arrow of an Einsum equation; without one, the letters that occur once, in order. */
function einsumDims({ node, inputs }: RuleContext): readonly Dim[] | undefined {
  const [left, right] = textOf(node, 'equation', '').replaceAll(' ', '').split('->') as [string, string?];
  const terms = left.split(',');
  if (terms.length !== node.inputs.length)
    throw invalid(node, `an equation of ${node.inputs.length} terms`, JSON.stringify(left));
  const sizes = new Map<string, Dim>();
  const counts = new Map<string, number>();
  const ellipses: (readonly Dim[])[] = [];
  let complete = true;
  terms.forEach((term, index) => {
    const [head, tail] = term.split('...') as [string, string?];
    const letters = [...head, ...(tail ?? '')];
    for (const letter of letters) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    const dims = inputs[index]?.dims;
    if (dims === undefined) {
      complete &&= tail === undefined;
      return;
    }
    if (tail === undefined ? dims.length !== letters.length : dims.length < letters.length)
      throw invalid(node, `rank ${letters.length} for "${term}"`, formatDims(dims));
    const end = dims.length - (tail ?? '').length;
    if (tail !== undefined) ellipses.push(dims.slice(head.length, end));
    letters.forEach((letter, at) => {
      const dim = dims[at < head.length ? at : end + at - head.length];
      const known = sizes.get(letter);
      if (typeof known === 'number' && typeof dim === 'number' && known !== dim && known !== 1 && dim !== 1)
        throw invalid(node, `one size of ${letter}`, `${known} and ${dim}`);
      sizes.set(letter, known === 1 ? dim : dim === 1 ? (known ?? 1) : mergeDim(known, dim));
    });
  });
  const once = [...counts].filter(([, count]) => count === 1).map(([letter]) => letter);
  const output = right ?? `${left.includes('...') ? '...' : ''}${once.sort().join('')}`;
  const [head, tail] = output.split('...') as [string, string?];
  const of = (letters: string) => [...letters].map((letter) => sizes.get(letter));
  if (tail === undefined) return of(head);
  const middle = broadcast(ellipses);
  if ('clash' in middle) throw invalid(node, 'ellipses that broadcast', ellipses.map(formatDims).join(' and '));
  return complete ? [...of(head), ...middle, ...of(tail)] : undefined;
}
