import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { batchMaker, type ReadyBatch } from './batch-job.ts';
import { IGNORED_LABEL } from './ignored-label.ts';
import { planBatches } from './plan-batches.ts';
import { prefetchBatches } from './prefetch.ts';
import { openTokenFile, type TokenRow, writeTokenFile } from './token-file.ts';
import { shareTokens, storedLengths, storedRow } from './token-store.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-file-'));
});
afterAll(() => rm(folder, { recursive: true }));

const sha256 = (bytes: ArrayBuffer) => createHash('sha256').update(new Uint8Array(bytes)).digest('hex');

function rowsOf(vocabularySize: number, labelled: boolean, count = 50): TokenRow[] {
  const rng = createRng(vocabularySize);
  return Array.from({ length: count }, (_, n) => {
    const ids = Int32Array.from({ length: n === 7 ? 0 : rng.integer(40) }, () => rng.integer(vocabularySize));
    const labels = ids.map((id) => (rng.uniform() < 0.5 ? id : IGNORED_LABEL));
    return { ids, bytes: 3 * ids.length, ...(labelled && { labels }) };
  });
}

it.each([
  [65_536, false, 2],
  [65_537, false, 4],
  [32_768, true, 2],
  [32_769, true, 4],
] as const)(
  '%d tokens, labels %s: %d bytes a token, and rows as they were',
  async (vocabularySize, labelled, width) => {
    const rows = rowsOf(vocabularySize, labelled);
    rows.push({ ids: Int32Array.of(vocabularySize - 1), bytes: 1, ...(labelled && { labels: Int32Array.of(-100) }) });
    const path = join(folder, 'rows.tokens');
    const written = await writeTokenFile(path, rows, { vocabularySize, labelled, tokenizer: 'abc' });
    const read = await openTokenFile(path);
    expect(read).toEqual(written);
    expect(read).toMatchObject({ width, labelled, vocabularySize, tokenizer: 'abc' });
    expect(read.bytes).toBe(rows.reduce((sum, { bytes }) => sum + bytes, 0));
    rows.forEach(({ ids, labels }, i) => {
      expect(storedRow(read, 'ids', i)).toEqual(ids);
      if (labels) expect(storedRow(read, 'labels', i)).toEqual(labels);
    });
    expect(await readdir(folder)).toEqual(['rows.tokens']);
  },
);

it('more than a chunk, from a stream: the batches are those of the tokens in memory, also in the worker', async () => {
  const rng = createRng(2);
  const rows = Array.from({ length: 300 }, () => {
    const ids = Int32Array.from({ length: 2000 }, (_, i) => (i * i + rng.integer(9)) % 8000);
    return { ids, labels: ids.map((id) => (id % 3 ? id : IGNORED_LABEL)), bytes: 1 };
  });
  const path = join(folder, 'large.tokens');
  const stream = async function* () {
    yield* rows;
  };
  await writeTokenFile(path, stream(), { vocabularySize: 8000, labelled: true, tokenizer: '' });
  const store = await openTokenFile(path);
  const shared = shareTokens(
    rows.map(({ ids }) => ids),
    rows.map(({ labels }) => labels),
  );
  const recipe = { batching: { kind: 'pack', blockLength: 64, blocks: 2000 }, padId: 0, epochs: 1, seed: 3 } as const;
  const { job } = planBatches(storedLengths(store), recipe);
  const make = batchMaker(shared, job);
  const bytesOf = ({ tensors }: ReadyBatch) =>
    Object.values(tensors).map(({ data }) => sha256((data as BigInt64Array).buffer as ArrayBuffer));
  let step = 0;
  for await (const batch of prefetchBatches(store, job)) expect(bytesOf(batch)).toEqual(bytesOf(make(step++)));
  expect(step).toBe(job.batches.length);
});

it('an empty corpus is one', async () => {
  const path = join(folder, 'empty.tokens');
  await writeTokenFile(path, [], { vocabularySize: 5, tokenizer: '' });
  expect(storedLengths(await openTokenFile(path))).toEqual([]);
});

it('a rewritten file has the same bytes, and the old one stays when rows fail', async () => {
  const path = join(folder, 'same.tokens');
  const options = { vocabularySize: 100, tokenizer: '' };
  await writeTokenFile(path, rowsOf(100, false), options);
  const bytes = await readFile(path);
  await writeTokenFile(path, rowsOf(100, false), options);
  expect(await readFile(path)).toEqual(bytes);
  const failing = async function* () {
    yield* rowsOf(100, false);
    throw new Error('unread');
  };
  await expect(writeTokenFile(path, failing(), options)).rejects.toThrow('unread');
  expect(await readFile(path)).toEqual(bytes);
  expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([]);
});

it.each<[TokenRow, boolean, string]>([
  [{ ids: Int32Array.of(10), bytes: 1 }, false, 'ids below 10, got 10'],
  [{ ids: Int32Array.of(-1), bytes: 1 }, false, 'ids below 10, got -1'],
  [{ ids: Int32Array.of(1), bytes: -1 }, false, 'a number of bytes'],
  [{ ids: Int32Array.of(1), bytes: 1 }, true, '1 labels, got none'],
  [{ ids: Int32Array.of(1), labels: Int32Array.of(1), bytes: 1 }, false, 'no labels, got 1'],
  [{ ids: Int32Array.of(1), labels: Int32Array.of(2), bytes: 1 }, true, 'the label 1 or none, got 2'],
])('%j is refused', async (row, labelled, message) => {
  const options = { vocabularySize: 10, labelled, tokenizer: '' };
  await expect(writeTokenFile(join(folder, 'wrong.tokens'), [row], options)).rejects.toMatchObject({
    code: 'BATCH_OPTION',
    message: expect.stringContaining(message),
  });
  await expect(openTokenFile(join(folder, 'wrong.tokens'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

it('every cut and every changed bit is TOKENS_CORRUPT', async () => {
  const path = join(folder, 'damaged.tokens');
  await writeTokenFile(path, rowsOf(30, true, 5), { vocabularySize: 30, labelled: true, tokenizer: 'abc' });
  const whole = await readFile(path);
  const { bytes, tokenizer } = await openTokenFile(path);
  for (let length = 0; length < whole.length; length++) {
    await writeFile(path, whole.subarray(0, length));
    await expect(openTokenFile(path)).rejects.toMatchObject({ code: 'TOKENS_CORRUPT' });
  }
  const rng = createRng(1);
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1 << rng.integer(8);
    await writeFile(path, damaged);
    // The counts and names in the header that nothing else proves may change what is said, not what is read.
    const outcome = await openTokenFile(path).catch((error) => error.code);
    if (typeof outcome === 'string') expect(outcome).toBe('TOKENS_CORRUPT');
    else expect([outcome.bytes, outcome.tokenizer, outcome.vocabularySize]).not.toEqual([bytes, tokenizer, 30]);
  }
});

it('a file that became shorter after it was opened is TOKENS_CORRUPT', async () => {
  const path = join(folder, 'cut.tokens');
  await writeTokenFile(path, [{ ids: Int32Array.of(1, 2, 3), bytes: 3 }], { vocabularySize: 5, tokenizer: '' });
  const store = await openTokenFile(path);
  await truncate(path, 4);
  expect(() => storedRow(store, 'ids', 0)).toThrow(expect.objectContaining({ code: 'TOKENS_CORRUPT' }));
});
