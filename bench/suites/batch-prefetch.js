// Does a trainer wait for its batches? Steps of some milliseconds over 40,000 texts of IMDB-like lengths, batches of about
// 8,192 tokens made here between steps, or by prefetchBatches in a worker. A step awaits other threads, as train() awaits its
// engine workers, or keeps this thread busy, as a session of its own would.
//   node bench/suites/batch-prefetch.js [STEPS] [MILLISECONDS]        (100 steps of 20 ms by default)
// Fails when a prefetched batch is not the one made here, or when the median wait is above 1 % of a step that awaits.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { summarize } from '@slm-compress/bench';
import { createRng } from '@slm-compress/onnx';
import {
  batchByLength,
  batchMaker,
  planPacking,
  prefetchBatches,
  shareTokens,
  storedLengths,
} from '@slm-compress/text';

const [steps = 100, stepMs = 20] = process.argv.slice(2).map(Number);
const rng = createRng(1);
const texts = Array.from({ length: 40_000 }, () => {
  const length = Math.min(512, Math.round(Math.exp(5.2 + 0.7 * rng.normal())) + 2);
  return Int32Array.from({ length }, () => 5 + rng.integer(29_995));
});
const store = shareTokens(texts);
const lengths = storedLengths(store);
const { blocks, utilisation } = planPacking(lengths, { blockLength: 1024 });
const cut = (items, size) =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
const batches = batchByLength(lengths, { tokenBudget: 8192, rng }).slice(0, steps);
const pad = { kind: 'pad', batches, pad: { padId: 0 } };
const jobs = {
  padded: pad,
  masked: { ...pad, mask: { vocabularySize: 30_000, maskId: 4, specialIds: [0, 1, 2, 3], seed: 1 } },
  packed: { kind: 'pack', batches: cut(blocks, 8).slice(0, steps), blockLength: 1024, padId: 0 },
};

const trainers = {
  awaiting: () => sleep(stepMs),
  busy: () => {
    const end = performance.now() + stepMs;
    while (performance.now() < end);
  },
};

const ms = (value) => value.toFixed(value < 10 ? 3 : 1);
const report = (name, waits) => {
  const { p50, p90, max, mean, n } = summarize(waits);
  const share = ((100 * mean) / stepMs).toFixed(2);
  console.log(
    `${name.padEnd(18)} wait ms: p50 ${ms(p50)}, p90 ${ms(p90)}, max ${ms(max)}; ${share} % on top of the steps (${n})`,
  );
  return p50;
};

console.log(`steps of ${stepMs} ms; packing fills ${(100 * utilisation).toFixed(2)} % of blocks of 1,024`);
for (const [name, job] of Object.entries(jobs)) {
  const make = batchMaker(store, job);
  const inline = [];
  for (let step = 0; step < job.batches.length; step++) {
    const begun = performance.now();
    make(step);
    inline.push(performance.now() - begun);
    await trainers.awaiting();
  }
  report(`${name}, made here`, inline);

  for (const [kind, train] of Object.entries(trainers)) {
    const waits = [];
    let begun = performance.now();
    for await (const batch of prefetchBatches(store, job)) {
      waits.push(performance.now() - begun);
      if (batch.step % 10 === 0 && !isDeepStrictEqual(batch, make(batch.step))) {
        console.error(`${name}, step ${batch.step}: expected the batch made here`);
        process.exitCode = 1;
      }
      await train();
      begun = performance.now();
    }
    const median = report(`${name}, ${kind}`, waits.slice(1));
    console.log(`${''.padEnd(18)} first batch, with the thread's start: ${ms(waits[0])} ms`);
    if (kind === 'awaiting' && median > 0.01 * stepMs) {
      console.error(`${name}: expected a median wait of at most 1 % of a step, got ${ms(median)} ms`);
      process.exitCode = 1;
    }
  }
}
