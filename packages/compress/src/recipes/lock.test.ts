import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockFolder } from './lock.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'slm-lock-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('a second lock is refused while the first is held, and granted afterwards', async () => {
  const folder = await emptyFolder();
  const first = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: 'RUN_LOCKED',
    message: expect.stringContaining(`${folder}: expected a free folder, got a run in process ${process.pid}`),
  });
  await first[Symbol.asyncDispose]();
  await (await lockFolder(folder))[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual([]);
});

test('the lock of a process that is gone is taken over', async () => {
  const folder = await emptyFolder();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  await writeFile(join(folder, '.lock'), `${pid} 1\n`);
  await (await lockFolder(folder))[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual([]);
});

test.runIf(process.platform === 'linux')(
  'a living process that started at another time is not the holder',
  async () => {
    const folder = await emptyFolder();
    await writeFile(join(folder, '.lock'), `${process.pid} 1\n`);
    await (await lockFolder(folder))[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  },
);
