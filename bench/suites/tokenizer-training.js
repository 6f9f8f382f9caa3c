// Time and peak memory of learning a vocabulary, beside Python's tokenizers, in fresh processes in turn, and how far the
// vocabularies and the tokens per held-out text are the same:
//
//     npx tsc -b packages/text bench && node bench/suites/tokenizer-training.js TRAIN.json HELD-OUT.json \
//       [--python PATH] [--rounds 3] [--kinds wordpiece,bpe,metaspace-bpe,unigram] [--vocab-size 8000] [--workers N]
//
// Both files are JSON arrays of texts. Reading them is in the memory of both sides, not in the times. Ratios are
// ours / Python's; at most 3 is the aim for time.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { trainTokenizer, writeTokenizer } from '@slm-compress/text';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '3' },
    kinds: { type: 'string', default: 'wordpiece,bpe,metaspace-bpe,unigram' },
    'vocab-size': { type: 'string', default: '8000' },
    workers: { type: 'string' },
  },
});
if (positionals[0] === 'child') await child(...positionals.slice(1));
else await compare(...positionals);

async function child(source, kind, size, folder, workers) {
  const texts = JSON.parse(readFileSync(source, 'utf8'));
  const start = performance.now();
  const made = await trainTokenizer(texts, {
    kind,
    vocabSize: Number(size),
    ...(workers === undefined ? {} : { workers: Number(workers) }),
  });
  const time = performance.now() - start;
  await writeTokenizer(folder, made);
  const peak = Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  console.log(JSON.stringify({ time, peak }));
}

async function compare(train, heldOut) {
  const { fingerprint, measureProcess } = await import('@slm-compress/bench');
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const here = fileURLToPath(import.meta.url);
  const peer = path.join(path.dirname(here), '../peers/tokenizer-training.py');
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenizer-training-'));
  const machine = fingerprint();
  console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage[0]}, node ${machine.node}`);
  const texts = JSON.parse(readFileSync(heldOut, 'utf8')).slice(0, 2000);
  const size = values['vocab-size'];
  try {
    for (const kind of values.kinds.split(',')) {
      const theirs = path.join(folder, `${kind}.json`);
      const sides = {
        ours: [
          process.execPath,
          [here, 'child', train, kind, size, folder, ...(values.workers === undefined ? [] : [values.workers])],
        ],
        python: [values.python, [peer, train, kind, size, theirs]],
      };
      const samples = { ours: [], python: [] };
      for (let round = 0; round < Number(values.rounds); round++) {
        for (const side of round % 2 === 0 ? ['ours', 'python'] : ['python', 'ours']) {
          const { output } = await measureProcess(...sides[side]);
          samples[side].push(JSON.parse(output));
        }
      }
      const [a, b] = [path.join(folder, 'tokenizer.json'), theirs].map((file) =>
        JSON.parse(readFileSync(file, 'utf8')),
      );
      const [known, other] = [a, b].map(({ model }) => tokensOf(model.vocab));
      const missing = [...known].filter((token) => !other.has(token)).length;
      const lengths = [a, b].map((description) => {
        const tokenizer = new Tokenizer({ ...description, post_processor: null }, {});
        return texts.reduce((sum, text) => sum + tokenizer.encode(text).ids.length, 0) / texts.length;
      });
      const of = (side, key) => median(samples[side].map((sample) => sample[key]));
      console.log(
        `${kind} ${size}: ours ${describe(of('ours', 'time'), of('ours', 'peak'))}; tokenizers ${describe(of('python', 'time'), of('python', 'peak'))}; ` +
          `time ${(of('ours', 'time') / of('python', 'time')).toFixed(2)}, memory ${(of('ours', 'peak') / of('python', 'peak')).toFixed(2)}; ` +
          `${missing} of ${known.size} tokens differ; tokens per held-out text ${lengths[0].toFixed(2)} and ${lengths[1].toFixed(2)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function describe(time, peak) {
  return `${(time / 1000).toFixed(1)} s, ${(peak / 2 ** 20).toFixed(0)} MiB`;
}

function tokensOf(vocab) {
  return new Set(Array.isArray(vocab) ? vocab.map(([token]) => token) : Object.keys(vocab));
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
