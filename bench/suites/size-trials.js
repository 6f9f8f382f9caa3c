// Trains one classifier per size and seed on a prepared run and prints a line of JSON each, with validation figures
// only: node bench/suites/size-trials.js runs/spam-filter TRIALS.json
//
// TRIALS.json: [{"layers", "hiddenSize", "heads", "intermediateSize", "pooling", "epochs", "learningRate", "dropout",
// "tokenDropout", "weightDecay", "maxLength", "seeds": [1, 2]}, …]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, summarizeModel } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { loadTokenizer, readDataFolder } from '@slm-compress/text';
import { buildBertClassifier, classification, train } from '@slm-compress/trainer';

const [run, trialsFile] = process.argv.slice(2);
if (run === undefined || trialsFile === undefined) {
  console.error('usage: node bench/suites/size-trials.js RUN_FOLDER TRIALS.json');
  process.exit(2);
}
const splits = await readDataFolder(join(run, 'data'));
const tokenizer = await loadTokenizer(join(run, 'tokenizer'));

function encode(name, maxLength) {
  return {
    ids: splits[name].map(({ text }) => tokenizer.encode(text, { maxLength }).ids),
    labels: Int32Array.from(splits[name], ({ label }) => splits.labels.indexOf(label)),
  };
}

for (const { seeds = [1], maxLength = 128, ...trial } of JSON.parse(readFileSync(trialsFile, 'utf8'))) {
  const training = encode('train', maxLength);
  const validation = encode('validation', maxLength);
  for (const seed of seeds) {
    const { layers, hiddenSize, heads, intermediateSize, pooling = 'mean', dropout = 0.1 } = trial;
    const config = {
      vocabSize: tokenizer.vocabSize,
      hiddenSize,
      layers,
      heads,
      headSize: hiddenSize / heads,
      intermediateSize,
      maxPositions: maxLength,
      labels: splits.labels,
      dropout,
      pooling,
      padId: tokenizer.padId,
    };
    const model = buildBertClassifier(config, { rng: createRng(seed).fork('initial-weights') });
    const started = performance.now();
    const epochs = [];
    let steps = 0;
    const events = train({
      model,
      task: classification({
        loss: { kind: 'cross-entropy' },
        train: training,
        validation,
        tokenDropout: trial.tokenDropout ?? 0,
        maskId: tokenizer.maskId,
      }),
      openPool,
      seed,
      epochs: trial.epochs,
      learningRate: trial.learningRate,
      dropout,
      weightDecay: trial.weightDecay ?? 0.01,
      tokenBudget: trial.tokenBudget ?? 4096,
    });
    for await (const event of events) {
      if (event.kind === 'step') steps = event.step;
      if (event.kind === 'validation') epochs.push(event);
    }
    const best = epochs.filter((epoch) => epoch.best).at(-1);
    const points = (value) => Math.round(value * 1e4) / 100;
    console.log(
      JSON.stringify({
        ...trial,
        maxLength,
        seed,
        parameters: summarizeModel(model).parameters,
        steps,
        seconds: Math.round((performance.now() - started) / 1000),
        bestEpoch: best.epoch,
        validationAccuracy: points(best.metrics.accuracy),
        validationLoss: Math.round(best.validationLoss * 1e4) / 1e4,
        history: epochs.map((epoch) => [points(epoch.metrics.accuracy), Math.round(epoch.validationLoss * 1e4) / 1e4]),
      }),
    );
  }
}
