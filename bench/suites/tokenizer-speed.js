// MB of text a second that our tokenizers encode, beside @huggingface/tokenizers, in one process in turn:
//
//     npx tsc -b packages/text bench && node bench/suites/tokenizer-speed.js FOLDER [--kinds a,b] [--corpora a,b] [--rounds 5] [--kb 400]
//
// with the folder that bench/peers/tokenizer-ids.py wrote. Every round encodes texts that no round before had, the same on
// both sides, so words that come again do so as they do in life; the sides take turns at being first. The ratio is ours /
// theirs, round by round: its median, with the lowest and the highest. At least 3 is the aim. Ids that differ are counted:
// the Rust library's are compared by bench/suites/tokenizer-identity.js.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer } from '@huggingface/tokenizers';
import { fingerprint } from '@slm-compress/bench';
import { createRng } from '@slm-compress/onnx';
import { loadTokenizer } from '@slm-compress/text';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kinds: { type: 'string' },
    corpora: { type: 'string', default: 'imdb-test,banking77,sgd,languages' },
    rounds: { type: 'string', default: '5' },
    kb: { type: 'string', default: '400' },
  },
});
const folder = positionals[0] ?? '.';
const rounds = Number(values.rounds);
const kinds =
  values.kinds?.split(',') ??
  readdirSync(folder).filter((name) => existsSync(path.join(folder, name, 'tokenizer.json')));
const machine = fingerprint();
console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage[0]}, node ${machine.node}`);
console.log('kind            corpus      ours MB/s  theirs MB/s  ratio [lowest, highest]  differing texts');

const corpora = new Map(values.corpora.split(',').map((name) => [name, roundsOf(name)]));
for (const kind of kinds) {
  const description = JSON.parse(readFileSync(path.join(folder, kind, 'tokenizer.json'), 'utf8'));
  for (const [name, texts] of corpora) {
    const sides = { ours: await ours(kind), theirs: theirs(description) };
    for (const side of Object.values(sides)) texts[0].slice(0, 1000).forEach(side);
    const speeds = { ours: [], theirs: [] };
    let different = 0;
    texts.forEach((batch, round) => {
      const bytes = batch.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
      const ids = {};
      for (const side of round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']) {
        const start = performance.now();
        ids[side] = batch.map(sides[side]);
        speeds[side].push(bytes / 1000 / (performance.now() - start));
      }
      different += batch.filter((_, i) => ids.ours[i].join() !== ids.theirs[i].join()).length;
    });
    const ratios = speeds.ours.map((speed, round) => speed / speeds.theirs[round]).sort((a, b) => a - b);
    const count = texts.reduce((sum, batch) => sum + batch.length, 0);
    console.log(
      `${kind.padEnd(15)} ${name.padEnd(11)} ${median(speeds.ours).toFixed(2).padStart(9)}  ` +
        `${median(speeds.theirs).toFixed(2).padStart(11)}  ${median(ratios).toFixed(2).padStart(5)} ` +
        `[${ratios[0].toFixed(2)}, ${ratios.at(-1).toFixed(2)}]  ${different} of ${count}`,
    );
  }
}

/** Texts of a corpus in a seeded order, as many a round as make the bytes; a small corpus has fewer. */
function roundsOf(corpus) {
  const texts = createRng(3).shuffle(JSON.parse(readFileSync(path.join(folder, `${corpus}.json`), 'utf8')));
  const total = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const size = Math.min(Number(values.kb) * 1000, total / rounds);
  let at = 0;
  return Array.from({ length: rounds }, () => {
    const batch = [];
    for (let bytes = 0; bytes < size && at < texts.length; at++) {
      batch.push(texts[at]);
      bytes += Buffer.byteLength(texts[at]);
    }
    return batch;
  });
}

async function ours(kind) {
  const tokenizer = await loadTokenizer(path.join(folder, kind));
  const options = { maxLength: 1e7 };
  return (text) => tokenizer.encode(text, options).ids;
}

function theirs(description) {
  const tokenizer = new Tokenizer(description, {});
  return (text) => tokenizer.encode(text).ids;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
