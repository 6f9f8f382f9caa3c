import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, isSlmError, type Rng } from '@slm-compress/onnx';
import { expect, test } from 'vitest';
import { loadTokenizer } from '../tokenizer.ts';
import { trainTokenizer } from '../tokenizer-training/train-tokenizer.ts';

/**
 * Seeded damage to each form of a tokenizer. More of it:
 *     FUZZ_CASES=20000 FUZZ_SEED=2 npx vitest run packages/text/src/tokenizer/damaged-tokenizers.test.ts
 */
const cases = Number(process.env.FUZZ_CASES ?? 500);
const seed = Number(process.env.FUZZ_SEED ?? 1);

const goldens = new URL('../../goldens/', import.meta.url);
const golden = (name: string) => readFile(new URL(name, goldens));
const corpus = JSON.parse((await golden('corpus.json')).toString()) as readonly string[];
const texts = [
  '',
  'A house, two!',
  'naïve café\r\n日本語 한글 ไทย 👩‍💻',
  ' \t[MASK]<s></s> x',
  '\ud800 0123456789',
  'a'.repeat(300),
];

type Form = Readonly<Record<string, Buffer>>;
const trained = async (kind: 'wordpiece' | 'bpe' | 'unigram') =>
  Buffer.from((await trainTokenizer(corpus, { kind, vocabSize: 300 })).files['tokenizer.json']);

const forms: readonly Form[] = [
  { 'tokenizer.json': await trained('wordpiece') },
  { 'tokenizer.json': await trained('bpe') },
  { 'tokenizer.json': await trained('unigram') },
  {
    'tokenizer.json': await golden('tokenizer/tokenizer.json'),
    'tokenizer_config.json': await golden('tokenizer/tokenizer_config.json'),
    'special_tokens_map.json': await golden('tokenizer/special_tokens_map.json'),
  },
  {
    'vocab.json': await golden('forms/byte-level-vocab.json'),
    'merges.txt': await golden('forms/byte-level-merges.txt'),
    'tokenizer_config.json': Buffer.from('{"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>"}'),
  },
  {
    'vocab.txt': await golden('forms/mpnet-vocab.txt'),
    'tokenizer_config.json': Buffer.from('{"tokenizer_class": "MPNetTokenizer", "do_lower_case": true}'),
  },
  {
    'tokenizer.model': await golden('forms/llama.model'),
    'tokenizer_config.json': Buffer.from('{"tokenizer_class": "LlamaTokenizer", "add_bos_token": true}'),
  },
  {
    'spiece.model': await golden('forms/t5.model'),
    'tokenizer_config.json': Buffer.from('{"tokenizer_class": "T5Tokenizer"}'),
  },
];

const odd: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  1e300,
  '',
  'x',
  '[UNK]',
  [],
  [[]],
  {},
  { type: 'Sequence' },
  { type: 'BPE', vocab: {}, merges: [] },
  ['a', 0],
  '\ud800',
  '(',
];

/** Changes a value somewhere inside: exchanged, removed, doubled, renamed or nested. */
function damageJson(value: unknown, rng: Rng): unknown {
  const isContainer = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  if (!isContainer || rng.uniform() < 0.12) return odd[rng.integer(odd.length)];
  const keys = Object.keys(value);
  const key = keys[rng.integer(keys.length)]!;
  const inside = (value as Record<string, unknown>)[key];
  const way = rng.uniform();
  if (Array.isArray(value)) {
    const at = Number(key);
    if (way < 0.15) return value.toSpliced(at, 1);
    if (way < 0.3) return value.toSpliced(at, 0, inside);
    return value.with(at, damageJson(inside, rng));
  }
  if (way < 0.1) return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  if (way < 0.15) return { ...value, [`${key}x`]: inside };
  if (way < 0.2) return { ...value, [key]: [inside, inside] };
  return { ...value, [key]: damageJson(inside, rng) };
}

/** Changes bytes: some exchanged, a run of one value, a piece cut out, the end cut off. */
function damageBytes(bytes: Buffer, rng: Rng): Buffer {
  const at = rng.integer(bytes.length);
  switch (rng.integer(4)) {
    case 0: {
      const copy = Buffer.from(bytes);
      for (let hits = 1 + rng.integer(4); hits > 0; hits--) copy[rng.integer(copy.length)] = rng.integer(256);
      return copy;
    }
    case 1:
      return Buffer.from(bytes).fill(
        [0, 0xff, 0x80, 0x20][rng.integer(4)]!,
        at,
        Math.min(bytes.length, at + 1 + rng.integer(40)),
      );
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + rng.integer(60))]);
    default:
      return bytes.subarray(0, at);
  }
}

function damaged(form: Form, rng: Rng): Form {
  const names = Object.keys(form);
  const name = names[rng.integer(names.length)]!;
  const bytes = form[name]!;
  if (!name.endsWith('.json') || rng.uniform() < 0.3) return { ...form, [name]: damageBytes(bytes, rng) };
  let value: unknown = JSON.parse(bytes.toString());
  for (let hits = 1 + rng.integer(2); hits > 0; hits--) value = damageJson(value, rng);
  return { ...form, [name]: Buffer.from(JSON.stringify(value)) };
}

test('a damaged tokenizer loads and encodes any text, or is an error that says where', {
  timeout: 3_600_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'damaged-'));
  const outcomes = { loaded: 0, refused: 0 };
  const surprises: string[] = [];
  let slowest = 0;
  try {
    for (let number = 0; number < cases; number++) {
      const rng = createRng(seed).fork(String(number));
      const form = damaged(forms[number % forms.length]!, rng);
      for (const [name, bytes] of Object.entries(form)) await writeFile(join(folder, name), bytes);
      const start = performance.now();
      try {
        const tokenizer = await loadTokenizer(folder);
        outcomes.loaded++;
        for (const text of texts) {
          const { ids } = tokenizer.encode(text, { maxLength: 64 });
          tokenizer.decode(ids);
          for (const [from, to] of tokenizer.align(text).offsets) {
            if (!(from >= 0 && from <= to && to <= text.length))
              throw new Error(`offsets ${from} to ${to} of ${text.length}`);
          }
        }
      } catch (error) {
        if (isSlmError(error)) outcomes.refused++;
        else surprises.push(`case ${number}: ${error instanceof Error ? error.stack : String(error)}`);
      }
      slowest = Math.max(slowest, performance.now() - start);
      for (const name of Object.keys(form)) await rm(join(folder, name));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  if (cases > 500) console.log({ ...outcomes, untyped: surprises.length, slowestMs: Math.round(slowest) });
  expect(surprises.slice(0, 5)).toEqual([]);
  expect(outcomes.loaded).toBeGreaterThan(cases / 10);
  expect(outcomes.refused).toBeGreaterThan(cases / 10);
});
