// Useful tokens/s of train() on a 2 × 128 encoder, and where a step's time goes: node bench/suites/training-speed.js
import { availableParallelism, cpus, loadavg } from 'node:os';
import { createRng } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { buildBertClassifier, buildTrainingStep, classification, train } from '@slm-compress/trainer';
import { resolveOptimizer } from '../../packages/trainer/dist/optimizer.js';
import { openOptimizerState } from '../../packages/trainer/dist/optimizer-state.js';
import { createFeeds, maskBytes, reserveMasks } from '../../packages/trainer/dist/shard-feeds.js';

const [BATCH, LENGTH, SHARDS, STEPS] = [32, 128, 4, Number(process.argv[2] ?? 30)];
const tokenBudget = BATCH * LENGTH;
const config = {
  vocabSize: 8000,
  hiddenSize: 128,
  layers: 2,
  heads: 2,
  headSize: 64,
  intermediateSize: 512,
  maxPositions: 128,
  labels: ['a', 'b'],
  dropout: 0.1,
  pooling: 'mean',
};
const rng = createRng(1);
const model = buildBertClassifier(config, { rng });
const makeData = (count) => ({
  ids: Array.from({ length: count }, () => Int32Array.from({ length: LENGTH }, () => rng.integer(8000))),
  labels: Int32Array.from({ length: count }, () => rng.integer(2)),
});
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const data = makeData(BATCH * STEPS);
const task = classification({ loss: { kind: 'cross-entropy' }, train: data, validation: makeData(8) });
console.log(
  `${cpus()[0].model}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}, node ${process.version}`,
);

for (const workers of [1, 2, 1, 2]) {
  const shared = { model, task, openPool };
  const times = [];
  let last = 0;
  for await (const event of train({ ...shared, workers, epochs: 1, tokenBudget, learningRate: 1e-3, seed: 1 })) {
    if (event.kind !== 'step') continue;
    if (event.step > 3) times.push(performance.now() - last);
    last = performance.now();
  }
  const ms = median(times);
  console.log(
    `train, ${workers} workers: ${Math.round((tokenBudget * 1000) / ms)} tokens/s (median step ${ms.toFixed(1)} ms, n ${times.length})`,
  );
}

// The same step by parts, one worker, nothing overlapped.
const step = buildTrainingStep(model, task, { dropout: 0.1 });
const { state, reserved: masks } = openOptimizerState(step, model.graph.initializers, {
  rows: tokenBudget,
  optimizer: resolveOptimizer({ kind: 'adamw' }),
  settings: new Map(
    step.parameters.map(({ name, dims }) => [
      name,
      { frozen: false, learningRateScale: 1, weightDecay: dims.length > 1 ? 0.01 : 0 },
    ]),
  ),
  reserve: (plan) => reserveMasks(plan, maskBytes(step, tokenBudget, SHARDS)),
});
const feeds = createFeeds({ step, examples: task.train, shards: SHARDS, seed: 1, arena: state.arena, masks });
const parts = { feeds: [], session: [], accumulate: [], norm: [], adamw: [] };
const timed = async (name, body) => {
  const begun = performance.now();
  const made = await body();
  parts[name].push(performance.now() - begun);
  return made;
};
const engine = await openPool(step.model, { workers: 1, memoryPattern: false });
for (let at = 0; at < STEPS; at++) {
  const batch = Array.from({ length: BATCH }, (_, i) => at * BATCH + i);
  const shards = await timed('feeds', () => feeds.withMasks(feeds.prepare([batch], at).parts[0], at));
  const made = await timed('session', () =>
    Promise.all(shards.map((shard) => engine.run({ ...shard, ...state.weights }))),
  );
  await timed('accumulate', () => {
    state.clear();
    for (const [i, run] of made.entries()) state.accumulate(run, shards[i]);
  });
  const norm = await timed('norm', () => state.norm());
  await timed('adamw', () => state.update(at + 1, 1e-3, Math.min(1, 1 / norm)));
}
await engine[Symbol.asyncDispose]();
const medians = Object.entries(parts).map(([name, values]) => [name, median(values)]);
const sum = medians.reduce((total, [, ms]) => total + ms, 0);
for (const [name, ms] of medians) console.log(`  ${name}: ${ms.toFixed(2)} ms (${((100 * ms) / sum).toFixed(1)} %)`);
