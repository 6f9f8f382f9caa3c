// How fast rows are read: MB/s (of the unpacked text) and rows/s of every reader, each in a process of its own, with its peak memory.
//   node bench/suites/read-rows.js [DATA] [ROUNDS]      (DATA holds imdb/; ../shared/data and 3 rounds by default)
// The files are written anew from IMDB's 25,000 training reviews. Rounds go through all files in turn; the median counts.
// zstd files are written, and so measured, by Node.js 22.15 and newer only.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib, { gunzipSync, gzipSync } from 'node:zlib';
import { openRows } from '@slm-compress/text';
import { parquetWriteBuffer } from 'hyparquet-writer';

const [, self, given, count = '3'] = process.argv;
if (given === '--read') await read(count);
else compare(given ?? fileURLToPath(new URL('../../../shared/data', import.meta.url)), Number(count));

/** Reads one file and prints what it took. */
async function read(path) {
  let rows = 0;
  let characters = 0;
  const begun = performance.now();
  for await (const { text } of openRows({ inputs: [{ path }] })) {
    rows++;
    characters += text.length;
  }
  const seconds = (performance.now() - begun) / 1000;
  console.log(JSON.stringify({ rows, characters, seconds, peak: peakBytes() }));
}

/** Of this process alone: maxRSS would start at that of the process that it was forked from. */
function peakBytes() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

function compare(data, rounds) {
  const source = join(data, 'imdb', 'train.jsonl.gz');
  if (!existsSync(source)) {
    console.log(`skipped, ${source} is absent`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'read-rows-'));
  try {
    const files = write(folder, source);
    const results = files.map((file) => ({ ...file, runs: [] }));
    for (let round = 0; round < rounds; round++) {
      for (const { path, runs } of results) {
        const { stdout, stderr, status } = spawnSync(process.execPath, [self, '--read', path], { encoding: 'utf8' });
        if (status !== 0) throw new Error(`${path}: ${stderr}`);
        runs.push(JSON.parse(stdout));
      }
    }
    for (const { path, bytes, runs } of results) {
      const [{ rows, characters }] = runs;
      if (rows !== 25_000) throw new Error(`${path}: expected 25,000 rows, got ${rows}`);
      const seconds = median(runs.map((run) => run.seconds));
      const peak = median(runs.map((run) => run.peak));
      console.log(
        `${path.slice(folder.length + 1).padEnd(16)} ${(bytes / 1e6 / seconds).toFixed(1).padStart(7)} MB/s ` +
          `${Math.round(rows / seconds)
            .toString()
            .padStart(8)} rows/s  peak ${(peak / 2 ** 20).toFixed(0)} MiB  ` +
          `(${(statSync(path).size / 1e6).toFixed(1)} MB on disk, ${characters} characters)`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same rows in every form: paths, and the bytes of each when unpacked. */
function write(folder, source) {
  const rows = gunzipSync(readFileSync(source))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .map(({ text, label }) => ({ text: text.replaceAll(/\s+/g, ' '), label: String(label) }));
  const quoted = (field) => `"${field.replaceAll('"', '""')}"`;
  const forms = {
    'rows.jsonl': rows.map((row) => JSON.stringify(row)),
    'rows.csv': ['text,label', ...rows.map(({ text, label }) => `${quoted(text)},${label}`)],
    'rows.tsv': ['text\tlabel', ...rows.map(({ text, label }) => `${text}\t${label}`)],
    'rows.txt': rows.map(({ text }) => text),
  };
  const packings = {
    '': (bytes) => bytes,
    '.gz': gzipSync,
    ...(zlib.zstdCompressSync ? { '.zst': zlib.zstdCompressSync } : {}),
  };
  const columnData = ['text', 'label'].map((name) => ({ name, data: rows.map((row) => row[name]), type: 'STRING' }));
  const parquet = { path: join(folder, 'rows.parquet'), bytes: Buffer.byteLength(forms['rows.txt'].join('')) };
  writeFileSync(parquet.path, new Uint8Array(parquetWriteBuffer({ columnData })));
  const packed = Object.entries(forms).flatMap(([name, lines]) => {
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    return Object.entries(packings).map(([ending, pack]) => {
      const path = join(folder, name + ending);
      writeFileSync(path, pack(bytes));
      return { path, bytes: bytes.length };
    });
  });
  return [...packed, parquet];
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
