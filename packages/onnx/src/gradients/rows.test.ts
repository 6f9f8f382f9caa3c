import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { controlFlowCases } from '../../test/gradients/cases/control-flow.ts';
import { elementwiseCases } from '../../test/gradients/cases/elementwise.ts';
import { linearCases } from '../../test/gradients/cases/linear.ts';
import { indexingCases, movingCases } from '../../test/gradients/cases/moving.ts';
import { normalizationCases } from '../../test/gradients/cases/normalization.ts';
import { recurrentCases } from '../../test/gradients/cases/recurrent.ts';
import { reductionCases } from '../../test/gradients/cases/reductions.ts';
import { spatialCases } from '../../test/gradients/cases/spatial.ts';
import type { Case, Cases } from '../../test/gradients/finite-differences.ts';
import { declarations, op, positive, worstError } from '../../test/gradients/finite-differences.ts';
import { refusing } from './rules/stops.ts';
import { gradients } from './table.ts';

/** Largest difference to central finite differences, relative to the largest gradient. */
const WITHIN = 1e-6;

const cases: Cases = {
  ...elementwiseCases,
  ...linearCases,
  ...movingCases,
  ...indexingCases,
  ...reductionCases,
  ...normalizationCases,
  ...spatialCases,
  ...recurrentCases,
  ...controlFlowCases,
};

/** Rows without a derivative to compare with finite differences; `quantize.test.ts` and `refusals.test.ts` hold them. */
const elsewhere = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  ...Object.keys(refusing),
  ...Object.entries(gradients).flatMap(([operator, rule]) => ('stops' in rule ? [operator] : [])),
]);

describe('gradients against finite differences in float64', () => {
  it('has cases for every row, and rows for every case', () => {
    expect(Object.keys(gradients).filter((operator) => !elsewhere.has(operator) && !cases[operator])).toEqual([]);
    expect(Object.keys(cases).filter((operator) => !gradients[operator])).toEqual([]);
  });

  for (const [operator, rows] of Object.entries(cases)) {
    it(operator, async () => {
      for (const [index, row] of rows.entries()) {
        for (const declared of declarations(row)) {
          const where = `case ${index}, ${declared} declared`;
          const error = await worstError(row, declared, index).catch((reason: Error) => {
            throw new Error(`${where}: ${reason.message}`, { cause: reason });
          });
          expect(error, where).toBeLessThanOrEqual(WITHIN);
        }
      }
    });
  }
});

/** Two shapes that broadcast to each other. */
const shapePair = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
    fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    fc.integer({ min: 0, max: 3 }),
    fc.boolean(),
  )
  .map(([dims, left, right, drop, swapped]) => {
    const pair = [
      dims.map((dim, axis) => (left[axis] ? 1 : dim)),
      dims.map((dim, axis) => (right[axis] ? 1 : dim)).slice(drop),
    ] as const;
    return swapped ? ([pair[1], pair[0]] as const) : pair;
  });
const declared = fc.constantFrom('shapes' as const, 'ranks' as const, 'nothing' as const);

/** Operators over two operands that broadcast; MatMul gets the shapes as stacks, Expand the second one as its target. */
const overPairs: Readonly<Record<string, (a: readonly number[], b: readonly number[]) => Case>> = {
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Mean'].map((name) => [
      name,
      (a: readonly number[], b: readonly number[]): Case => ({ shapes: [a, b], build: op(name), draw: positive }),
    ]),
  ),
  Where: (a, b) => ({
    shapes: [a, b],
    build: (g, [x, y]) => g.op('Where', [g.op('Less', [x!, y!]), x!, y!]),
  }),
  MatMul: (a, b) => ({
    shapes: [
      [...a, 2, 3],
      [...b, 3, 2],
    ],
    build: op('MatMul'),
  }),
  Expand: (a, b) => ({
    shapes: [a, b],
    wanted: [0],
    build: (g, [x, y]) => g.op('Expand', [x!, g.op('Shape', [y!])]),
  }),
  PRelu: (a, b) => ({
    shapes: [a, b],
    build: (g, [x, slope]) => g.op('PRelu', [g.op('Add', [x!, slope!]), slope!]),
  }),
};

describe('gradients of operands that broadcast', () => {
  for (const [name, build] of Object.entries(overPairs)) {
    it(`${name} sums over whatever axes were stretched`, async () => {
      await fc.assert(
        fc.asyncProperty(shapePair, declared, async ([a, b], known) => {
          expect(await worstError(build(a, b), known, 7)).toBeLessThanOrEqual(WITHIN);
        }),
        { seed: 5, numRuns: 12 },
      );
    });
  }
});
