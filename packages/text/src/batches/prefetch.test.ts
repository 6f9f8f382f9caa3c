import { execFileSync } from 'node:child_process';
import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { batchByLength } from '../batches.ts';
import { type BatchJob, batchMaker, type PackJob, type PadJob, type ReadyBatch } from './batch-job.ts';
import { IGNORED_LABEL } from './ignored-label.ts';
import { planPacking } from './pack.ts';
import { prefetchBatches } from './prefetch.ts';
import { shareTokens, storedLengths, storedRow } from './token-store.ts';

const rng = createRng(1);
const rows = Array.from({ length: 60 }, () =>
  Int32Array.from({ length: 1 + rng.integer(30) }, () => 5 + rng.integer(95)),
);
const labels = rows.map((row) => row.map((id, i) => (i % 2 ? id : IGNORED_LABEL)));
const plain = shareTokens(rows);
const labelled = shareTokens(rows, labels);
const lengths = storedLengths(plain);
const pad: PadJob = {
  kind: 'pad',
  batches: batchByLength(lengths, { tokenBudget: 200, rng }),
  pad: { padId: 0, side: 'left', toMultiple: 8 },
};
const mask: PadJob = { ...pad, mask: { vocabularySize: 100, maskId: 4, specialIds: [0, 1, 2, 3], seed: 3 } };
const { blocks } = planPacking(lengths, { blockLength: 32 });
const pack: PackJob = {
  kind: 'pack',
  batches: Array.from({ length: Math.ceil(blocks.length / 3) }, (_, i) => blocks.slice(3 * i, 3 * i + 3)),
  blockLength: 32,
  padId: 0,
};

async function all(batches: AsyncIterable<ReadyBatch>): Promise<ReadyBatch[]> {
  const list: ReadyBatch[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
}

describe('batchMaker', () => {
  it('gives every token of the store once, with its label', () => {
    for (const job of [pad, pack]) {
      const made = job.batches.map((_, step) => batchMaker(labelled, job)(step));
      const kept = made.flatMap(({ tensors }) => {
        const attended = tensors.attention_mask!.data as BigInt64Array;
        const [ids, targets] = [tensors.input_ids!, tensors.labels!].map(({ data }) => [...(data as BigInt64Array)]);
        ids!.forEach((id, i) => {
          const ignored = targets![i] === BigInt(IGNORED_LABEL);
          expect(ignored || (attended[i] === 1n && targets![i] === id)).toBe(true);
        });
        return ids!.filter((_, i) => attended[i] === 1n).map(Number);
      });
      expect(kept.sort((a, b) => a - b)).toEqual(rows.flatMap((row) => [...row]).sort((a, b) => a - b));
      expect(made.reduce((total, { tokens }) => total + tokens, 0)).toBe(kept.length);
    }
  });

  it('names the feeds of each kind', () => {
    const names = (store: typeof plain, job: BatchJob) => Object.keys(batchMaker(store, job)(0).tensors).sort();
    expect(names(plain, { ...pad, pad: { padId: 0 } })).toEqual(['attention_mask', 'input_ids']);
    expect(names(plain, mask)).toEqual(['attention_mask', 'input_ids', 'labels', 'position_ids']);
    expect(names(plain, pack)).toEqual(['attention_mask', 'input_ids', 'labels', 'position_ids', 'segment_ids']);
  });

  it('refuses labels of other lengths, and rows and steps that are not there', () => {
    const error = expect.objectContaining({ code: 'BATCH_OPTION' });
    expect(() => shareTokens(rows, labels.slice(1))).toThrow(error);
    expect(() => storedRow(plain, 'labels', 0)).toThrow(error);
    expect(() => storedRow(plain, 'ids', 60)).toThrow(error);
    expect(() => batchMaker(plain, pad)(pad.batches.length)).toThrow(error);
  });
});

describe('prefetchBatches', () => {
  it.each([
    ['labelled', labelled, pad],
    ['packed', labelled, pack],
  ])('gives %s batches as they are made here, in order', async (_, store, job) => {
    const make = batchMaker(store, job);
    expect(await all(prefetchBatches(store, job, { capacity: 2 }))).toEqual(job.batches.map((__, step) => make(step)));
  });

  it('goes on from a step as if it had never stopped', async () => {
    const make = batchMaker(plain, mask);
    const steps = mask.batches.map((_, step) => step).slice(2);
    expect(await all(prefetchBatches(plain, mask, { firstStep: 2 }))).toEqual(steps.map((step) => make(step)));
    expect(await all(prefetchBatches(plain, mask, { firstStep: mask.batches.length }))).toEqual([]);
  });

  it('never makes more than its capacity ahead', async () => {
    const store = shareTokens([Int32Array.of(7)]);
    const repeated: PadJob = { kind: 'pad', batches: Array(40).fill([0]), pad: { padId: 0 } };
    const batches = prefetchBatches(store, repeated, { capacity: 3 });
    await batches.next();
    // Time enough for the thread to have made everything, had it not stopped.
    await all(prefetchBatches(store, repeated));
    store.ids[0] = 8;
    const rest = await all(batches);
    const made = rest.filter(({ step }) => step > 3).map(({ tensors }) => Number(tensors.input_ids!.data[0]));
    expect(made).toEqual(Array(36).fill(8));
  });

  it('gives what was made before a broken batch, then its error', async () => {
    const broken: PadJob = { ...pad, batches: [...Array(5).fill([0]), [99]] };
    const taken: number[] = [];
    await expect(
      (async () => {
        for await (const { step } of prefetchBatches(plain, broken, { capacity: 2 })) taken.push(step);
      })(),
    ).rejects.toMatchObject({ name: 'SlmError', code: 'BATCH_OPTION', message: expect.stringContaining('example 99') });
    expect(taken).toEqual([0, 1, 2, 3, 4]);
  });

  it('carries an error of the options across the thread', async () => {
    const wrong: PadJob = { ...mask, mask: { ...mask.mask!, probability: 2 } };
    await expect(all(prefetchBatches(plain, wrong))).rejects.toMatchObject({ code: 'BATCH_OPTION' });
    await expect(all(prefetchBatches(plain, pad, { capacity: 0 }))).rejects.toMatchObject({ code: 'BATCH_OPTION' });
  });

  it('stops when it is aborted: before, while waiting, and between batches', async () => {
    const aborted = { code: 'ABORTED', cause: 'enough' };
    await expect(all(prefetchBatches(plain, pad, { signal: AbortSignal.abort('enough') }))).rejects.toMatchObject(
      aborted,
    );
    const waiting = new AbortController();
    const first = prefetchBatches(plain, pad, { signal: waiting.signal }).next();
    waiting.abort('enough');
    await expect(first).rejects.toMatchObject(aborted);
    const between = new AbortController();
    const batches = prefetchBatches(plain, pad, { signal: between.signal });
    await batches.next();
    between.abort('enough');
    await expect(batches.next()).rejects.toMatchObject(aborted);
    expect(await batches.next()).toEqual({ done: true, value: undefined });
  });

  it('says so when the thread dies', async () => {
    process.once('worker', (worker) => worker.terminate());
    await expect(all(prefetchBatches(plain, pad))).rejects.toMatchObject({ code: 'BATCH_WORKER' });
    const poisoned = { ...plain, offsets: undefined } as unknown as typeof plain;
    await expect(all(prefetchBatches(poisoned, pad))).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('ends its thread when the loop is left, and lets a process end that forgot it', () => {
    const compiled = (name: string) => JSON.stringify(new URL(`../../dist/batches/${name}.js`, import.meta.url).href);
    const script = `
      import { prefetchBatches } from ${compiled('prefetch')};
      import { shareTokens } from ${compiled('token-store')};
      const store = shareTokens([Int32Array.of(1)]);
      const job = { kind: 'pad', batches: Array(100).fill([0]), pad: { padId: 0 } };
      for await (const batch of prefetchBatches(store, job)) if (batch.step === 1) break;
      console.log('left');
      await prefetchBatches(store, job).next();
      console.log('forgotten');
    `;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 50_000 });
    expect(output.toString()).toBe('left\nforgotten\n');
  });
});
