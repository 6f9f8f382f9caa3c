import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModel, type Tensor, writeModel } from '@slm-compress/onnx';
import { loadTokenizer } from '@slm-compress/text';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LABELS, MAX_LENGTH, removeFolder, someTexts, writeTestFolder } from '../test/folders.ts';
import { affine } from '../test/models.ts';
import { openClassifier } from './classifier.ts';
import { groupByLength, paddedLength, softmax } from './classify-texts.ts';
import { openEngine } from './open-engine.ts';

let folder: string;
beforeAll(async () => {
  folder = await writeTestFolder();
});
afterAll(() => removeFolder(folder));

describe('openClassifier', () => {
  test('a text is answered as the model answers its tokens', async () => {
    await using classifier = await openClassifier(folder, { workers: 1 });
    expect(classifier).toMatchObject({ folder, labels: LABELS, maxLength: MAX_LENGTH });
    const text = 'please review the attached report';
    const { ids } = (await loadTokenizer(folder)).encode(text, { maxLength: MAX_LENGTH });
    const dims = [1, ids.length];
    const feeds: Record<string, Tensor> = {
      input_ids: { type: 'int64', dims, data: BigInt64Array.from(ids, BigInt) },
      attention_mask: { type: 'int64', dims, data: new BigInt64Array(ids.length).fill(1n) },
    };
    await using engine = await openEngine(await readModel(join(folder, 'onnx', 'model.onnx')));
    const logits = Array.from((await engine.run(feeds)).logits!.data as Float32Array);

    const answer = await classifier.classify(text);
    const exponentials = logits.map(Math.exp);
    const sum = exponentials.reduce((a, b) => a + b);
    LABELS.forEach((label, index) => {
      expect(answer.scores[label]).toBeCloseTo(exponentials[index]! / sum, 5);
    });
    expect(answer.label).toBe(LABELS[logits.indexOf(Math.max(...logits))]);
    expect(answer.score).toBe(answer.scores[answer.label]);
    expect(answer.truncated).toBe(false);
  });

  test('alone, together, and by any number of workers: the same bits', async () => {
    const texts = someTexts(60, (index) => 1 + ((index * 7) % 90));
    await using one = await openClassifier(folder, { workers: 1, tokenBudget: 512 });
    const alone = [];
    for (const text of texts) alone.push(await one.classify(text));
    expect(new Set(alone.map(({ score }) => score)).size).toBeGreaterThan(40);
    expect(await one.classifyAll(texts)).toEqual(alone);
    await using three = await openClassifier(folder, { workers: 3, tokenBudget: 4096 });
    expect(await three.classifyAll(texts)).toEqual(alone);
    expect(await three.classifyAll(texts.toReversed())).toEqual(alone.toReversed());
  });

  test('any string that shows something is a text', async () => {
    await using classifier = await openClassifier(folder, { workers: 1 });
    const large = 'free money '.repeat(95_000);
    const answers = await classifier.classifyAll(['.', ' \n a', '\ud83d', 'a\udc00b', '\0x', '日本語', large]);
    for (const { scores } of answers) {
      expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    }
    expect(answers.map(({ truncated }) => truncated)).toEqual([false, false, false, false, false, false, true]);
    expect(await classifier.classify('a\udc00b')).toEqual(await classifier.classify('a\ufffdb'));
    expect(await classifier.classifyAll([])).toEqual([]);
  });

  test.each(['', ' \n\t', '\0\x1f', '\u00a0\u3000', '\u200b\ufeff\u2060\u00ad\ufe0f'])(
    '%j has no answer',
    async (blank) => {
      await using classifier = await openClassifier(folder, { workers: 1 });
      await expect(classifier.classify(blank)).rejects.toMatchObject({
        code: 'TEXT_EMPTY',
        message: 'classify: expected a text, got nothing but white space',
      });
      await expect(classifier.classifyAll(['a', blank])).rejects.toMatchObject({
        code: 'TEXT_EMPTY',
        message: 'classifyAll[1]: expected a text, got nothing but white space',
      });
      expect(classifier.stats()).toMatchObject({ running: 0, queued: 0, completed: 0 });
    },
  );

  test('wrong arguments are refused before anything is queued, and closing goes well, twice', async () => {
    const classifier = await openClassifier(folder, { workers: 1 });
    const { classify, classifyAll } = classifier as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const cases: [Promise<unknown>, string][] = [
      [classify!(undefined), 'classify: expected a string, got undefined'],
      [classify!(5), 'classify: expected a string, got number'],
      [classify!('a', { signal: 5 }), 'classify: signal: expected an AbortSignal, got number'],
      [classify!('a', { signal: null }), 'classify: signal: expected an AbortSignal, got null'],
      [classify!('a', { onTiming: 'x' }), 'classify: onTiming: expected a function, got string'],
      [classify!('a', null), 'classify: expected an object of options, got null'],
      [classifyAll!('x'), 'classifyAll: expected an array of strings, got string'],
      [classifyAll!([1]), 'classifyAll[0]: expected a string, got number'],
      [classifyAll!(['a', undefined]), 'classifyAll[1]: expected a string, got undefined'],
      [classifyAll!(new Array(1)), 'classifyAll[0]: expected a string, got undefined'],
      [classifyAll!(['a'], { signal: {} }), 'classifyAll: signal: expected an AbortSignal, got object'],
    ];
    const results = await Promise.allSettled(cases.map(([call]) => call));
    expect(results.map((result) => result.status === 'rejected' && result.reason)).toMatchObject(
      cases.map(([, message]) => ({ code: 'ENGINE_INPUT', message })),
    );
    expect(classifier.stats()).toMatchObject({ running: 0, queued: 0, completed: 0, failed: 0, aborted: 0 });
    await classifier.classify('next', { signal: new AbortController().signal });
    await classifier.close();
    await classifier.close();
  });

  test.each([
    [{ workers: 0 }, 'workers: expected an integer of at least 1, got 0'],
    [{ workers: 1.5 }, 'workers: expected an integer of at least 1, got 1.5'],
    [{ workers: '2' }, 'workers: expected an integer of at least 1, got string'],
    [{ maxQueue: -1 }, 'maxQueue: expected an integer of at least 0, got -1'],
    [{ maxQueue: Number.NaN }, 'maxQueue: expected an integer of at least 0, got NaN'],
    [{ tokenBudget: 0 }, 'tokenBudget: expected an integer of at least 1, got 0'],
  ])('%j is a RUNTIME_OPTIONS', async (options, message) => {
    await expect(openClassifier(folder, options as object)).rejects.toMatchObject({ code: 'RUNTIME_OPTIONS', message });
  });

  test('the queue is bounded, and many texts are admitted as one', async () => {
    await using classifier = await openClassifier(folder, { workers: 1, maxQueue: 1, tokenBudget: 64 });
    const many = classifier.classifyAll(someTexts(20, () => 80));
    expect(classifier.stats()).toMatchObject({ running: 1, queued: 0 });
    const waiting = classifier.classify('second');
    await expect(classifier.classify('third')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expect(classifier.classifyAll(['third'])).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(await many).toHaveLength(20);
    await waiting;
    expect(classifier.stats()).toMatchObject({ running: 0, queued: 0, completed: 21, refused: 2 });
  });

  test('cancelling many texts rejects and leaves nothing behind', async () => {
    await using classifier = await openClassifier(folder, { workers: 1, tokenBudget: 64 });
    const controller = new AbortController();
    const many = classifier.classifyAll(
      someTexts(20, () => 80),
      { signal: controller.signal },
    );
    controller.abort();
    await expect(many).rejects.toMatchObject({ code: 'ABORTED' });
    await classifier.classify('next');
    expect(classifier.stats()).toMatchObject({ running: 0, queued: 0, completed: 1 });
  });

  test('closing answers all texts of a call that was accepted', async () => {
    const classifier = await openClassifier(folder, { workers: 2, tokenBudget: 64 });
    const many = classifier.classifyAll(someTexts(20, () => 40));
    const closed = classifier.close();
    await expect(classifier.classify('late')).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
    expect(await many).toHaveLength(20);
    await closed;
  });

  test('timings of every task are told', async () => {
    await using classifier = await openClassifier(folder, { workers: 1 });
    const timings: unknown[] = [];
    await classifier.classify('text', { onTiming: (timing) => timings.push(timing) });
    expect(timings).toEqual([{ queueMs: expect.any(Number), computeMs: expect.any(Number) }]);
  });

  test('the int8 model is preferred, another can be named', async () => {
    await withCopy(async (copy) => {
      await writeModel(join(copy, 'onnx', 'model_quantized.onnx'), affine());
      await expect(openClassifier(copy, { workers: 1 })).rejects.toMatchObject({
        code: 'MODEL_FOLDER',
        message: expect.stringContaining('expected inputs input_ids and attention_mask, got x'),
      });
      await using classifier = await openClassifier(copy, { workers: 1, file: 'onnx/model.onnx' });
      expect(classifier.labels).toEqual(LABELS);
    });
  });

  test.each([
    ['no config', (copy: string) => rm(join(copy, 'config.json')), /config\.json: expected a JSON file, got ENOENT/],
    ['a broken config', (copy: string) => writeFile(join(copy, 'config.json'), '{'), /config\.json: expected JSON/],
    [
      'a config without labels',
      (copy: string) => writeFile(join(copy, 'config.json'), '{"max_position_embeddings": 9}'),
      /config\.json: id2label/,
    ],
    [
      'ids with a hole',
      (copy: string) => writeConfig(copy, { 0: 'a', 2: 'b' }),
      /expected id2label with ids from 0, got 0, 2/,
    ],
    ['equal labels', (copy: string) => writeConfig(copy, { 0: 'a', 1: 'a' }), /expected different labels/],
    ['labels the model lacks', (copy: string) => writeConfig(copy, { 0: 'a', 1: 'b' }), /logits with 2 labels, got 3/],
    ['no tokenizer', (copy: string) => rm(join(copy, 'tokenizer.json')), /tokenizer\.json: expected the tokenizer/],
    [
      'no model',
      (copy: string) => rm(join(copy, 'onnx', 'model.onnx')),
      /expected onnx\/model_quantized\.onnx or onnx\/model\.onnx, got no such file/,
    ],
  ])('a folder with %s is a MODEL_FOLDER', async (_, damage, message) => {
    await withCopy(async (copy) => {
      await damage(copy);
      await expect(openClassifier(copy, { workers: 1 })).rejects.toMatchObject({
        code: 'MODEL_FOLDER',
        message: expect.stringMatching(message),
      });
    });
  });

  test('a missing folder, a named file that is missing and a corrupt model are told apart', async () => {
    await expect(openClassifier('/nowhere')).rejects.toMatchObject({ code: 'MODEL_FOLDER' });
    await expect(openClassifier(folder, { file: 'other.onnx' })).rejects.toMatchObject({
      code: 'MODEL_FOLDER',
      message: `${folder}: expected other.onnx, got no such file`,
    });
    await withCopy(async (copy) => {
      await writeFile(join(copy, 'onnx', 'model.onnx'), 'not a model');
      await expect(openClassifier(copy, { workers: 2 })).rejects.toMatchObject({ code: 'ONNX_CORRUPT' });
    });
  });
});

describe('parts', () => {
  test('padded lengths are multiples of 16 within the limit', () => {
    expect([0, 1, 16, 17, 100, 120, 128].map((length) => paddedLength(length, 120))).toEqual([
      16, 16, 16, 32, 112, 120, 120,
    ]);
  });

  test('groups have one length, keep to the budget, and hold every index once', () => {
    const lengths = [16, 32, 16, 16, 64, 32, 16];
    const groups = groupByLength(lengths, 48);
    expect(groups).toEqual([[0, 2, 3], [1], [4], [5], [6]]);
  });

  test('softmax stands large logits', () => {
    expect(softmax(Float32Array.of(1000, 1000))).toEqual(Float64Array.of(0.5, 0.5));
    expect(softmax(Float32Array.of(-1e30, 1e30))).toEqual(Float64Array.of(0, 1));
  });
});

async function withCopy(body: (copy: string) => Promise<void>): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), 'slm-runtime-'));
  try {
    await cp(folder, copy, { recursive: true });
    await body(copy);
  } finally {
    await removeFolder(copy);
  }
}

function writeConfig(copy: string, id2label: Record<number, string>): Promise<void> {
  return writeFile(join(copy, 'config.json'), JSON.stringify({ id2label, max_position_embeddings: MAX_LENGTH }));
}
