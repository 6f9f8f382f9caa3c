import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { earlierSeconds, keepSeconds } from './elapsed.ts';
import type { StageEvent } from './events.ts';

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'slm-elapsed-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

const note: StageEvent = { kind: 'note', stage: 's', message: 'm' };

async function* failing(): AsyncGenerator<StageEvent, string> {
  yield note;
  throw new Error('stopped');
}

async function* checkpointing(): AsyncGenerator<StageEvent, string> {
  yield note;
  yield { kind: 'train', stage: 's', event: { kind: 'checkpoint', step: 1, path: 'p' } };
  return 'made';
}

async function drain<T>(stage: AsyncGenerator<StageEvent, T>): Promise<{ events: StageEvent[]; result: T }> {
  const events: StageEvent[] = [];
  for (;;) {
    const next = await stage.next();
    if (next.done === true) return { events, result: next.value };
    events.push(next.value);
  }
}

test('nothing is kept of a stage that left nothing to go on from', async () => {
  await expect(drain(keepSeconds(failing(), work, 5))).rejects.toThrow('stopped');
  expect(await earlierSeconds(work)).toBe(0);
});

test('a checkpoint keeps the seconds of all sessions; events and result pass through', async () => {
  const { events, result } = await drain(keepSeconds(checkpointing(), work, 100));
  expect(events).toHaveLength(2);
  expect(result).toBe('made');
  expect(await earlierSeconds(work)).toBeGreaterThanOrEqual(100);
});

test('a stage that stops beside a checkpoint adds up', async () => {
  const before = await earlierSeconds(work);
  await expect(drain(keepSeconds(failing(), work, before))).rejects.toThrow('stopped');
  expect(await earlierSeconds(work)).toBeGreaterThan(before);
});

test('a damaged file counts as nothing', async () => {
  await writeFile(join(work, 'seconds.json'), '{"half');
  expect(await earlierSeconds(work)).toBe(0);
});
