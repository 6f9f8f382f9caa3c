// A small training for the tests: which of two keywords does a sequence hold? As a program (FOLDER WORKERS) it trains
// with checkpoints in FOLDER, printing a line per event, and may be killed at any time.
import { createRng } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { buildBertClassifier, classification, train } from '../dist/index.js';

function makeData(rng, count) {
  const labels = Int32Array.from({ length: count }, () => rng.integer(2));
  const ids = Array.from(labels, (label) => {
    const row = Int32Array.from({ length: 5 + rng.integer(16) }, () => 10 + rng.integer(90));
    row[0] = 1;
    row[1 + rng.integer(row.length - 1)] = label ? 5 : 6;
    return row;
  });
  return { ids, labels };
}

/** The examples: `{ids, labels}` of both splits. */
export function keywordData() {
  const rng = createRng(3);
  return { train: makeData(rng.fork('train'), 400), validation: makeData(rng.fork('validation'), 100) };
}

export function keywordTraining(overrides = {}, taskOverrides = {}) {
  const config = {
    vocabSize: 100,
    hiddenSize: 24,
    layers: 2,
    heads: 2,
    headSize: 12,
    intermediateSize: 48,
    maxPositions: 24,
    labels: ['a', 'b'],
    dropout: 0.1,
    pooling: 'mean',
  };
  return {
    model: buildBertClassifier(config, { rng: createRng(1) }),
    task: classification({ loss: { kind: 'cross-entropy' }, ...keywordData(), ...taskOverrides }),
    openPool,
    workers: 1,
    epochs: 4,
    tokenBudget: 512,
    learningRate: 4e-3,
    seed: 5,
    checkpointEverySteps: 3,
    ...overrides,
  };
}

if (process.argv[1]?.endsWith('keyword-training.js')) {
  const [, , checkpointDir, workers] = process.argv;
  for await (const event of train(keywordTraining({ checkpointDir, workers: Number(workers) }))) {
    process.stdout.write(`${event.kind} ${event.step ?? event.epoch}\n`);
  }
}
