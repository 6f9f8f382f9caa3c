// Damaged Parquet files: node bench/suites/fuzz-parquet.js [--files 20000] [--seed 1] [--seconds 20] [--heap-mib 600]
//
// Seeded mutations of the goldens (bytes, runs of bytes, cuts, pieces moved, the footer's length) are read. Each must
// come to rows, counted wrong rows or an SlmError within --seconds, and the process stays below --heap-mib of growth; else the case
// is printed, its file kept, and the exit code is 1.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRng, isSlmError } from '@slm-compress/onnx';
// Not of the public surface: one thread for all files, as a reader of one input has; to start it costs 150 ms.
import { openParquet } from '../../packages/text/dist/sources/parquet.js';
import { createParquetThread } from '../../packages/text/dist/sources/parquet-thread.js';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '20' },
    'heap-mib': { type: 'string', default: '600' },
  },
});
const [files, seed, seconds, heapMib] = [values.files, values.seed, values.seconds, values['heap-mib']].map(Number);
const goldens = fileURLToPath(new URL('../../packages/text/goldens/parquet', import.meta.url));
const names = (await readdir(goldens)).filter((name) => name.endsWith('.parquet')).sort();
const originals = await Promise.all(names.map((name) => readFile(join(goldens, name))));
const folder = await mkdtemp(join(tmpdir(), 'fuzz-parquet-'));
const rng = createRng(seed);

const mutations = {
  bytes(bytes) {
    for (let hits = 1 + rng.integer(4); hits > 0; hits--) bytes[4 + rng.integer(bytes.length - 8)] = rng.integer(256);
    return bytes;
  },
  footer(bytes) {
    const start = Math.max(4, bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8));
    for (let hits = 1 + rng.integer(3); hits > 0; hits--) {
      bytes[start + rng.integer(bytes.length - 8 - start)] = rng.integer(256);
    }
    return bytes;
  },
  run(bytes) {
    const at = 4 + rng.integer(bytes.length - 8);
    return bytes.fill([0, 0xff, 0x80, 0x7f][rng.integer(4)], at, Math.min(bytes.length - 4, at + 1 + rng.integer(64)));
  },
  cut(bytes) {
    const at = 4 + rng.integer(bytes.length - 8);
    return Buffer.concat([
      bytes.subarray(0, at),
      bytes.subarray(Math.min(bytes.length - 4, at + 1 + rng.integer(100))),
    ]);
  },
  truncated: (bytes) => bytes.subarray(0, rng.integer(bytes.length)),
  moved(bytes) {
    const size = 1 + rng.integer(64);
    const [from, to] = [0, 0].map(() => 4 + rng.integer(Math.max(1, bytes.length - 8 - size)));
    bytes.copy(bytes, to, from, from + size);
    return bytes;
  },
  footerLength(bytes) {
    bytes.writeUInt32LE(rng.integer(2 ** 31), bytes.length - 8);
    return bytes;
  },
};
const thread = createParquetThread();
const kinds = Object.keys(mutations);

async function read(path) {
  let wrong = 0;
  const { columns, records } = await openParquet(path, thread);
  for await (const record of records(columns, 1 << 24)) if ('bad' in record) wrong++;
  return wrong > 0 ? 'wrong rows' : 'rows';
}

const outcomes = {};
const milliseconds = [];
const failures = [];
const residentAtStart = process.memoryUsage().rss;
let peak = 0;
const start = performance.now();
for (let i = 0; i < files; i++) {
  const golden = i % names.length;
  const kind = kinds[Math.floor(i / names.length) % kinds.length];
  const bytes = mutations[kind](Buffer.from(originals[golden]));
  // A name of its own: the thread keeps the file that it read last open.
  const path = join(folder, `damaged-${i}.parquet`);
  await writeFile(path, bytes);
  const from = performance.now();
  let outcome;
  try {
    outcome = await read(path);
  } catch (error) {
    outcome = isSlmError(error) ? error.code : `FAILED ${error?.stack ?? error}`;
    if (isSlmError(error) && /no progress/.test(error.message)) outcome = 'DATA_FORMAT, ended without progress';
  }
  const took = performance.now() - from;
  await rm(path);
  milliseconds.push(took);
  if (outcome.startsWith('FAILED') || took > 1000 * seconds) {
    const kept = join(folder, `case-${i}.parquet`);
    await writeFile(kept, bytes);
    failures.push(kept);
    console.log(`${names[golden]} ${kind} ${i}: ${outcome}, ${(took / 1000).toFixed(1)} s, kept as ${kept}`);
  }
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  if (i % 20 === 0) peak = Math.max(peak, process.memoryUsage().rss - residentAtStart);
  if ((i + 1) % 2000 === 0) console.error(`${i + 1} files, ${((performance.now() - start) / 1000).toFixed(0)} s`);
}
await thread.end();
milliseconds.sort((a, b) => a - b);
const at = (share) => milliseconds[Math.min(files - 1, Math.floor(share * files))].toFixed(1);
const mebibytes = peak / 2 ** 20;
console.log(JSON.stringify({ files, seed, outcomes }, null, 2));
console.log(
  `ms a file: median ${at(0.5)}, 99 % ${at(0.99)}, longest ${at(1)}; resident memory grew by at most ${mebibytes.toFixed(0)} MiB`,
);
if (failures.length === 0) await rm(folder, { recursive: true });
process.exitCode = failures.length > 0 || mebibytes > heapMib ? 1 : 0;
