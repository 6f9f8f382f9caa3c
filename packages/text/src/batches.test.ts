import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { batchByLength, padBatch } from './batches.ts';

describe('batchByLength', () => {
  const rng = createRng(2);
  const lengths = Array.from({ length: 1000 }, () => 3 + rng.integer(250));

  it('has every text once, within budget and count', () => {
    for (const padToMultiple of [1, 8, 64]) {
      const batches = batchByLength(lengths, { tokenBudget: 2048, maxBatch: 20, padToMultiple, rng: createRng(1) });
      expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
      for (const batch of batches) {
        const longest = Math.ceil(Math.max(...batch.map((i) => lengths[i]!)) / padToMultiple) * padToMultiple;
        expect(longest * batch.length).toBeLessThanOrEqual(2048);
        expect(batch.length).toBeLessThanOrEqual(20);
      }
    }
  });

  it('wastes little on padding, in shuffled order', () => {
    const batches = batchByLength(lengths, { tokenBudget: 4096, rng: createRng(1) });
    const longest = batches.map((batch) => Math.max(...batch.map((i) => lengths[i]!)));
    const padded = batches.reduce((total, batch, b) => total + batch.length * longest[b]!, 0);
    expect(lengths.reduce((a, b) => a + b, 0) / padded).toBeGreaterThan(0.95);
    expect(longest).not.toEqual([...longest].sort((a, b) => a - b));
  });

  it('repeats with the same generator state and differs with another', () => {
    const run = (seed: number) => batchByLength(lengths, { tokenBudget: 1024, rng: createRng(seed) });
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
    expect(batchByLength([], { tokenBudget: 1, rng: createRng(1) })).toEqual([]);
  });

  it('refuses a text over the budget and senseless bounds', () => {
    const error = expect.objectContaining({ code: 'BATCH_OPTION' });
    expect(() => batchByLength([5, 9], { tokenBudget: 8, rng: createRng(1) })).toThrow(error);
    expect(() => batchByLength([5], { tokenBudget: 0, rng: createRng(1) })).toThrow(error);
    expect(() => batchByLength([5], { tokenBudget: 8, maxBatch: 1.5, rng: createRng(1) })).toThrow(error);
  });
});

describe('padBatch', () => {
  const rows = [Int32Array.of(2, 9, 3), Int32Array.of(2, 3)];

  it('pads on the right and masks', () => {
    expect(padBatch(rows, { padId: 7 })).toEqual({
      inputIds: { type: 'int64', dims: [2, 3], data: BigInt64Array.of(2n, 9n, 3n, 2n, 3n, 7n) },
      attentionMask: { type: 'int64', dims: [2, 3], data: BigInt64Array.of(1n, 1n, 1n, 1n, 1n, 0n) },
      tokens: 5,
    });
    expect(padBatch(rows, { padId: 0, length: 4 }).inputIds.dims).toEqual([2, 4]);
  });

  it('pads on the left with positions, and to a multiple', () => {
    const left = padBatch(rows, { padId: 7, side: 'left', toMultiple: 4 });
    expect(left.inputIds).toEqual({
      type: 'int64',
      dims: [2, 4],
      data: BigInt64Array.of(7n, 2n, 9n, 3n, 7n, 7n, 2n, 3n),
    });
    expect(left.attentionMask.data).toEqual(BigInt64Array.of(0n, 1n, 1n, 1n, 0n, 0n, 1n, 1n));
    expect(left.positionIds?.data).toEqual(BigInt64Array.of(0n, 0n, 1n, 2n, 0n, 0n, 0n, 1n));
    expect(padBatch(rows, { padId: 7, toMultiple: 3 }).inputIds.dims).toEqual([2, 3]);
  });

  it('refuses a row longer than the length, and senseless multiples', () => {
    const error = expect.objectContaining({ code: 'BATCH_OPTION' });
    expect(() => padBatch(rows, { padId: 0, length: 2 })).toThrow(error);
    expect(() => padBatch(rows, { padId: 0, toMultiple: 0 })).toThrow(error);
    expect(() => padBatch(rows, { padId: 0, toMultiple: 8, length: 8 })).toThrow(error);
  });
});
