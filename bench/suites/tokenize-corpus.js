// A tokenized corpus on disk: SGD's training dialogues as chats (replies learned, GPT-2's vocabulary, a template that marks
// replies) and IMDB's unlabelled reviews as texts (BERT's vocabulary), read, tokenized and written as they come. Prints MB of
// text a second, CPU time, the size of the file, and memory at its peak; then the seconds to prove the file and to make packed
// batches of 16 × 128 tokens of it.
//   node bench/suites/tokenize-corpus.js sgd|imdb [SHARED FOLDER] [ROWS]        (../shared, all rows by default)
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  batchMaker,
  loadTokenizer,
  openRows,
  openTokenFile,
  planBatches,
  storedLengths,
  tokenRows,
  writeTokenFile,
} from '@slm-compress/text';

const [which = 'imdb', shared = '../shared', limit] = process.argv.slice(2);
const chats = which === 'sgd';
const source = join(shared, chats ? 'data/sgd/train.jsonl.gz' : 'data/imdb/unsup.jsonl.gz');
if (!(await stat(source).catch(() => undefined))) {
  console.log(`skipped: no file ${source}`);
  process.exit(0);
}
const loaded = await loadTokenizer(join(shared, 'models', chats ? 'gpt2-tokenizer' : 'bert-uncased-tokenizer'));
const template =
  "{% for m in messages %}{{ m.role + ': ' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + eos_token }}" +
  "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ '\\n' }}{% endfor %}";
const tokenizer = { ...loaded, encodeChat: (turns) => loaded.encodeChat(turns, { template }) };
const folder = await mkdtemp(join(tmpdir(), 'tokenize-corpus-'));
try {
  let read = 0;
  const rows = async function* () {
    for await (const row of openRows({ inputs: [{ path: source, ...(limit && { limit: Number(limit) }) }] })) {
      read += Buffer.byteLength(row.text);
      yield row;
    }
  };
  const seconds = async (work) => {
    const begun = performance.now();
    const made = await work();
    return [made, (performance.now() - begun) / 1000];
  };
  const path = join(folder, 'corpus.tokens');
  const options = { vocabularySize: loaded.vocabSize, labelled: chats, tokenizer: loaded.digest };
  const cpu = process.cpuUsage();
  const [, write] = await seconds(() => writeTokenFile(path, tokenRows(rows(), tokenizer, { chats }), options));
  const used = process.cpuUsage(cpu);
  const busy = (used.user + used.system) / 1e6;
  const peak = process.resourceUsage().maxRSS / 1024;
  const { size } = await stat(path);
  const [store, open] = await seconds(() => openTokenFile(path));
  const lengths = storedLengths(store);
  const tokens = store.offsets.at(-1);
  console.log(`${which}: ${lengths.length} rows, ${(read / 1e6).toFixed(1)} MB of text, ${tokens} tokens`);
  console.log(
    `written   ${write.toFixed(1)} s, ${(read / 1e6 / write).toFixed(2)} MB/s (${busy.toFixed(1)} s of CPU), file ${(size / 1e6).toFixed(1)} MB, peak ${peak.toFixed(0)} MiB`,
  );
  console.log(`proven    ${open.toFixed(2)} s, ${(size / 1e6 / open).toFixed(0)} MB/s`);
  const batching = { kind: 'pack', blockLength: 128, blocks: 16 };
  const [{ job }, planned] = await seconds(async () =>
    planBatches(lengths, { batching, padId: 0, epochs: 1, seed: 1 }),
  );
  const make = batchMaker(store, job);
  const [, batches] = await seconds(async () => {
    for (let step = 0; step < Math.min(1000, job.batches.length); step++) make(step);
  });
  console.log(
    `batches   ${job.batches.length} planned in ${planned.toFixed(2)} s, made in ${((1000 * batches) / Math.min(1000, job.batches.length)).toFixed(2)} ms each; peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
  );
} finally {
  await rm(folder, { recursive: true });
}
