import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IGNORED_LABEL } from './ignored-label.ts';
import { packBlock, packSequences, planPacking, segmentMask } from './pack.ts';

const error = expect.objectContaining({ code: 'BATCH_OPTION' });
/** Rows whose ids tell example and place: example · 1000 + place + 1. */
const rowsOf = (lengths: readonly number[]) =>
  lengths.map((length, example) => Int32Array.from({ length }, (_, i) => example * 1000 + i + 1));

describe('planPacking', () => {
  it('has every token once, whole examples in one piece and blocks within their length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(60), { maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 20 }),
        (lengths, blockLength, lookAhead) => {
          const plan = planPacking(lengths, { blockLength, lookAhead });
          expect(planPacking(lengths, { blockLength, lookAhead })).toEqual(plan);
          const seen = lengths.map((length) => new Uint8Array(length));
          const piecesOf = lengths.map(() => 0);
          for (const block of plan.blocks) {
            const sizes = block.map(({ length }) => length);
            expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(blockLength);
            for (const { example, start, length } of block) {
              piecesOf[example]!++;
              for (let i = start; i < start + length; i++) seen[example]![i]!++;
            }
          }
          expect(seen.every((row) => row.every((times) => times === 1))).toBe(true);
          expect(piecesOf).toEqual(lengths.map((length) => Math.ceil(length / blockLength)));
          const tokens = lengths.reduce((a, b) => a + b, 0);
          expect(plan.tokens).toBe(tokens);
          expect(plan.utilisation).toBeCloseTo(tokens === 0 ? 1 : tokens / (plan.blocks.length * blockLength), 12);
        },
      ),
    );
  });

  it('lets no example wait for more blocks than there are examples before it', () => {
    const lengths = Array.from({ length: 200 }, (_, i) => (i === 5 ? 100 : 30));
    const { blocks } = planPacking(lengths, { blockLength: 100, lookAhead: 16 });
    expect(blocks.findIndex((block) => block.some(({ example }) => example === 5))).toBeLessThanOrEqual(5);
  });

  it('fills blocks better the further it looks', () => {
    const lengths = Array.from({ length: 3000 }, (_, i) => 20 + ((i * 7919) % 400));
    const [one, near, far] = [1, 8, 64].map((lookAhead) => planPacking(lengths, { blockLength: 512, lookAhead }));
    expect(near!.utilisation).toBeGreaterThan(one!.utilisation);
    expect(far!.utilisation).toBeGreaterThan(near!.utilisation);
    expect(far!.utilisation).toBeGreaterThan(0.97);
  });

  it('refuses senseless bounds and lengths, and long examples when asked to', () => {
    expect(() => planPacking([1], { blockLength: 0 })).toThrow(error);
    expect(() => planPacking([1], { blockLength: 8, lookAhead: 1.5 })).toThrow(error);
    expect(() => planPacking([-1], { blockLength: 8 })).toThrow(error);
    expect(() => planPacking([9], { blockLength: 8, longer: 'error' })).toThrow(error);
  });
});

describe('packSequences', () => {
  it('writes ids, positions, segments, labels and cumulative lengths', () => {
    const { blocks, utilisation } = packSequences(rowsOf([3, 4, 2]), { blockLength: 6, padId: 9 });
    expect(utilisation).toBe(0.75);
    expect(blocks[0]).toEqual({
      inputIds: Int32Array.of(1, 2, 3, 2001, 2002, 9),
      positionIds: Int32Array.of(0, 1, 2, 0, 1, 0),
      segmentIds: Int32Array.of(1, 1, 1, 2, 2, 0),
      labels: Int32Array.of(IGNORED_LABEL, 2, 3, IGNORED_LABEL, 2002, IGNORED_LABEL),
      cumulativeLengths: Int32Array.of(0, 3, 5),
    });
  });

  it('takes labels of its own, and drops the first of each piece', () => {
    const labels = [Int32Array.of(1, IGNORED_LABEL, 3), Int32Array.of(7, 8)];
    const { blocks } = packSequences(rowsOf([3, 2]), { blockLength: 5, padId: 0, labels });
    expect(blocks[0]!.labels).toEqual(Int32Array.of(IGNORED_LABEL, IGNORED_LABEL, 3, IGNORED_LABEL, 8));
    expect(() => packSequences(rowsOf([3]), { blockLength: 5, padId: 0, labels: [Int32Array.of(1)] })).toThrow(error);
    const beyond = [{ example: 0, start: 2, length: 2 }];
    expect(() => packBlock(beyond, rowsOf([3]), { blockLength: 5, padId: 0 })).toThrow(error);
  });

  it('lets no token attend to another example', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (sizes, causal) => {
          const { blocks } = packSequences(rowsOf(sizes), { blockLength: 12, padId: 0 });
          const { dims, data } = segmentMask(blocks, { causal });
          expect(dims).toEqual([blocks.length, 1, 12, 12]);
          const exampleOf = (block: (typeof blocks)[number], i: number) =>
            block.segmentIds[i] === 0 ? -1 - i : Math.floor((block.inputIds[i]! - 1) / 1000);
          blocks.forEach((block, b) => {
            for (let q = 0; q < 12; q++) {
              for (let k = 0; k < 12; k++) {
                const may = exampleOf(block, q) === exampleOf(block, k) && (!causal || k <= q);
                expect(data[(b * 12 + q) * 12 + k]).toBe(may ? 1 : 0);
              }
            }
          });
        },
      ),
      { numRuns: 30 },
    );
  });
});
