// Near-duplicates: how many planted ones are found, how long a large file takes and in how much memory, and what of a test set
// is found in the rows to train on:
//
//     npx tsc -b packages/text bench && node bench/suites/near-duplicates.js planted FILE.jsonl.gz [--texts 3000]
//     node bench/suites/near-duplicates.js time FILE.jsonl.gz … [--rows N] [--python PATH]
//     node bench/suites/near-duplicates.js contamination TEST.jsonl.gz TRAIN.jsonl.gz …
//     node bench/suites/near-duplicates.js worst [--texts 1000000]
//
// Files have a JSON object with `text` a line, packed by gzip. `planted` edits each text at random until its exact similarity
// is just beside .7, .8 and .9, compares all pairs of texts and copies by shingles kept as strings, and counts which of them at or
// above the threshold are reported. `time` groups the rows in fresh processes: only reading them, with the default memory, and
// with 64 and 16 MiB, and, if a Python with datasketch is named, there; the groups of ours must be the same. `worst` takes equal
// texts, then 50,000 different ones that share most of their words.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import { fingerprint, residentPeak } from '@slm-compress/bench';
import { createRng } from '@slm-compress/onnx';
import { createDecontaminator, createNearDuplicates, findNearDuplicates } from '@slm-compress/text';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string' }, texts: { type: 'string' }, rows: { type: 'string', default: 'Infinity' } },
});
const [what, ...rest] = positionals;
const here = fileURLToPath(import.meta.url);
await { planted, time, child, contamination, worst }[what](...rest);

async function* rowsOf(files, limit = Number(values.rows)) {
  let count = 0;
  for (const file of files) {
    const lines = createInterface({ input: createReadStream(file).pipe(createGunzip()), crlfDelay: Infinity });
    let line = 0;
    for await (const json of lines) {
      if (count++ >= limit) return;
      yield { id: `${file}:${++line}`, text: JSON.parse(json).text };
    }
  }
}

async function planted(file) {
  const originals = [];
  for await (const { text } of rowsOf([file], Number(values.texts ?? 3000))) originals.push(text);
  const rng = createRng('planted');
  const ids = new Map();
  const setOf = (words) => {
    const set = new Set();
    for (let i = 0; i < Math.max(1, words.length - 2); i++) {
      const shingle = words.slice(i, i + 3).join(' ');
      if (!ids.has(shingle)) ids.set(shingle, ids.size);
      set.add(ids.get(shingle));
    }
    return set;
  };
  const similarityOf = (a, b) => {
    let common = 0;
    for (const one of a) if (b.has(one)) common++;
    return common / (a.size + b.size - common);
  };
  const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [text];
  const vocabulary = wordsOf(originals.join(' '));
  const texts = [...originals];
  for (const original of originals) {
    for (const target of [0.7, 0.8, 0.9]) {
      const words = wordsOf(original);
      const own = setOf(words);
      // The last edit takes half of the copies below the target.
      const past = rng.integer(2) === 0;
      let kept = words.join(' ');
      for (let edits = 0; edits < words.length; edits++) {
        words[rng.integer(words.length)] = vocabulary[rng.integer(vocabulary.length)];
        if (similarityOf(own, setOf(words)) < target) {
          if (past) kept = words.join(' ');
          break;
        }
        kept = words.join(' ');
      }
      texts.push(kept);
    }
  }
  const sets = texts.map((text) => Int32Array.from(setOf(wordsOf(text))).sort());
  const threshold = 0.8;
  const expected = new Map();
  for (let b = 0; b < sets.length; b++) {
    for (let a = 0; a < b; a++) {
      const [x, y] = [sets[a], sets[b]];
      if (Math.min(x.length, y.length) < (threshold - 0.1) * Math.max(x.length, y.length)) continue;
      let common = 0;
      for (let i = 0, j = 0; i < x.length && j < y.length; ) {
        const [p, q] = [x[i], y[j]];
        if (p === q) common++;
        if (p <= q) i++;
        if (q <= p) j++;
      }
      const similarity = common / (x.length + y.length - common);
      if (similarity >= threshold - 0.1) expected.set(`${a},${b}`, similarity);
    }
  }
  const { pairs } = await findNearDuplicates(texts, { threshold });
  const reported = new Set(pairs.map(({ a, b }) => `${a},${b}`));
  const near = [...expected].filter(([, similarity]) => similarity >= threshold);
  const found = near.filter(([pair]) => reported.has(pair)).length;
  const right = pairs.filter(({ a, b }) => (expected.get(`${a},${b}`) ?? 0) >= threshold).length;
  const margin = [...expected.values()].filter((similarity) => Math.abs(similarity - threshold) < 0.02).length;
  console.log(
    `${texts.length} texts, ${near.length} pairs at or above ${threshold}, ${expected.size - near.length} from .7 to there, ` +
      `${margin} within .02 of it: recall ${(found / near.length).toFixed(5)}, precision ${(right / pairs.length).toFixed(5)}`,
  );
  const index = await createNearDuplicates({ threshold });
  for (const text of texts) index.add(text);
  const { representative } = await index.finish();
  const apart = near.filter(([pair]) => {
    const [a, b] = pair.split(',').map(Number);
    return representative[a] !== representative[b];
  });
  console.log(`in one pass, comparing only what may join groups: ${apart.length} of those pairs are not in one group`);
}

async function child(memory, ...files) {
  const start = performance.now();
  const index = memory === 'read' ? undefined : await createNearDuplicates({ memoryBytes: Number(memory) * 2 ** 20 });
  let rows = 0;
  for await (const { text } of rowsOf(files)) {
    rows++;
    index?.add(text);
  }
  const result = await index?.finish();
  const seconds = (performance.now() - start) / 1000;
  const sizes = new Map();
  for (const first of result?.representative ?? []) sizes.set(first, (sizes.get(first) ?? 0) + 1);
  console.log(
    JSON.stringify({
      rows,
      seconds,
      peak: residentPeak('self'),
      groups: [...sizes.values()].filter((size) => size > 1).length,
      candidates: result?.candidates,
      equal: result?.equal,
      digest: result && createHash('sha256').update(result.representative).digest('hex').slice(0, 16),
    }),
  );
}

async function time(...files) {
  const machine = fingerprint();
  console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage[0]}, node ${machine.node}`);
  const digests = new Set();
  for (const memory of ['read', '256', '64', '16', '256']) {
    const output = execFileSync(process.execPath, [here, 'child', memory, ...files, '--rows', values.rows], {
      encoding: 'utf8',
    });
    const { seconds, peak, digest, ...others } = JSON.parse(output);
    if (digest !== undefined) digests.add(digest);
    console.log(
      `${memory === 'read' ? 'reading only' : `${memory} MiB`}: ${seconds.toFixed(1)} s, peak ${mib(peak)}, ${JSON.stringify(others)}`,
    );
  }
  console.log(digests.size === 1 ? 'the groups are the same' : 'THE GROUPS DIFFER');
  if (values.python === undefined) return;
  const peer = fileURLToPath(new URL('../peers/near-duplicates.py', import.meta.url));
  console.log(`datasketch: ${execFileSync(values.python, [peer, values.rows, ...files], { encoding: 'utf8' })}`.trim());
}

async function contamination(test, ...train) {
  const start = performance.now();
  const bare = residentPeak('self');
  const decontaminator = await createDecontaminator(rowsOf([test]));
  const built = (performance.now() - start) / 1000;
  for await (const row of rowsOf(train)) decontaminator.find(row);
  const { examples, ...account } = decontaminator.account();
  decontaminator.close();
  console.log(
    `${built.toFixed(1)} s to read the test set, ${((performance.now() - start) / 1000).toFixed(1)} s in all`,
  );
  console.log(`peak ${mib(residentPeak('self'))}, ${mib(bare)} of it before`);
  console.log(JSON.stringify(account));
  for (const { id, testId, similarity, exact, text } of examples.slice(0, 3)) {
    console.log(`  ${id} is ${testId}, ${exact ? 'exactly' : similarity.toFixed(3)}: ${text.slice(0, 60)}…`);
  }
}

async function worst() {
  const count = Number(values.texts ?? 1_000_000);
  const run = async (name, size, textOf) => {
    const start = performance.now();
    const index = await createNearDuplicates();
    for (let i = 0; i < size; i++) index.add(textOf(i));
    const { representative, candidates, pairs } = await index.finish();
    const groups = new Set(representative).size;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(
      `${size} ${name}: ${seconds} s, peak ${mib(residentPeak('self'))}, ${groups} groups, ${candidates} compared, ${pairs.length} pairs`,
    );
  };
  const words = Array.from({ length: 40 }, (_, i) => `word${i}`);
  await run('equal texts', count, () => 'the very same text every time');
  const some = Math.min(count, 50_000);
  await run('texts of one group', some, (i) => [...words, `end${i}`].join(' '));
  // 26 shingles of 43 in common, so that .43 is the similarity of any two.
  await run('texts that share most words and are none', some, (i) =>
    [...words.slice(0, 28), ...Array.from({ length: 17 }, (_, j) => `w${i}x${j}`)].join(' '),
  );
}

function mib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
