// From raw files to batches: the Large Movie Review Dataset (25,000 texts to train and validate on, 25,000 given to test on,
// 50,000 unlabelled) cleaned, decontaminated, deduplicated, divided, written, read back, tokenized with BERT's vocabulary and
// batched. Prints seconds and peak memory of each stage; the index of the rows to look for is built between two of them and counts
// with the earlier.
//   node bench/suites/prepare-imdb.js [FOLDER OF IMDB] [FOLDER OF A TOKENIZER]        (../shared/… by default)
// Fails when preparing and writing took 1 GB of memory or more, when other than the 123 known test texts were found in train,
// when a part has an unexpected size, or when a second preparation has another digest.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  batchMaker,
  loadTokenizer,
  planBatches,
  prepareData,
  readDataFolder,
  shareTokens,
  standardCleaning,
  storedLengths,
  writeDataFolder,
} from '@slm-compress/text';

const [imdb = '../shared/data/imdb', tokenizerFolder = '../shared/models/bert-uncased-tokenizer'] =
  process.argv.slice(2);
const known = 123;
const peak = () => process.resourceUsage().maxRSS * 1024;
const failures = [];
const expect = (met, message) => met || failures.push(message);

if (!(await stat(imdb).catch(() => undefined))) {
  console.log(`skipped: no folder ${imdb}`);
  process.exit(0);
}

let last = performance.now();
const stage = (name, detail = '') => {
  const now = performance.now();
  const seconds = ((now - last) / 1000).toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(24)}${seconds} s   peak ${(peak() / 1e6).toFixed(0).padStart(5)} MB   ${detail}`.trimEnd(),
  );
  last = now;
};

const options = {
  baseDir: resolve(imdb),
  inputs: [{ path: 'train.jsonl.gz' }],
  test: [{ path: 'test.jsonl.gz' }],
  unlabelled: [{ path: 'unsup.jsonl.gz' }],
  cleaning: [{ step: 'html-to-text' }, ...standardCleaning],
  seed: 42,
};
let at;
const onProgress = (progress) => {
  const name = `${progress.stage} ${progress.part}`;
  if (at !== undefined && name !== at) stage(at);
  at = name;
};
const start = performance.now();
let data = await prepareData(options, { onProgress });
stage(at);
const { account, digest } = data;
const folder = await mkdtemp(join(tmpdir(), 'prepare-imdb-'));
try {
  await writeDataFolder(folder, data);
  stage('write', `digest ${digest.slice(0, 12)}`);
  const whole = (performance.now() - start) / 1000;
  console.log(`prepared in ${whole.toFixed(1)} s, peak ${(peak() / 1e6).toFixed(0)} MB`);
  expect(peak() < 1e9, `expected less than 1 GB, got ${peak()} bytes`);
  data = await readDataFolder(folder);
  stage('read and prove');
} finally {
  await rm(folder, { recursive: true, force: true });
}

const tokenizer = await loadTokenizer(tokenizerFolder);
const encode = (rows) => shareTokens(rows.map(({ text }) => tokenizer.encode(text, { maxLength: 256 }).ids));
const parts = ['train', 'validation', 'test', 'unlabelled'];
const stores = Object.fromEntries(parts.map((part) => [part, encode(data[part])]));
const tokens = parts.reduce((sum, part) => sum + stores[part].ids.length, 0);
stage('tokenize', `${(tokens / 1e6).toFixed(1)} million tokens`);
const { job } = planBatches(storedLengths(stores.train), {
  batching: { kind: 'length', tokenBudget: 8192 },
  padId: tokenizer.padId,
  epochs: 1,
  seed: 42,
});
const batch = batchMaker(stores.train, job);
let useful = 0;
for (let step = 0; step < job.batches.length; step++) useful += batch(step).tokens;
stage('batch train', `${job.batches.length} batches, ${(useful / 1e6).toFixed(2)} million tokens`);
expect(useful === stores.train.ids.length, 'expected every token of train in a batch');

console.log('');
const shown = (part, { read, kept, dropped }) =>
  console.log(`${part}: ${read} read, ${kept} kept, dropped ${JSON.stringify(dropped)}`);
shown('train', account);
shown('test', account.test);
shown('unlabelled', account.unlabelled);
console.log(`parts: ${parts.map((part) => `${part} ${data[part].length}`).join(', ')}`);
console.log(`test texts that equal one of train: ${account.contamination.found} (known: ${known})`);
expect(account.contamination.found === known, `expected ${known} test texts in train`);
expect(data.test.length === 25_000, 'expected all rows of test');
expect(
  data.train.length + data.validation.length === account.kept,
  'expected train and validation to be what was kept',
);

data = undefined;
expect((await prepareData(options)).digest === digest, 'expected the same digest again');
stage('prepare again', 'compared digests');
for (const failure of failures) console.error(`failed: ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
