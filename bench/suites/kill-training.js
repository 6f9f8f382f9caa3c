// Ends a training (accumulation, dropout, averaged weights, early stopping) by SIGKILL at random moments, goes on from the
// checkpoint, and compares the bytes of the model and the history with those of an undisturbed training:
// node bench/suites/kill-training.js [KILLS]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRng } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { buildBertClassifier, classification, train } from '@slm-compress/trainer';

const script = fileURLToPath(import.meta.url);
if (process.argv[2] === '--child') await trainOnce(process.argv[3]);
else await killMany(Number(process.argv[2] ?? 50));

/** Trains, goes on from what lies in `checkpointDir`, and prints the digest of what was made. */
async function trainOnce(checkpointDir) {
  const config = {
    vocabSize: 500,
    hiddenSize: 32,
    layers: 2,
    heads: 2,
    headSize: 16,
    intermediateSize: 128,
    maxPositions: 64,
    labels: ['a', 'b'],
    dropout: 0.2,
    pooling: 'mean',
  };
  const model = buildBertClassifier(config, { rng: createRng(1) });
  // Half of the labels follow the first token, half are chance: the validation gets better, then worse.
  const makeData = (seed, count) => {
    const rng = createRng(seed);
    const ids = Array.from({ length: count }, () =>
      Int32Array.from({ length: 8 + rng.integer(56) }, () => rng.integer(500)),
    );
    return { ids, labels: Int32Array.from(ids, ([first]) => (rng.integer(2) === 0 ? first % 2 : rng.integer(2))) };
  };
  const training = train({
    model,
    task: classification({ loss: { kind: 'cross-entropy' }, train: makeData(2, 600), validation: makeData(3, 100) }),
    openPool,
    workers: 1,
    epochs: 100,
    learningRate: 2e-3,
    tokenBudget: 1024,
    accumulate: 3,
    averageDecay: 0.9,
    dropout: 0.2,
    patience: 3,
    validateEverySteps: 8,
    checkpointEverySteps: 3,
    seed: 4,
    checkpointDir,
  });
  let resumedAt = 0;
  let planned = 0;
  for (;;) {
    const next = await training.next();
    if (next.done) {
      const { model: made, history, steps } = next.value;
      const hash = createHash('sha256').update(JSON.stringify(history));
      for (const [name, { data }] of made.graph.initializers) {
        hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
      console.log(JSON.stringify({ digest: hash.digest('hex'), steps, planned, resumedAt }));
      return;
    }
    const { kind, step, totalSteps } = next.value;
    if (kind === 'resumed') resumedAt = step;
    planned = totalSteps ?? planned;
  }
}

/** Runs a training until its end or until `killAfterMs`; what it printed, and how long it took. */
async function run(folder, killAfterMs) {
  const begun = performance.now();
  const child = spawn(process.execPath, [script, '--child', folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`training: expected exit code 0, got ${code}`);
  return {
    ms: performance.now() - begun,
    killed: signal === 'SIGKILL',
    made: out === '' ? undefined : JSON.parse(out),
  };
}

async function killMany(kills) {
  const root = mkdtempSync(join(tmpdir(), 'kill-training-'));
  const rng = createRng('kill-training');
  try {
    const whole = await run(join(root, 'whole'));
    console.log(
      `undisturbed: ${(whole.ms / 1000).toFixed(1)} s, ${whole.made.steps} of ${whole.made.planned} steps (early stopping)`,
    );
    let same = 0;
    for (let at = 1; at <= kills; at++) {
      const folder = join(root, String(at));
      // A moment after the end (the machine may be faster now) kills nothing: it is drawn again.
      let cut;
      do {
        rmSync(folder, { recursive: true, force: true });
        cut = await run(folder, rng.uniform() * whole.ms);
      } while (!cut.killed);
      const { made } = await run(folder);
      const equal = made.digest === whole.made.digest;
      same += equal ? 1 : 0;
      console.log(
        `${at}: killed after ${(cut.ms / 1000).toFixed(2)} s, went on from step ${made.resumedAt}: ${equal ? 'same bytes' : 'OTHER BYTES'}`,
      );
      rmSync(folder, { recursive: true, force: true });
    }
    console.log(`same bytes: ${same} of ${kills}`);
    process.exitCode = same === kills ? 0 : 1;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
