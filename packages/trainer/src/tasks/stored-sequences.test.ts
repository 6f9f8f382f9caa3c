import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGraphBuilder, createRng, float32, inferTypes, type Model } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { IGNORED_LABEL, openTokenFile, shareTokens, type TokenRow, writeTokenFile } from '@slm-compress/text';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { train } from '../train.ts';
import type { TrainOptions, TrainResult } from '../train-options.ts';
import { languageModel } from './language-model.ts';
import { storedSequences } from './stored-sequences.ts';

const [V, H] = [11, 6];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stored-sequences-'));
});
afterAll(() => rm(folder, { recursive: true }));

function bigrams(): Model {
  const rng = createRng(4);
  const random = (rows: number, columns: number) =>
    float32(
      Float32Array.from({ length: rows * columns }, () => rng.normal()),
      [rows, columns],
    );
  const g = createGraphBuilder('bigrams');
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const table = g.constant('table', random(V, H));
  const mixed = g.op('MatMul', [g.op('Gather', [table, ids], { axis: 0 }), g.constant('mix', random(H, H))]);
  g.op('Tanh', [mixed], {}, { outputs: ['hidden_states'] });
  g.constant('head', random(V, H));
  g.output('hidden_states', 'float32', ['batch', 'sequence', H]);
  return inferTypes(g.model({ opset: 17 }));
}

/** Every token is the one before it plus 3; of a chat, the second half is learned. */
function* chains(count: number): Generator<TokenRow> {
  for (let i = 0; i < count; i++) {
    const ids = Int32Array.from({ length: 6 + (i % 9) }, (_, at) => (i + 3 * at) % V);
    yield { ids, labels: ids.map((id, at) => (at < 3 ? IGNORED_LABEL : id)), bytes: ids.length - 3 };
  }
}

const stored = async (name: string, count: number) => {
  const path = join(folder, name);
  await writeTokenFile(path, chains(count), { vocabularySize: V, labelled: true, tokenizer: '' });
  return await openTokenFile(path);
};

const numbers = (data: unknown) => Array.from(data as BigInt64Array, Number);

test('examples are cut, padded and labelled; only what is asked for is fed', () => {
  const ids = [Int32Array.of(1, 2, 3, 4, 5), new Int32Array(0), Int32Array.of(6)];
  const labels = [Int32Array.of(-100, 2, 3, -100, 5), new Int32Array(0), Int32Array.of(6)];
  const all = storedSequences({ store: shareTokens(ids), padId: 0, maxLength: 3 });
  expect(all.lengths).toEqual([3, 2, 1]);
  const { tensors, tokens } = all.batch([1, 2]);
  expect(tokens).toBe(3);
  expect(numbers(tensors.input_ids!.data)).toEqual([4, 5, 6, 0]);
  expect(numbers(tensors.attention_mask!.data)).toEqual([1, 1, 1, 0]);
  expect(numbers(tensors.labels!.data)).toEqual([4, 5, 6, IGNORED_LABEL]);
  const some = storedSequences({ store: shareTokens(ids, labels), padId: 0, maxLength: 3, inputs: ['input_ids'] });
  expect(Object.keys(some.batch([0]).tensors).sort()).toEqual(['input_ids', 'labels']);
  expect(numbers(some.batch([0, 1]).tensors.labels!.data)).toEqual([-100, 2, 3, -100, 5, -100]);
});

test('packed sequences have all tokens once, apart by segments', async () => {
  const packed = storedSequences({ store: await stored('packed', 40), padId: 0, maxLength: 16, packed: true });
  const { tensors, tokens } = packed.batch(packed.lengths.map((_, i) => i));
  const segments = numbers(tensors.segment_ids!.data);
  const positions = numbers(tensors.position_ids!.data);
  expect(segments.filter((segment) => segment > 0)).toHaveLength(tokens);
  expect(tokens).toBe([...chains(40)].reduce((sum, { ids }) => sum + ids.length, 0));
  const label = numbers(tensors.labels!.data);
  segments.forEach((segment, at) => {
    const starts = segment > 0 && (at % 16 === 0 || segments[at - 1] !== segment);
    if (starts) expect([positions[at], label[at]]).toEqual([0, IGNORED_LABEL]);
  });
});

test('masks depend on seed, step and example, not on the batch, and are always alike in validation', async () => {
  const mask = { vocabularySize: V, maskId: 10, specialIds: [0], probability: 0.5 };
  const masked = storedSequences({ store: await stored('masked', 40), padId: 0, maxLength: 6, mask });
  const draw = { seed: 1, step: 5, shard: 0 };
  const ids = (...args: Parameters<typeof masked.batch>) => numbers(masked.batch(...args).tensors.input_ids!.data);
  expect(ids([3, 2], { ...draw, shard: 1 }).slice(0, 6)).toEqual(ids([3], draw));
  const every = masked.lengths.map((_, i) => i);
  expect(ids(every, draw)).not.toEqual(ids(every, { ...draw, step: 6 }));
  expect(ids(every, draw)).not.toEqual(ids(every, { ...draw, seed: 2 }));
  expect(ids(every)).toEqual(ids(every));
  expect(numbers(masked.batch(every, draw).tensors.labels!.data).some((label) => label >= 0)).toBe(true);
});

test.each([
  [{ packed: true, inputs: ['input_ids'] }, 'expected segment_ids'],
  [{ maxLength: 0 }, 'maxLength: expected a positive integer, got 0'],
])('%j is refused', (options, message) => {
  const store = shareTokens([Int32Array.of(1)]);
  expect(() => storedSequences({ store, padId: 0, maxLength: 4, ...options })).toThrow(
    expect.objectContaining({ code: 'BATCH_OPTION', message: expect.stringContaining(message) }),
  );
});

async function drain(options: TrainOptions, stop?: { readonly at: number; readonly by: AbortController }) {
  const events = train(options);
  for (;;) {
    const next = await events.next();
    if (next.done) return next.value;
    if (next.value.kind === 'step' && next.value.step === stop?.at) stop.by.abort();
  }
}

test('learns from a file, and goes on after a stop as if it had never stopped', async () => {
  const [training, validation] = [await stored('train', 60), await stored('validation', 11)];
  const sequences = (store: typeof training) =>
    storedSequences({ store, padId: 0, maxLength: 12, inputs: ['input_ids'] });
  const options = (extra: Partial<TrainOptions> = {}): TrainOptions => ({
    model: bigrams(),
    task: languageModel({
      kind: 'causal',
      train: sequences(training),
      validation: sequences(validation),
      weight: 'head',
    }),
    openPool,
    workers: 1,
    epochs: 10,
    tokenBudget: 128,
    learningRate: 0.03,
    dropout: 0,
    seed: 1,
    ...extra,
  });
  const whole: TrainResult = await drain(options());
  expect(whole.best.metrics.perplexity).toBeLessThan(3);
  const predicted = [...chains(11)].reduce((sum, { ids }) => sum + ids.length - 3 - (ids.length > 12 ? 1 : 0), 0);
  const bits = (whole.best.validationLoss * predicted) / validation.bytes / Math.LN2;
  expect(whole.best.metrics.bitsPerByte).toBeCloseTo(bits, 8);

  const by = new AbortController();
  const kept = { checkpointDir: join(folder, 'work') };
  await expect(drain(options({ ...kept, signal: by.signal }), { at: 17, by })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  const resumed = await drain(options(kept));
  expect(resumed.history).toEqual(whole.history);
  for (const name of ['table', 'mix', 'head']) {
    expect(resumed.model.graph.initializers.get(name)).toEqual(whole.model.graph.initializers.get(name));
  }
});
