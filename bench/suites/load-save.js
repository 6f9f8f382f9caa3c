// Time and peak memory of reading a model and writing it again, beside Python's onnx, in fresh processes in turn:
//
//     npx tsc -b bench && node bench/suites/load-save.js [--python PATH] [--rounds 5] [--folder DIR] [--cases 90,1000,1000x,2200x]
//
// A case is a size in MB, with an x for a model with external data. `plain` rows: neither side waits for the disk, and
// Python's are `onnx.load` and `onnx.save`. `synced` rows: both wait until the disk has the bytes; ours is the default
// of `writeModel`. Ratios are ours / Python's, so at most 1 is the aim.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createGraphBuilder, float32, readModel, writeModel } from '@slm-compress/onnx';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '5' },
    folder: { type: 'string', default: tmpdir() },
    cases: { type: 'string', default: '90,1000,1000x,2200x' },
  },
});
if (positionals[0] === 'child') await child(...positionals.slice(1));
else await compare();

/** What is measured: reads `from`, writes `to`, prints times in ms and the peak in bytes. */
async function child(from, to, external, sync) {
  const start = performance.now();
  const model = await readModel(from);
  const loaded = performance.now();
  await writeModel(to, model, { sync: sync === 'synced', ...(external === 'external' ? { externalData: {} } : {}) });
  const saved = performance.now();
  const peak = Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  console.log(JSON.stringify({ load: loaded - start, save: saved - loaded, peak }));
}

async function compare() {
  const { fingerprint, measureProcess } = await import('@slm-compress/bench');
  const here = fileURLToPath(import.meta.url);
  const peer = path.join(path.dirname(here), '../peers/load-save.py');
  const folder = mkdtempSync(path.join(values.folder, 'load-save-'));
  const machine = fingerprint();
  console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage[0]}, node ${machine.node}`);
  const rows = [];
  try {
    for (const name of values.cases.split(',')) {
      const external = name.endsWith('x') ? 'external' : 'inline';
      const from = path.join(folder, `${name}.onnx`);
      await writeModel(from, makeModel(Number.parseInt(name, 10) * 1e6), {
        sync: false,
        ...(external === 'external' ? { externalData: {} } : {}),
      });
      for (const sync of ['plain', 'synced']) {
        const sides = {
          ours: [process.execPath, [here, 'child']],
          onnx: [values.python, [peer]],
        };
        const samples = { ours: [], onnx: [] };
        for (let round = 0; round < Number(values.rounds); round++) {
          const order = round % 2 === 0 ? ['ours', 'onnx'] : ['onnx', 'ours'];
          for (const side of order) {
            const [command, args] = sides[side];
            const to = path.join(folder, 'out.onnx');
            const { output } = await measureProcess(command, [...args, from, to, external, sync]);
            if (round === 0) checkSize(from, to);
            for (const file of [to, `${to}_data`]) rmSync(file, { force: true });
            samples[side].push(JSON.parse(output));
          }
        }
        rows.push(report(`${name} ${external} ${sync}`, samples));
      }
      for (const file of [from, `${from}_data`]) rmSync(file, { force: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const over = rows.filter(({ time, memory }) => time > 1 || memory > 1);
  console.log(over.length === 0 ? 'every ratio is at most 1' : `above 1: ${over.map(({ label }) => label).join(', ')}`);
}

function checkSize(from, to) {
  const size = (file) => statSync(file).size + (statSync(`${file}_data`, { throwIfNoEntry: false })?.size ?? 0);
  if (Math.abs(size(to) / size(from) - 1) > 0.01)
    throw new Error(`${to}: expected about ${size(from)} bytes, got ${size(to)}`);
}

function report(label, { ours, onnx }) {
  const times = (samples) => samples.map(({ load, save }) => load + save);
  const describe = (samples) => {
    const of = (key) => median(samples.map((sample) => sample[key]));
    const sorted = times(samples).sort((a, b) => a - b);
    const spread = `${sorted[0].toFixed(0)}..${sorted.at(-1).toFixed(0)}`;
    return `${of('load').toFixed(0)} + ${of('save').toFixed(0)} ms (${spread}), ${(of('peak') / 2 ** 20).toFixed(0)} MiB`;
  };
  const time = median(times(ours)) / median(times(onnx));
  const memory = median(ours.map(({ peak }) => peak)) / median(onnx.map(({ peak }) => peak));
  console.log(
    `${label}: ours ${describe(ours)}; onnx ${describe(onnx)}; time ${time.toFixed(2)}, memory ${memory.toFixed(2)}`,
  );
  return { label, time, memory };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Blocks of a transformer's feed-forward shape, sixteen initializers and nodes each, with random weights. */
function makeModel(bytes) {
  const blocks = bytes > 5e8 ? 24 : 6;
  const width = Math.round(Math.sqrt(bytes / 4 / blocks / 8) / 8) * 8;
  const g = createGraphBuilder('blocks');
  let x = g.input('x', 'float32', ['batch', width]);
  for (let block = 0; block < blocks; block++) {
    for (const [rows, columns] of [
      [width, 4 * width],
      [4 * width, width],
    ]) {
      const name = `block.${block}.linear.${rows === width ? 0 : 1}`;
      const made = g.op('MatMul', [x, g.constant(`${name}.weight`, random([rows, columns]))]);
      x = g.op('Relu', [g.op('Add', [made, g.constant(`${name}.bias`, random([columns]))])]);
      for (let i = 0; i < 6; i++) x = g.op('Mul', [x, g.constant(`${name}.scale.${i}`, random([columns]))]);
    }
  }
  g.output(x, 'float32', ['batch', width]);
  return g.model({ opset: 17 });
}

/** Floats between 1 and 2 from a xorshift generator. */
function random(dims) {
  const bits = new Uint32Array(dims.reduce((product, dim) => product * dim, 1));
  let state = 2463534242;
  for (let i = 0; i < bits.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bits[i] = 0x3f800000 | (state >>> 9);
  }
  return float32(new Float32Array(bits.buffer), dims);
}
