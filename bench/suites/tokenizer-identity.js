// Ids and offsets of our tokenizers against the Rust library's: node bench/suites/tokenizer-identity.js FOLDER [KINDS],
// with the folder that bench/peers/tokenizer-ids.py, or sentencepiece-ids.py, wrote. Prints texts and differing texts per kind and corpus, with the
// first that differs; exits 1 when any differs.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '../../packages/text/dist/index.js';

const [folder, only] = process.argv.slice(2);
const digest = (numbers) => createHash('sha1').update(numbers.join(',')).digest('hex').slice(0, 12);
const corpora = new Map();
function textsOf(corpus) {
  if (!corpora.has(corpus)) corpora.set(corpus, JSON.parse(readFileSync(join(folder, `${corpus}.json`), 'utf8')));
  return corpora.get(corpus);
}

let failed = false;
const found = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
for (const kind of only ? only.split(',') : found.map((entry) => entry.name)) {
  if (!['tokenizer.json', 'tokenizer.model'].some((name) => existsSync(join(folder, kind, name)))) continue;
  const tokenizer = await loadTokenizer(join(folder, kind));
  const files = readdirSync(folder).filter((name) => name.startsWith(`${kind}.`));
  for (const name of files) {
    const [, corpus, what] = name.split('.');
    const expected = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
    if (what === 'offsets' && !tokenizer.align) {
      console.log(`${kind} ${corpus} offsets: not given`);
      failed = true;
      continue;
    }
    const numbersOf =
      what === 'ids'
        ? (text) => tokenizer.encode(text, { maxLength: 1e7 }).ids
        : (text) => tokenizer.align(text).offsets.flat();
    const texts = textsOf(corpus).slice(0, expected.length);
    const different = [];
    const start = performance.now();
    texts.forEach((text, i) => {
      if (expected[i] !== '-' && digest(numbersOf(text)) !== expected[i]) different.push(i);
    });
    const seconds = (performance.now() - start) / 1000;
    const ratio = `${different.length} of ${texts.length} differ`;
    console.log(`${kind} ${corpus} ${what}: ${ratio}, ${seconds.toFixed(1)} s`);
    if (different.length > 0) {
      const shortest = different.reduce((a, b) => (texts[b].length < texts[a].length ? b : a));
      console.log(`  text ${shortest}: ${JSON.stringify(texts[shortest].slice(0, 200))}`);
    }
    failed ||= different.length > 0;
  }
}
process.exitCode = failed ? 1 : 0;
