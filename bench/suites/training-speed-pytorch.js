// Tokens a second and peak memory of train() beside PyTorch's, for encoder classifiers of equal shape, batches and threads:
//
//     npx tsc -b && node packages/trainer/build-kernels.js
//     node bench/suites/training-speed-pytorch.js PYTHON [--shapes 2x128,minilm] [--pooling mean,cls] [--threads 1] [--rounds 9] [--seconds 6]
//
// PYTHON has torch and transformers (bench/peers/training-speed.py). Both processes train all the time; one is halted while the
// other runs, in turn, so that both meet the same machine. A round's figure is the median of its steps but the first; the
// ratio is ours / theirs of a round, its median with the lowest and the highest. A step is the whole of it: batch, forward,
// backward, clipping, AdamW. Theirs runs with scaled_dot_product_attention, and once more with `eager` attention. Under `mean`
// pooling both sides compute all of every layer; under `cls` ours computes just the first token of the last one, which is all
// that is read.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fingerprint } from '@slm-compress/bench';
import { createRng } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { buildBertClassifier, classification, train } from '@slm-compress/trainer';

const shapes = {
  '2x128': { layers: 2, hiddenSize: 128, heads: 2, intermediateSize: 512, vocabSize: 8000 },
  minilm: { layers: 6, hiddenSize: 384, heads: 12, intermediateSize: 1536, vocabSize: 30_522 },
};
const [BATCH, LENGTH] = [32, 128];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shapes: { type: 'string', default: '2x128,minilm' },
    attention: { type: 'string', default: 'sdpa,eager' },
    pooling: { type: 'string', default: 'mean,cls' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '6' },
    ours: { type: 'string' },
  },
});

if (values.ours !== undefined) await trainForEver(JSON.parse(values.ours));
else await compare();

async function compare() {
  const machine = fingerprint();
  console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage[0]}, node ${machine.node}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'training-speed-'));
  try {
    for (const name of values.shapes.split(',')) {
      for (const pooling of values.pooling.split(',')) {
        for (const attention of values.attention.split(',')) await compareShape(name, pooling, attention, folder);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function compareShape(name, pooling, attention, folder) {
  const shape = shapes[name];
  const threads = Number(values.threads);
  const file = path.join(folder, `${name}.json`);
  const config = {
    vocab_size: shape.vocabSize,
    hidden_size: shape.hiddenSize,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.intermediateSize,
    max_position_embeddings: LENGTH,
    attention_probs_dropout_prob: 0,
  };
  writeFileSync(file, JSON.stringify({ config, batch: BATCH, length: LENGTH, threads, attention, pooling }));
  const peer = path.join(import.meta.dirname, '..', 'peers', 'training-speed.py');
  const sides = {
    ours: start(process.execPath, [import.meta.filename, '--ours', JSON.stringify({ shape, threads, pooling })]),
    theirs: start(positionals[0] ?? 'python3', [peer, file]),
  };
  const rounds = { ours: [], theirs: [] };
  try {
    for (const side of Object.values(sides)) await side.upTo(3, 180);
    for (const side of Object.values(sides)) side.halt();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const key of round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']) {
        rounds[key].push((BATCH * LENGTH) / (await sides[key].round(Number(values.seconds))));
      }
    }
    const ratios = rounds.ours.map((speed, round) => speed / rounds.theirs[round]).sort((a, b) => a - b);
    const [ours, theirs] = [sides.ours.peakMegabytes(), sides.theirs.peakMegabytes()];
    console.log(
      `${name} ${pooling}, ${threads} thread(s), torch ${sides.theirs.header.torch} ${attention}: ours ${Math.round(median(rounds.ours))} tokens/s, ` +
        `theirs ${Math.round(median(rounds.theirs))}, ratio ${median(ratios).toFixed(2)} ` +
        `[${ratios[0].toFixed(2)}, ${ratios.at(-1).toFixed(2)}]; peak memory ${ours} / ${theirs} MB = ${(ours / theirs).toFixed(2)}`,
    );
  } finally {
    for (const side of Object.values(sides)) side.kill();
  }
}

/** A process that prints a line of JSON for every step. */
function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const steps = [];
  const side = {
    header: {},
    halt: () => child.kill('SIGSTOP'),
    kill: () => child.kill('SIGKILL'),
    /** Waits until so many steps were made. */
    async upTo(count, limit) {
      const end = Date.now() + 1000 * limit;
      while (steps.length < count) {
        if (Date.now() > end || child.exitCode !== null)
          throw new Error(`${command}: expected ${count} steps, got ${steps.length}`);
        await sleep(50);
      }
    },
    /** Lets it run and gives the median seconds of the steps that began meanwhile. */
    async round(seconds) {
      const before = steps.length;
      child.kill('SIGCONT');
      await sleep(1000 * seconds);
      await side.upTo(before + 3, 120);
      side.halt();
      return median(steps.slice(before + 1));
    },
    peakMegabytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024);
    },
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    const read = JSON.parse(line);
    if (read.seconds === undefined) side.header = read;
    else steps.push(read.seconds);
  });
  return side;
}

async function trainForEver({ shape, threads, pooling }) {
  const rng = createRng(1);
  const { hiddenSize, heads } = shape;
  const labels = ['a', 'b'];
  const config = { ...shape, headSize: hiddenSize / heads, maxPositions: LENGTH, labels, dropout: 0.1, pooling };
  const model = buildBertClassifier(config, { rng });
  const makeData = (count) => ({
    ids: Array.from({ length: count }, () => Int32Array.from({ length: LENGTH }, () => rng.integer(shape.vocabSize))),
    labels: Int32Array.from({ length: count }, () => rng.integer(2)),
  });
  const task = classification({
    loss: { kind: 'cross-entropy' },
    train: makeData(BATCH * 200),
    validation: makeData(8),
  });
  const options = { model, task, openPool, workers: threads, epochs: 1000, tokenBudget: BATCH * LENGTH };
  let last = performance.now();
  for await (const event of train({ ...options, learningRate: 1e-4, dropout: 0.1, seed: 1 })) {
    if (event.kind !== 'step') continue;
    console.log(JSON.stringify({ seconds: (performance.now() - last) / 1000, loss: event.loss }));
    last = performance.now();
  }
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
