import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { SlmError } from '@slm-compress/onnx';

/**
 * Takes the lock of a run folder (`.lock`, created exclusively) and releases it on disposal. The file holds the process
 * id and, on Linux, the process's start time, so that a lock left by a killed process is taken over even when its id
 * has been given to another. Throws `RUN_LOCKED` while its process lives.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, '.lock');
  const own = join(folder, `.lock-${process.pid}-${threadId}`);
  await writeFile(own, `${process.pid} ${await startTime(process.pid)}\n`);
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await link(own, path);
        return { [Symbol.asyncDispose]: () => unlink(path).catch(() => undefined) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const holder = await livingHolder(path);
        if (holder !== undefined) {
          const message = `expected a free folder, got a run in process ${holder} (wait for it or stop it)`;
          throw new SlmError('RUN_LOCKED', `${folder}: ${message}`);
        }
        await unlink(path).catch(() => undefined);
      }
    }
    throw new SlmError('RUN_LOCKED', `${folder}: expected a free folder, got a lock that others keep taking (${path})`);
  } finally {
    await unlink(own).catch(() => undefined);
  }
}

/** The process id in the lock file when that very process still runs. */
async function livingHolder(path: string): Promise<number | undefined> {
  const [id = '', started = ''] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ');
  const pid = Number(id);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  return started === (await startTime(pid)) ? pid : undefined;
}

/** Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), `''` where there is no /proc. */
async function startTime(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
