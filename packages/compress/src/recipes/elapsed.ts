import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { StageEvent } from './events.ts';

const file = (work: string) => join(work, 'seconds.json');

/** Seconds that earlier sessions spent on a stage up to the checkpoint in its work folder; 0 without one. */
export async function earlierSeconds(work: string): Promise<number> {
  const text = await readFile(file(work), 'utf8').catch(() => '0');
  const seconds = Number(text);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

/**
 * Passes on what a stage yields and returns; beside every checkpoint in its work folder it keeps the seconds spent so
 * far, `before` included, for {@link earlierSeconds} of the session that goes on from there.
 */
export async function* keepSeconds<T>(
  stage: AsyncGenerator<StageEvent, T>,
  work: string,
  before: number,
): AsyncGenerator<StageEvent, T> {
  const start = performance.now();
  const keep = () => writeFile(file(work), `${before + (performance.now() - start) / 1000}\n`);
  try {
    for (;;) {
      const next = await stage.next();
      if (next.done === true) return next.value;
      if (next.value.kind === 'train' && next.value.event.kind === 'checkpoint') await keep();
      yield next.value;
    }
  } catch (error) {
    if ((await readdir(work).catch(() => [])).length > 0) await keep().catch(() => undefined);
    throw error;
  } finally {
    await stage.return(undefined as T);
  }
}
