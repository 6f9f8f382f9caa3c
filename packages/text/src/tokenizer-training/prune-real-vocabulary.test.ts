import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../tokenizer.ts';
import { writeTokenizer } from '../tokenizer-files.ts';
import { pruneVocabulary } from './prune-vocabulary.ts';
import { readTokenizerFiles } from './read-tokenizer-files.ts';

const goldens = new URL('../../goldens/', import.meta.url);
const shared = new URL('../../../../../shared/', import.meta.url);
const golden = async (name: string) => JSON.parse(await readFile(new URL(name, goldens), 'utf8'));
let temporary = '';
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'pruned-'));
});
afterAll(() => rm(temporary, { recursive: true }));

/** Loads both and checks that each text has the pieces it had. */
async function samePieces(source: string, pruned: ReturnType<typeof pruneVocabulary>, texts: readonly string[]) {
  const target = await mkdtemp(join(temporary, 'tokenizer-'));
  await writeTokenizer(target, pruned.tokenizer);
  const [before, after] = await Promise.all([loadTokenizer(source), loadTokenizer(target)]);
  expect(after.vocabSize).toBe(pruned.keptIds.length);
  for (const text of texts) {
    const { ids } = after.encode(text);
    expect(
      Array.from(ids, (id) => pruned.keptIds[id]),
      JSON.stringify(text),
    ).toEqual([...before.encode(text).ids]);
    expect(after.decode(ids)).toBe(before.decode(before.encode(text).ids));
  }
}

describe.each(['llama', 'bpe', 'unigram', 'unigram-bytes', 't5'])('pruneVocabulary of %s.model', (name) => {
  it('cuts the corpus as before, and says what other texts cost', async () => {
    const source = fileURLToPath(new URL(`forms/${name}.model`, goldens));
    const { texts } = (await golden('forms/folders.json')) as { texts: readonly string[] };
    const mails = (await golden('corpus.json')) as readonly string[];
    const files = await readTokenizerFiles(source);
    const pruned = pruneVocabulary(files, texts, { heldOut: mails });
    await samePieces(source, pruned, texts);
    expect(pruned.keptIds.length).toBeLessThan(files.vocabSize);
    const { tokensPerWord, tokensPerText, unknownRate, byteRate, changed } = pruned.report!;
    expect(tokensPerWord.after).toBeGreaterThan(tokensPerWord.before);
    expect(tokensPerText.after / tokensPerText.before).toBeCloseTo(tokensPerWord.after / tokensPerWord.before, 9);
    expect(changed).toBeGreaterThan(0);
    // shares of ever more tokens: what a text has of them cannot become fewer
    const aText = (rate: { readonly before: number; readonly after: number }) =>
      rate.after * tokensPerText.after - rate.before * tokensPerText.before;
    const hasBytes = name === 'llama' || name === 'unigram-bytes';
    const [some, none] = hasBytes ? [byteRate, unknownRate] : [unknownRate, byteRate];
    expect(none).toEqual({ before: 0, after: 0 });
    expect(some.before).toBeGreaterThan(0);
    expect(aText(some)).toBeGreaterThanOrEqual(0);
  });
});

it("GPT-2's vocabulary pruned to reviews cuts them as before", async (context) => {
  const source = fileURLToPath(new URL('models/gpt2-tokenizer', shared));
  const reviews = fileURLToPath(new URL('data/imdb/test.jsonl.gz', shared));
  for (const path of [source, reviews]) if (!existsSync(path)) return context.skip(`nothing at ${path}`);
  const rows = gunzipSync(await readFile(reviews))
    .toString('utf8')
    .split('\n', 150);
  const texts = rows.map((row) => (JSON.parse(row) as { text: string }).text);
  const [corpus, heldOut] = [texts.slice(0, 100), texts.slice(100)];
  const files = await readTokenizerFiles(source);
  const all = pruneVocabulary(files, corpus, { heldOut });
  await samePieces(source, all, corpus);
  expect(all.keptIds.length).toBeGreaterThan(4_000);
  expect(all.keptIds.length).toBeLessThan(12_000);
  const { tokensPerWord, unknownRate } = all.report!;
  expect(tokensPerWord.after).toBeGreaterThan(tokensPerWord.before);
  expect(unknownRate).toEqual({ before: 0, after: 0 });
  // fewer tokens cost more
  const few = pruneVocabulary(files, corpus, { keep: 2_000, heldOut });
  expect(few.keptIds.length).toBe(2_000);
  expect(few.report!.tokensPerWord.after).toBeGreaterThan(tokensPerWord.after);
  expect(few.report!.tokensPerWord.before).toBe(tokensPerWord.before);
});
