import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { encodeModel, type Model, type OpenPool } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { beforeAll, expect, test } from 'vitest';
import { keywordData, keywordTraining } from '../test-support/keyword-training.js';
import { predictLogits, scoreLogits } from './predict.ts';
import { readSafetensors } from './safetensors.ts';
import { train } from './train.ts';
import type { TrainEvent, TrainOptions, TrainResult } from './train-options.ts';

const program = fileURLToPath(new URL('../test-support/keyword-training.js', import.meta.url));
const options = keywordTraining;
const validation = keywordData().validation;
const folder = () => mkdtemp(join(tmpdir(), 'train-'));

async function drain(
  settings: TrainOptions,
  onEvent: (event: TrainEvent) => void = () => undefined,
): Promise<TrainResult> {
  const events = train(settings);
  for (;;) {
    const next = await events.next();
    if (next.done) return next.value;
    onEvent(next.value);
  }
}
const bytes = (model: Model) => Buffer.from(encodeModel(model)).toString('base64');

let whole: TrainResult;
beforeAll(async () => {
  whole = await drain(options());
});

test('learns the task, and returns the weights of its best epoch', async () => {
  expect(whole.history.at(-1)!.metrics.accuracy).toBeGreaterThan(0.95);
  expect(whole.history[0]!.trainingLoss).toBeGreaterThan(4 * whole.history.at(-1)!.trainingLoss);
  await using engine = await openEngine(whole.model);
  const score = scoreLogits(await predictLogits(engine, validation.ids), validation.labels);
  expect(score.accuracy).toBe(whole.best.metrics.accuracy);
  expect(score.loss).toBeCloseTo(whole.best.validationLoss, 5);
});

test.each([2, 3])('%d workers give the same bytes as one', async (workers) => {
  const other = await drain(options({ workers }));
  expect(other.history).toEqual(whole.history);
  expect(bytes(other.model)).toBe(bytes(whole.model));
});

test('distillation follows a teacher that disagrees with the labels', async () => {
  const { ids, labels } = keywordData().train;
  const teacherLogits = Float32Array.from({ length: ids.length * 2 }, (_, i) => (labels[i >> 1] === (i & 1) ? -4 : 4));
  const loss = { kind: 'distillation', temperature: 2, hardWeight: 0 } as const;
  const result = await drain(options({}, { loss, train: { ids, labels, teacherLogits } }));
  expect(result.history.at(-1)!.metrics.accuracy).toBeLessThan(0.1);
});

test('batches that are accumulated give the step of one batch', async () => {
  const step = async (overrides: Partial<TrainOptions>) => {
    const plain = { epochs: 1, maxSteps: 1, dropout: 0, clipNorm: Number.POSITIVE_INFINITY };
    return (await drain(options({ ...plain, optimizer: { kind: 'sgd' }, ...overrides }))).history[0]!;
  };
  const [once, parts] = await Promise.all([
    step({ tokenBudget: 1 << 20, shards: 8 }),
    step({ tokenBudget: 512, accumulate: 1000 }),
  ]);
  expect(parts.trainingLoss).toBeCloseTo(once.trainingLoss, 6);
  expect(parts.validationLoss).toBeCloseTo(once.validationLoss, 6);
});

test('validates when it is told to, and stops after the steps it is told', async () => {
  const result = await drain(options({ maxSteps: 8, validateEverySteps: 3 }));
  expect(result.history.map(({ step }) => step)).toEqual([3, 6, 8]);
  expect(result.steps).toBe(8);
});

test('class weights move the decision towards the heavier class', async () => {
  const share = async (classWeights: readonly number[]) => {
    const loss = { kind: 'cross-entropy', classWeights } as const;
    const { model } = await drain(options({ epochs: 1, maxSteps: 4 }, { loss }));
    await using engine = await openEngine(model);
    const logits = await predictLogits(engine, validation.ids);
    return validation.ids.filter((_, i) => logits[2 * i + 1]! > logits[2 * i]!).length;
  };
  expect(await share([1, 20])).toBeGreaterThan((await share([20, 1])) + 50);
});

test('killed with SIGKILL, it goes on from the checkpoint and ends with the same bytes', async () => {
  const checkpointDir = await folder();
  const child = spawn(process.execPath, [program, checkpointDir, '2'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('checkpoint')) break;
  }
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  const kinds: string[] = [];
  const resumed = await drain(options({ checkpointDir }), (event) => kinds.push(event.kind));
  expect(kinds[0]).toBe('resumed');
  expect(resumed.history).toEqual(whole.history);
  expect(bytes(resumed.model)).toBe(bytes(whole.model));
  const again: string[] = [];
  const finished = await drain(options({ checkpointDir }), (event) => again.push(event.kind));
  expect(again).toEqual(['resumed']);
  expect(bytes(finished.model)).toBe(bytes(whole.model));
});

test('a signal stops it after a checkpoint; damaged and foreign checkpoints are refused', async () => {
  const checkpointDir = await folder();
  const stop = new AbortController();
  const settings = options({ checkpointDir, checkpointEverySteps: 1000, signal: stop.signal });
  const stopping = drain(settings, (event) => event.kind === 'step' && event.step === 5 && stop.abort());
  await expect(stopping).rejects.toMatchObject({ code: 'ABORTED', message: expect.stringContaining('after step 5') });
  const foreign = drain(options({ checkpointDir, learningRate: 1e-3 }));
  await expect(foreign).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  let from = 0;
  const resumed = await drain(options({ checkpointDir }), (event) => {
    if (event.kind === 'resumed') from = event.step;
  });
  expect(from).toBe(5);
  expect(bytes(resumed.model)).toBe(bytes(whole.model));
  const path = join(checkpointDir, (await readdir(checkpointDir)).find((name) => name.startsWith('checkpoint-'))!);
  const file = await readFile(path);
  file[file.length - 10]! ^= 1;
  await writeFile(path, file);
  await expect(drain(options({ checkpointDir }))).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' });
  await writeFile(path, file.subarray(0, 100));
  await expect(drain(options({ checkpointDir }))).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' });
});

test('frozen parameters keep their bytes, the others learn', async () => {
  const settings = options({ epochs: 1, parameterRules: [{ match: 'bert.embeddings.*', frozen: true }] });
  const { model } = await drain(settings);
  for (const [name, { data }] of settings.model.graph.initializers) {
    const same = [...data].join() === [...model.graph.initializers.get(name)!.data].join();
    const frozen = name.startsWith('bert.embeddings.') || name.startsWith('constant/') || !name.includes('.');
    if (frozen || name.endsWith('.dense.weight')) expect([name, same]).toEqual([name, frozen]);
  }
});

test('an average of the weights changes what is validated, not the training, and is resumed bit for bit', async () => {
  const averaged = await drain(options({ averageDecay: 0.9 }));
  const losses = (result: TrainResult) => result.history.map(({ trainingLoss }) => trainingLoss);
  expect(losses(averaged)).toEqual(losses(whole));
  expect(averaged.history[0]!.validationLoss).not.toBe(whole.history[0]!.validationLoss);
  const checkpointDir = await folder();
  const stop = new AbortController();
  const stopping = drain(
    options({ averageDecay: 0.9, checkpointDir, signal: stop.signal }),
    (event) => event.kind === 'step' && event.step === 7 && stop.abort(),
  );
  await expect(stopping).rejects.toMatchObject({ code: 'ABORTED' });
  const resumed = await drain(options({ averageDecay: 0.9, checkpointDir }));
  expect(resumed.history).toEqual(averaged.history);
  expect(bytes(resumed.model)).toBe(bytes(averaged.model));
});

test('stops when no epoch is better for as long as patience says', async () => {
  const result = await drain(options({ epochs: 50, patience: 1, learningRate: 1e-12 }));
  expect(result.history.length).toBeLessThan(50);
});

test('of the checkpoints the newest are kept; a damaged one is passed over for the one before', async () => {
  const checkpointDir = await folder();
  await drain(options({ checkpointDir, keepCheckpoints: 2, maxSteps: 10 }));
  const names = (await readdir(checkpointDir)).sort();
  expect(names).toEqual(['checkpoint-0000009.safetensors', 'checkpoint-0000010.safetensors']);
  await writeFile(join(checkpointDir, names[1]!), 'cut short');
  let from = 0;
  await drain(options({ checkpointDir, keepCheckpoints: 2, maxSteps: 10 }), (event) => {
    if (event.kind === 'resumed') from = event.step;
  });
  expect(from).toBe(9);
});

test('a checkpoint that cannot be written is CHECKPOINT_WRITE', async () => {
  const checkpointDir = join(await folder(), 'file');
  await writeFile(checkpointDir, 'not a folder');
  const failing = drain(options({ checkpointDir }));
  await expect(failing).rejects.toMatchObject({ code: expect.stringMatching(/^(CHECKPOINT_WRITE|ENOTDIR)$/) });
});

test('a loss that is not finite is TRAINING_DIVERGED, and its batch is saved', async () => {
  const checkpointDir = await folder();
  const failing = drain(options({ learningRate: 1e38, clipNorm: Number.POSITIVE_INFINITY, warmup: 0, checkpointDir }));
  await expect(failing).rejects.toMatchObject({ code: 'TRAINING_DIVERGED', message: expect.stringContaining('lower') });
  const name = (await readdir(checkpointDir)).find((file) => file.startsWith('diverged-'))!;
  const { tensors, metadata } = await readSafetensors(join(checkpointDir, name));
  const [examples] = JSON.parse(metadata.examples!);
  expect(tensors.get('shard.0/input_ids')!.dims[0]).toBe(Math.floor(examples.length / 4));
});

test('a learning rate of a million is TRAINING_DIVERGED', async () => {
  const failing = drain(options({ learningRate: 1e6, dropout: 0, warmup: 0 }));
  await expect(failing).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' });
});

const never: OpenPool = () => Promise.reject(new Error('opened'));
test.each([
  [{ epochs: 0 }, 'TRAIN_OPTIONS', 'epochs must be a positive integer, got 0'],
  [{ learningRate: -1 }, 'TRAIN_OPTIONS', 'learningRate must be above 0'],
  [{ dropout: 1 }, 'TRAIN_OPTIONS', 'dropout must be in [0, 1)'],
  [{ accumulate: 0 }, 'TRAIN_OPTIONS', 'accumulate must be a positive integer'],
  [{ workers: 0 }, 'TRAIN_OPTIONS', 'workers 0 needs open'],
] as const)('%j is %s', async (overrides, code, message) => {
  await expect(drain(options({ ...(overrides as Partial<TrainOptions>), openPool: never }))).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test.each([
  [{ tokenDropout: 1 }, 'TRAIN_OPTIONS', 'tokenDropout must be in [0, 1)'],
  [{ tokenDropout: 0.1 }, 'TRAIN_OPTIONS', 'maskId must be a token id'],
  [{ loss: { kind: 'distillation', temperature: 0, hardWeight: 0 } }, 'TRAIN_OPTIONS', 'temperature must be above 0'],
  [{ loss: { kind: 'cross-entropy', classWeights: [1, 0] } }, 'TRAIN_OPTIONS', 'classWeights must be above 0'],
  [{ loss: { kind: 'cross-entropy', classWeights: [1] } }, 'TRAIN_OPTIONS', 'expected 2 class weights, got 1'],
  [{ loss: { kind: 'distillation', temperature: 1, hardWeight: 0 } }, 'TRAIN_DATA', 'teacher logits'],
  [{ output: 'scores' }, 'STEP_MODEL', 'expected output scores [batch, labels], got outputs logits [batch, 2]'],
  [{ train: { ids: [], labels: new Int32Array() } }, 'TRAIN_DATA', 'at least one example'],
  [{ train: { ids: [Int32Array.of(1)], labels: Int32Array.of(2) } }, 'TRAIN_DATA', 'expected a label below 2, got 2'],
  [{ train: { ids: [new Int32Array(25)], labels: Int32Array.of(0) } }, 'TRAIN_DATA', 'at most 24 tokens, got 25'],
] as const)('a task with %j is %s', async (overrides, code, message) => {
  const run = async () => await drain(options({ openPool: never }, overrides));
  await expect(run()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});
