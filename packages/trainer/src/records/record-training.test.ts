import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TrainEvent } from '../train-options.ts';
import { eventsFile, metricsFile, readMetrics, recordTraining } from './record-training.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'record-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const step = (step: number): TrainEvent => ({
  kind: 'step',
  step,
  totalSteps: 9,
  epoch: 1,
  loss: 1 / step,
  learningRate: 1e-3,
  gradientNorm: 1,
  batchMs: 1,
  usefulTokensPerSecond: 100,
  etaMs: 1,
});
const validation: TrainEvent = {
  kind: 'validation',
  step: 3,
  epoch: 1,
  trainingLoss: 0.5,
  validationLoss: 0.4,
  metrics: { accuracy: 0.75 },
  best: true,
};

async function run(events: readonly TrainEvent[]) {
  const training = async function* (): AsyncGenerator<TrainEvent, string> {
    yield* events;
    return 'made';
  };
  const seen: TrainEvent[] = [];
  const recorded = recordTraining(training(), folder);
  for (let next = await recorded.next(); ; next = await recorded.next()) {
    if (next.done) return { seen, result: next.value };
    seen.push(next.value);
  }
}
const steps = async () => (await readMetrics(folder)).map((line) => `${line.kind} ${line.step}`);
const events = () => readFile(join(folder, eventsFile));

test('events and the result pass through; steps and validations are recorded', async () => {
  const all = [step(1), step(2), step(3), validation, { kind: 'checkpoint', step: 3, path: 'x' } as const];
  expect(await run(all)).toEqual({ seen: all, result: 'made' });
  expect(await steps()).toEqual(['step 1', 'step 2', 'step 3', 'validation 3']);
  const [first] = await readMetrics(folder);
  expect(first).toMatchObject({ ...step(1), time: expect.any(Number) });
  expect((await events()).toString('latin1')).toContain('validation/accuracy');
});

test('a resumed training drops what is behind its checkpoint, and a line that a crash cut', async () => {
  await run([step(1), step(2), step(3), validation, step(4)]);
  await appendFile(join(folder, metricsFile), '{"kind":"step","step":5');
  const before = await events();
  await run([{ kind: 'resumed', step: 2, totalSteps: 9 }, step(3), validation]);
  expect(await steps()).toEqual(['step 1', 'step 2', 'step 3', 'validation 3']);
  const after = await events();
  expect(after.length).toBeLessThan(before.length);
  expect((after.toString('latin1').match(/train\/loss/g) ?? []).length).toBe(3);
});

test('a new training starts new files', async () => {
  await run([step(1), step(2)]);
  await run([step(1)]);
  expect(await steps()).toEqual(['step 1']);
});

test('a folder that cannot be written is an error, and the training is ended', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  let ended = false;
  const training = async function* (): AsyncGenerator<TrainEvent, void> {
    try {
      yield step(1);
    } finally {
      ended = true;
    }
  };
  const recorded = recordTraining(training(), join(file, 'inside'));
  await expect(recorded.next()).rejects.toMatchObject({ code: 'RECORD_WRITE' });
  expect(ended).toBe(true);
});
