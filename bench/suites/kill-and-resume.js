// Runs a recipe, kills it with SIGKILL once in every stage, starts it again, and compares every .onnx file and the
// metrics with those of an undisturbed run: node bench/suites/kill-and-resume.js RECIPE REFERENCE_RUN OUT [WORKERS]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createRng } from '@slm-compress/onnx';

const [recipe, reference, out, workers] = process.argv.slice(2);
if (out === undefined) {
  console.error('usage: node bench/suites/kill-and-resume.js RECIPE REFERENCE_RUN OUT [WORKERS]');
  process.exit(2);
}
const launcher = fileURLToPath(new URL('../../packages/cli/bin/slm-compress.js', import.meta.url));
const rng = createRng('kill');
const killed = [];

/** Runs until the end, or kills it a few lines after a stage began that was not killed yet. */
async function attempt() {
  const args = [launcher, 'run', recipe, '--out', out, ...(workers === undefined ? [] : ['--workers', workers])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let countdown = Number.POSITIVE_INFINITY;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      const stage = /^\[\d+\/\d+\] (.+)$/.exec(line)?.[1];
      if (stage !== undefined) {
        countdown = Number.POSITIVE_INFINITY;
        if (!killed.includes(stage)) {
          countdown = rng.integer(6);
          killed.push(stage);
        }
      }
      if (countdown-- <= 0) child.kill('SIGKILL');
    });
  }
  const [code, signal] = await exited;
  return signal === 'SIGKILL' ? 'killed' : code;
}

let result = 'killed';
let attempts = 0;
for (; result === 'killed' && attempts < 40; attempts++) result = await attempt();

const digest = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');
const graphs = (run) =>
  Object.fromEntries(
    readdirSync(run).flatMap((stage) => {
      const folder = join(run, stage, 'onnx');
      return existsSync(folder)
        ? readdirSync(folder).map((file) => [`${stage}/${file}`, digest(join(folder, file))])
        : [];
    }),
  );
const metrics = (run) =>
  JSON.parse(readFileSync(join(run, 'report.json'), 'utf8')).rows.map(({ name, accuracy, macroF1, confusion }) => ({
    name,
    accuracy,
    macroF1,
    confusion,
  }));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const summary = {
  exit: result,
  attempts,
  killedIn: killed,
  graphs: Object.keys(graphs(reference)),
  sameGraphs: same(graphs(reference), graphs(out)),
  sameMetrics: same(metrics(reference), metrics(out)),
};
console.log(JSON.stringify(summary));
process.exitCode = summary.sameGraphs && summary.sameMetrics ? 0 : 1;
