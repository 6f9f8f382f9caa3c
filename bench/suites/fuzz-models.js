// Mutated model files through the whole of packages/onnx, in child processes that may die:
//
//     npx tsc -b packages/onnx && node bench/suites/fuzz-models.js [--files 200000] [--seeds DIR] [--seed 1] [--from 0] [--out DIR]
//
// File i is made of --seed and i alone, so a failure comes again with `--from i --files 1`. Allowed are an SlmError and a
// model that is equal after writing and reading; any other error, more than 1 s of processor time, more than 1 GB of
// memory and a dead process are failures: their bytes are kept in --out, and the exit code is 1.
import { fork } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRng } from '@slm-compress/onnx';
import { encodeMessage } from '../../packages/onnx/dist/io/message.js';
import { exerciseModel } from '../../packages/onnx/dist/testing/exercise-model.js';
import { mutateModel } from '../../packages/onnx/dist/testing/mutate-model.js';
import { randomMessage } from '../../packages/onnx/dist/testing/random-message.js';

const LIMIT_MS = 1000;
const LIMIT_BYTES = 1e9;
/** Wall time after which a child counts as hanging, however busy the machine is. */
const WALL_MS = 30_000;
const SEED_BYTES = 40 * 1024;
/** Files of one process. */
const BATCH = 5000;
const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '200000' },
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    out: { type: 'string', default: path.join(tmpdir(), 'fuzz-models') },
  },
});
const [first, end] = [Number(values.from), Number(values.from) + Number(values.files)];
const seeds = readSeeds();
if (process.send === undefined) await supervise();
else run();

/** The model that file i is. */
function makeFile(i) {
  const rng = createRng(`${values.seed}/${i}`);
  const pick = () => seeds[rng.integer(seeds.length)];
  return mutateModel(pick(), pick(), rng);
}

/** Committed models, 60 random messages with every field of the schema, and the small models below --seeds. */
function readSeeds() {
  const goldens = fileURLToPath(new URL('../../packages/onnx/goldens', import.meta.url));
  const files = [goldens, ...(values.seeds === undefined ? [] : [values.seeds])]
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)))
    .filter((file) => file.endsWith('.onnx') && statSync(file).size <= SEED_BYTES)
    .sort();
  const rng = createRng(1);
  const random = Array.from({ length: 60 }, () => encodeMessage('ModelProto', randomMessage('ModelProto', rng)));
  return [...files.map((file) => new Uint8Array(readFileSync(file))), ...random];
}

/** Milliseconds that this process has worked. */
function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A child: goes through its files, telling in the state file which one it is at. */
function run() {
  const state = openSync(process.env.FUZZ_STATE, 'w');
  const tally = { refused: 0, invalid: 0, valid: 0 };
  let slowest = 0;
  const fail = (i, why) => process.send({ failed: i, why });
  for (let i = Number(process.env.FUZZ_AT); i < end; i++) {
    const bytes = makeFile(i);
    writeSync(state, `${i}\n`.padEnd(16), 0);
    let why;
    let ms = 0;
    // Wall time first, which is cheap to take; a file that seems slow is tried again by processor time.
    for (const clock of [() => performance.now(), processorTime]) {
      const before = clock();
      try {
        const outcome = exerciseModel(bytes);
        if (clock !== processorTime) tally[outcome]++;
      } catch (error) {
        why = error instanceof Error ? `${error.stack}` : String(error);
      }
      ms = clock() - before;
      if (ms <= LIMIT_MS || why !== undefined) break;
    }
    slowest = Math.max(slowest, ms);
    const rss = process.memoryUsage.rss();
    if (why !== undefined) fail(i, why);
    else if (ms > LIMIT_MS) fail(i, `${Math.round(ms)} ms of processor time`);
    else if (rss > LIMIT_BYTES) fail(i, `${Math.round(rss / 1e6)} MB of memory`);
    if ((i + 1) % BATCH === 0 || i === end - 1 || rss > LIMIT_BYTES) {
      // A new process every so often, so that memory is that of few files.
      const peak = Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
      if (peak > LIMIT_BYTES && rss <= LIMIT_BYTES)
        fail(i, `a peak of ${Math.round(peak / 1e6)} MB within the last files`);
      process.send({ done: i + 1, tally, slowest, peak }, () => process.exit(0));
      break;
    }
  }
  closeSync(state);
}

async function supervise() {
  const stateFile = path.join(tmpdir(), `fuzz-state-${process.pid}`);
  const total = { refused: 0, invalid: 0, valid: 0 };
  const failures = new Map();
  let [slowest, highest] = [0, 0];
  const note = (i, why) => {
    mkdirSync(values.out, { recursive: true });
    writeFileSync(path.join(values.out, `${values.seed}-${i}.onnx`), makeFile(i));
    writeFileSync(path.join(values.out, `${values.seed}-${i}.txt`), why);
    failures.set(i, why);
    console.log(`file ${i}: ${why.split('\n').slice(0, 4).join(' ')}`);
  };
  const start = performance.now();
  for (let at = first; at < end; ) {
    const made = await oneChild(at, stateFile, note);
    for (const key of Object.keys(total)) total[key] += made.tally?.[key] ?? 0;
    slowest = Math.max(slowest, made.slowest ?? 0);
    highest = Math.max(highest, made.peak ?? 0);
    at = made.done;
    const rate = (at - first) / ((performance.now() - start) / 1000);
    if (at % 10_000 === 0) console.log(`${at} of ${end}: ${failures.size} failures, ${rate.toFixed(0)} files/s`);
  }
  rmSync(stateFile, { force: true });
  const { refused, invalid, valid } = total;
  console.log(
    `${end - first} files from ${seeds.length} seeds: ${refused} refused, ${invalid} not well formed, ${valid} valid, ` +
      `${failures.size} failures; slowest ${slowest.toFixed(0)} ms, peak ${(highest / 2 ** 20).toFixed(0)} MiB`,
  );
  if (failures.size > 0) {
    console.log(`failures are in ${values.out}`);
    process.exitCode = 1;
  }
}

/** Runs a child from file `at` on; resolves with what it did and where to go on. */
function oneChild(at, stateFile, note) {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
      env: { ...process.env, FUZZ_STATE: stateFile, FUZZ_AT: String(at) },
      execArgv: ['--max-old-space-size=900'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let [made, errors, seen, since, late] = [undefined, '', -1, Date.now(), false];
    child.stderr.on('data', (text) => {
      errors = `${errors}${text}`.slice(-2000);
    });
    const watch = setInterval(() => {
      const now = position(stateFile, at);
      if (now !== seen) [seen, since] = [now, Date.now()];
      else if (Date.now() - since > WALL_MS) {
        late = true;
        child.kill('SIGKILL');
      }
    }, 500);
    child.on('message', (message) => {
      if (message.failed === undefined) made = message;
      else note(message.failed, message.why);
    });
    child.on('close', (code, signal) => {
      clearInterval(watch);
      if (made !== undefined) return resolve(made);
      const dead = position(stateFile, at);
      note(dead, late ? `hung for ${WALL_MS} ms` : `the process died: ${signal ?? code} ${errors}`);
      resolve({ done: dead + 1 });
    });
  });
}

function position(stateFile, at) {
  try {
    return Math.max(at, Number(readFileSync(stateFile, 'utf8').split('\n')[0]));
  } catch {
    return at;
  }
}
