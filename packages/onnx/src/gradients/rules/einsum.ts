import { reduceTo } from '../broadcast.ts';
import { joined, lengthOf } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

/**
 * The gradient of an operand is the sum of products of dy and the other operands, with the operand's own labels as the
 * result: first over its distinct labels that anything else has, then spread over the labels it alone has (they were
 * summed away), the diagonals of repeated labels filled and zeros elsewhere. Ellipses become labels of their own, so their
 * ranks must be known.
 */
export const einsum: Readonly<Record<string, GradientRule>> = {
  Einsum: {
    backward: (c) => {
      const { emitter: e } = c;
      const { terms, output } = labelled(c);
      return terms.map((term, index) => {
        if (!c.wants(index)) return undefined;
        const others = terms.flatMap((other, at) => (at === index ? [] : [{ term: other, value: c.x(at) }]));
        const factors = [{ term: output, value: c.dy() }, ...others];
        const shared = new Set(factors.flatMap((factor) => [...factor.term]));
        const distinct = [...new Set(term)];
        const result = distinct.filter((label) => shared.has(label));
        const equation = `${factors.map((factor) => factor.term).join(',')}->${result.join('')}`;
        const product =
          factors.length === 1 && output === result.join('')
            ? factors[0]!.value
            : e.op(
                'Einsum',
                factors.map((factor) => factor.value),
                { equation },
              );
        const spread = spreadAlone(c, index, term, distinct, product, shared);
        const whole = distinct.length === term.length ? spread : fillDiagonals(c, index, term, distinct, spread);
        // An ellipsis that is summed away may have met axes of size 1 only.
        const summed = [...term].some((label) => !c.text('equation', '').includes(label) && !output.includes(label));
        const wide = summed ? e.op('Expand', [whole, e.shape(c.x(index))]) : whole;
        return stretches(c, terms, index) ? reduceTo(e, wide, c.x(index), '') : wide;
      });
    },
  },
};

/** The equation with every axis named by one letter, ellipses too. */
function labelled(c: GradientContext): { readonly terms: readonly string[]; readonly output: string } {
  const equation = c.text('equation', '').replaceAll(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const written = left.split(',');
  const used = new Set(equation.replaceAll(/[^A-Za-z]/g, ''));
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'].filter((letter) => !used.has(letter));
  const widths = written.map((term, index) => {
    if (!term.includes('...')) return 0;
    const rank = c.emitter.rank(c.x(index)) ?? c.refuse('the rank of an operand with an ellipsis must be known');
    return rank - (term.length - 3);
  });
  const widest = Math.max(0, ...widths);
  if (widest > letters.length) c.refuse('more axes than letters');
  const ellipsis = letters.slice(0, widest).join('');
  const terms = written.map((term, index) => term.replace('...', ellipsis.slice(widest - widths[index]!)));
  if (right !== undefined) return { terms, output: right.replace('...', ellipsis) };
  const all = written.join('').replaceAll(/[^A-Za-z]/g, '');
  const once = [...new Set(all)].filter((label) => all.indexOf(label) === all.lastIndexOf(label));
  return { terms, output: ellipsis + once.toSorted().join('') };
}

/** Repeats a gradient over the labels that no other operand and not the result has. */
function spreadAlone(
  c: GradientContext,
  index: number,
  term: string,
  distinct: readonly string[],
  value: string,
  shared: ReadonlySet<string>,
): string {
  const { emitter: e } = c;
  const alone = distinct.flatMap((label, axis) => (shared.has(label) ? [] : [axis]));
  if (alone.length === 0) return value;
  const sizes = distinct.map((label, axis) =>
    alone.includes(axis) ? lengthOf(e, c.x(index), term.indexOf(label)) : e.ints([1]),
  );
  return e.op('Expand', [e.op('Unsqueeze', [value, e.ints(alone)]), joined(e, sizes)]);
}

/** Moves a gradient over distinct labels to the diagonal of the axes that share a label. */
function fillDiagonals(
  c: GradientContext,
  index: number,
  term: string,
  distinct: readonly string[],
  value: string,
): string {
  const { emitter: e } = c;
  const rank = term.length;
  const first = distinct.map((label) => term.indexOf(label));
  const missing = [...term].flatMap((_, axis) => (first.includes(axis) ? [] : [axis]));
  let gradient = e.op('Unsqueeze', [value, e.ints(missing)]);
  for (const axis of missing) {
    const places = (at: number) => {
      const size = e.op('Reshape', [lengthOf(e, c.x(index), axis), e.ints([])]);
      const shape = Array.from({ length: rank }, (_, i) => (i === at ? -1 : 1));
      return e.op('Reshape', [e.op('Range', [e.integer(0), size, e.integer(1)]), e.ints(shape)]);
    };
    const diagonal = e.op('Equal', [places(axis), places(term.indexOf(term[axis]!))]);
    gradient = e.op('Where', [diagonal, gradient, e.scalar(0)]);
  }
  return gradient;
}

/** False when no axis of the operand can have been stretched: each of its labels has one size everywhere. */
function stretches(c: GradientContext, terms: readonly string[], index: number): boolean {
  const dims = c.emitter.dims(c.x(index));
  return [...terms[index]!].some((label, axis) => {
    const size = dims?.[axis];
    const written = c.text('equation', '');
    return terms.some((term, other) =>
      [...term].some((letter, at) => {
        if (letter !== label) return false;
        const found = c.emitter.dims(c.x(other))?.[at];
        const named = written.includes(label);
        // A label is taken for one size; what an ellipsis covers may be 1.
        if (named) return size === 1 && found !== 1 && found !== undefined;
        return !(size !== undefined && size === found) && found !== 1;
      }),
    );
  });
}
