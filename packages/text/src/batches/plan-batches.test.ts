import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { batchMaker, type PackJob, type ReadyBatch } from './batch-job.ts';
import { IGNORED_LABEL } from './ignored-label.ts';
import { type BatchRecipe, epochByLength, planBatches } from './plan-batches.ts';
import { shareTokens, storedLengths, storedRow } from './token-store.ts';

const rng = createRng(4);
/** Specials are 0 to 4; a row begins with 2 and ends with 3. One row is longer than a block. */
const rows = Array.from({ length: 80 }, (_, i) => {
  const length = i === 7 ? 75 : 2 + rng.integer(28);
  return Int32Array.from({ length }, (__, at) => (at === 0 ? 2 : at === length - 1 ? 3 : 5 + rng.integer(95)));
});
const store = shareTokens(rows);
const lengths = storedLengths(store);
const mask = { vocabularySize: 100, maskId: 4, specialIds: [0, 1, 2, 3] };
const recipes: Readonly<Record<string, BatchRecipe>> = {
  length: { batching: { kind: 'length', tokenBudget: 256, padToMultiple: 8 }, padId: 0, epochs: 3, seed: 5 },
  left: { batching: { kind: 'length', tokenBudget: 256, side: 'left' }, padId: 0, epochs: 3, seed: 5, mask },
  pack: { batching: { kind: 'pack', blockLength: 32, blocks: 4 }, padId: 0, epochs: 3, seed: 5 },
  packMasked: { batching: { kind: 'pack', blockLength: 32, blocks: 4 }, padId: 0, epochs: 3, seed: 5, mask },
};
const numbers = ({ tensors }: ReadyBatch, name: string) => [...(tensors[name]!.data as BigInt64Array)].map(Number);

describe.each(Object.entries(recipes))('planBatches, %s', (_, recipe) => {
  const { job, epochSteps } = planBatches(lengths, recipe);
  const starts = epochSteps.map((__, epoch) => epochSteps.slice(0, epoch).reduce((a, b) => a + b, 0));
  const make = batchMaker(store, job);

  it('has every token once an epoch, in another order each', () => {
    expect(epochSteps.length).toBe(3);
    expect(job.batches.length).toBe(epochSteps.reduce((a, b) => a + b));
    const epochs = starts.map((start, epoch) => job.batches.slice(start, start + epochSteps[epoch]!));
    epochs.forEach((batches, epoch) => {
      const tokens = batches.map((__, at) => make(starts[epoch]! + at).tokens);
      expect(tokens.reduce((a, b) => a + b)).toBe(lengths.reduce((a, b) => a + b));
    });
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it('depends on seed, epoch and step alone', () => {
    const again = planBatches(lengths, { ...recipe, epochs: 2 });
    expect(again.epochSteps).toEqual(epochSteps.slice(0, 2));
    expect(again.job.batches).toEqual(job.batches.slice(0, starts[2]));
    const at = starts[1]! + 1;
    expect(batchMaker(store, again.job)(at)).toEqual(make(at));
    expect(planBatches(lengths, { ...recipe, seed: 6 }).job.batches).not.toEqual(job.batches);
  });
});

describe('masked packing', () => {
  const { job } = planBatches(lengths, recipes.packMasked!);
  const plain = batchMaker(store, { ...job, mask: undefined } as unknown as PackJob);
  const make = batchMaker(store, job);

  it('masks words only, names them in place, and changes neither segments nor positions', () => {
    let chosen = 0;
    let firsts = 0;
    job.batches.forEach((__, step) => {
      const [masked, whole] = [make(step), plain(step)];
      for (const name of ['attention_mask', 'position_ids', 'segment_ids']) {
        expect(masked.tensors[name]).toEqual(whole.tensors[name]);
      }
      const [ids, labels, original] = [
        numbers(masked, 'input_ids'),
        numbers(masked, 'labels'),
        numbers(whole, 'input_ids'),
      ];
      const positions = numbers(masked, 'position_ids');
      original.forEach((id, i) => {
        if (labels[i] === IGNORED_LABEL) {
          expect(ids[i]).toBe(id);
          return;
        }
        expect([labels[i], id > 4]).toEqual([id, true]);
        chosen++;
        if (positions[i] === 0) firsts++;
      });
    });
    const words = 3 * rows.reduce((sum, row) => sum + row.filter((id) => id > 4).length, 0);
    expect(chosen / words).toBeGreaterThan(0.1);
    expect(chosen / words).toBeLessThan(0.2);
    // Pieces of the long row begin with a word, which an in-place model predicts.
    expect(firsts).toBeGreaterThan(0);
  });

  it('masks a piece alike wherever its block lies in the step, and pieces of one text apart', () => {
    const pack = job as PackJob;
    const piece = (start: number) => ({ example: 7, start, length: 32 });
    const at = (batch: PackJob['batches'][number]) => batchMaker(store, { ...pack, batches: [batch] })(0);
    const [alone, second] = [at([[piece(0)]]), at([[piece(32)], [piece(0)]])];
    expect(numbers(second, 'labels').slice(32)).toEqual(numbers(alone, 'labels'));
    const chosen = (labels: number[]) => labels.map((label) => label !== IGNORED_LABEL);
    const pieces = at([[piece(0)], [piece(32)]]);
    const labels = numbers(pieces, 'labels');
    expect(chosen(labels.slice(32))).not.toEqual(chosen(labels.slice(0, 32)));
  });
});

it('an epoch by length is what a trainer plans for itself', () => {
  const { job } = planBatches(lengths, recipes.length!);
  const options = { tokenBudget: 256, padToMultiple: 8 };
  expect(epochByLength(lengths, options, { seed: 5, epoch: 0 })).toEqual(
    job.batches.slice(0, planBatches(lengths, recipes.length!).epochSteps[0]),
  );
});

it('refuses senseless bounds, and pieces that are not there', () => {
  const error = expect.objectContaining({ code: 'BATCH_OPTION' });
  const { length, pack } = recipes;
  expect(() => planBatches(lengths, { ...length!, epochs: 0 })).toThrow(error);
  expect(() => planBatches(lengths, { ...pack!, batching: { kind: 'pack', blockLength: 8, blocks: 0 } })).toThrow(
    error,
  );
  expect(() => storedRow(store, 'labels', 0)).toThrow(error);
  const beyond: PackJob = {
    kind: 'pack',
    batches: [[[{ example: 7, start: 70, length: 9 }]]],
    blockLength: 16,
    padId: 0,
  };
  expect(() => batchMaker(store, beyond)(0)).toThrow(error);
});
