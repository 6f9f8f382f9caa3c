import type { StageEvent } from '../events.ts';

/**
 * Turns the progress callbacks of one promise into events: yields the latest progress whenever there is a new one and
 * returns what the promise gives. The work may name another phase with each report.
 */
export async function* relay<T>(
  stage: string,
  phase: string,
  work: (report: (done: number, total: number, phase?: string) => void) => Promise<T>,
): AsyncGenerator<StageEvent, T> {
  let latest: readonly [number, number, string] | undefined;
  let wake = () => {};
  let settled = false;
  const result = work((done, total, part = phase) => {
    latest = [done, total, part];
    wake();
  }).finally(() => {
    settled = true;
    wake();
  });
  result.catch(() => undefined);
  for (;;) {
    while (latest !== undefined) {
      const [done, total, part] = latest;
      latest = undefined;
      yield { kind: 'progress', stage, phase: part, done, total };
    }
    if (settled) return await result;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (settled || latest !== undefined) resolve();
    });
  }
}
