// Milliseconds of a weight's gradient, xᵀ·dy, on ONNX Runtime's CPU kernels, one thread: as a Gemm with transA, as a product
// of an x turned over before, and the forward product of the same size for comparison: node bench/suites/weight-gradients.js
import { fingerprint } from '@slm-compress/bench';
import { createGraphBuilder, createRng, float32, int64 } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';

const ROWS = [8, 128];
const sizes = [
  [128, 128],
  [128, 512],
  [256, 1024],
  [384, 384],
  [384, 1152],
  [384, 1536],
  [1536, 384],
];
const rng = createRng(1);
const random = (dims) =>
  float32(
    Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => rng.normal()),
    dims,
  );
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const machine = fingerprint();
console.log(
  `${machine.cpu}, load ${machine.loadAverage[0]}, ${ROWS.join(' × ')} rows; GFLOP/s, and transA / turned in time`,
);

for (const [k, n] of sizes) {
  const feeds = { x: random([...ROWS, k]), dy: random([...ROWS, n]), w: random([k, n]) };
  const forms = {
    forward: (g, { x, w }) => g.op('MatMul', [x(), w()]),
    transA: (g, { x, rowsOf, dy }) => g.op('Gemm', [rowsOf(x(), k), rowsOf(dy(), n)], { transA: 1 }),
    turned: (g, { x, rowsOf, dy }) => {
      const swapped = g.op('Transpose', [x()], { perm: [2, 0, 1] });
      const flat = g.op('Reshape', [swapped, g.constant('turned', int64([k, -1]))]);
      return g.op('Gemm', [flat, rowsOf(dy(), n)]);
    },
  };
  const engines = {};
  for (const [name, build] of Object.entries(forms)) {
    const g = createGraphBuilder(name);
    const rowsOf = (value, width) => g.op('Reshape', [value, g.constant(`${value}_rows`, int64([-1, width]))]);
    const inputs = {
      x: () => g.input('x', 'float32', ['batch', 'sequence', k]),
      dy: () => g.input('dy', 'float32', ['batch', 'sequence', n]),
      w: () => g.input('w', 'float32', [k, n]),
      rowsOf,
    };
    g.output(build(g, inputs), 'float32', undefined);
    engines[name] = await openEngine(g.model({ opset: 17 }), { threads: 1 });
  }
  const times = { forward: [], transA: [], turned: [] };
  for (let round = 0; round < 21; round++) {
    for (const [name, engine] of Object.entries(engines)) {
      const own = Object.fromEntries(engine.signature.inputs.map((input) => [input.name, feeds[input.name]]));
      const start = performance.now();
      await engine.run(own);
      times[name].push(performance.now() - start);
    }
  }
  for (const engine of Object.values(engines)) await engine[Symbol.asyncDispose]();
  const flops = (2 * ROWS[0] * ROWS[1] * k * n) / 1e6;
  const ratios = times.transA.map((ms, round) => ms / times.turned[round]).sort((a, b) => a - b);
  const speeds = Object.entries(times).map(([name, ms]) => `${name} ${(flops / median(ms)).toFixed(1)}`);
  const spread = `[${ratios[5].toFixed(2)}, ${ratios[15].toFixed(2)}]`;
  console.log(`${k} × ${n}`.padEnd(12), speeds.join('  '), ` ratio ${median(ratios).toFixed(2)} ${spread}`);
}
