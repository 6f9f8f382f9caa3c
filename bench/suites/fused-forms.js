// What cleanUp and fuseOperators gain on exported models, at ONNX Runtime's optimization levels all and none:
// node bench/suites/fused-forms.js [--lengths 16,128] [--rounds 30] [--levels all,none] [--only FAMILY,...] MODEL.onnx...
// The opset-23 variants are converted first; every variant's first output is compared with the original's.
import { parseArgs } from 'node:util';
import { fingerprint, measureAlternating, speedRatio } from '@slm-compress/bench';
import { cleanUp, convertOpset, createRng, fuseOperators, readModel } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';

const { values: options, positionals: paths } = parseArgs({
  allowPositionals: true,
  options: {
    lengths: { type: 'string', default: '16,128' },
    rounds: { type: 'string', default: '30' },
    levels: { type: 'string', default: 'all,none' },
    only: { type: 'string' },
  },
});
if (paths.length === 0) {
  console.error('usage: node bench/suites/fused-forms.js [--lengths 16,128] [--rounds 30] MODEL.onnx...');
  process.exit(2);
}
const only = options.only?.split(',');
const rng = createRng(1);
console.log(
  fingerprint().cpu,
  '— first deciles and medians in ms; × their ratios to the original, of medians with 95 % intervals',
);

for (const path of paths) {
  const original = await readModel(path);
  const clean = cleanUp().run(original).model;
  const fuse = (model, target) =>
    cleanUp().run(fuseOperators({ target, ...(only && { only }) }).run(model).model).model;
  const variants = { original, clean, portable: fuse(clean, 'portable'), onnxruntime: fuse(clean, 'onnxruntime') };
  const newer = atOpset23(clean);
  if (newer !== undefined) variants['portable, opset 23'] = fuse(newer, 'portable');
  if (newer !== undefined) variants['onnxruntime, opset 23'] = fuse(newer, 'onnxruntime');
  const nodes = Object.entries(variants).map(([name, { graph }]) => `${name} ${graph.nodes.length}`);
  console.log(`\n${path}\n  nodes: ${nodes.join(', ')}`);
  for (const optimization of options.levels.split(',')) {
    const engines = [];
    for (const [name, model] of distinct(variants))
      engines.push([name, await openEngine(model, { optimization, intraOpThreads: 1 })]);
    for (const length of options.lengths.split(',').map(Number)) {
      const feeds = feedsOf(original, length);
      const outputs = [];
      for (const [, engine] of engines) outputs.push(Object.values(await engine.run(feeds))[0]);
      const cases = engines.map(([name, engine]) => ({ name, run: () => engine.run(feeds) }));
      const measured = await measureAlternating(cases, { rounds: Number(options.rounds), warmup: 3, rng });
      console.log(`  optimization ${optimization}, [1, ${length}]`);
      for (const [index, { name, times }] of measured.entries()) {
        const sorted = times.toSorted((a, b) => a - b);
        const [low, median] = [decile(times), sorted[sorted.length >> 1]].map((ms) => ms.toFixed(2));
        const calm = (decile(measured[0].times) / decile(times)).toFixed(2);
        const { ratio, low: from, high: to } = speedRatio(measured[0].times, times, { rng });
        const shown = `${ratio.toFixed(2)} (${from.toFixed(2)}–${to.toFixed(2)})`;
        const off = distance(outputs[0], outputs[index]).toExponential(1);
        console.log(
          `    ${name.padEnd(24)} ${low.padStart(8)} ${median.padStart(8)}  × ${calm}  × ${shown}  off by ${off}`,
        );
      }
    }
    for (const [, engine] of engines) await engine[Symbol.asyncDispose]();
  }
}

function atOpset23(model) {
  if (model.opsets[''] >= 23) return undefined;
  try {
    return cleanUp().run(convertOpset(23).run(model).model).model;
  } catch (error) {
    console.log(`  not at opset 23: ${error.message}`);
    return undefined;
  }
}

/** What a tenth of the runs stay below: the time when neighbours are quiet. */
function decile(times) {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 10)];
}

/** Variants that are not the same graph as one before. */
function distinct(all) {
  const seen = new Set();
  return Object.entries(all).filter(([, model]) => {
    const key = JSON.stringify(model.graph.nodes.map(({ domain, opType, inputs }) => [domain, opType, inputs]));
    return !seen.has(key) && seen.add(key);
  });
}

/** Ids below 40, masks of ones: every symbolic dimension but the first is the length. */
function feedsOf({ graph }, length) {
  const given = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  return Object.fromEntries(
    given.map(({ name, type }) => {
      const dims = type.dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : length));
      const count = dims.reduce((a, b) => a * b, 1);
      const value = () => (name.includes('mask') ? 1 : name.includes('type') ? 0 : rng.integer(40));
      if (type.type === 'int64')
        return [name, { type: 'int64', dims, data: BigInt64Array.from({ length: count }, () => BigInt(value())) }];
      if (type.type === 'int32')
        return [name, { type: 'int32', dims, data: Int32Array.from({ length: count }, value) }];
      return [name, { type: 'float32', dims, data: Float32Array.from({ length: count }, () => rng.uniform()) }];
    }),
  );
}

/** Greatest difference over the greatest value. */
function distance(a, b) {
  let [most, apart] = [1e-30, 0];
  a.data.forEach((value, index) => {
    most = Math.max(most, Math.abs(Number(value)));
    apart = Math.max(apart, Math.abs(Number(value) - Number(b.data[index])));
  });
  return apart / most;
}
