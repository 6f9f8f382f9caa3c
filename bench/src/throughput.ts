import { performance } from 'node:perf_hooks';
import { SlmError } from '@slm-compress/onnx';
import { type Distribution, summarize } from './distribution.ts';

export interface ThroughputOptions {
  /** Calls in flight at any time; 4 by default. */
  readonly concurrency?: number;
  /** Inputs run before the clock starts; `concurrency` by default, so that every worker is warm. */
  readonly warmup?: number;
  readonly signal?: AbortSignal;
}

export interface Throughput {
  /** Inputs per second of wall time. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly n: number;
  readonly concurrency: number;
  /** Time of a single call under this load, in milliseconds, waiting included. */
  readonly latency: Distribution;
}

/**
 * Runs every input through `run` with a fixed number of calls in flight (a closed loop) and counts inputs per second.
 * With texts as inputs this is texts/s.
 *
 * @throws SlmError `BENCH_OPTIONS` for no inputs or no concurrency; the first error of `run`, once no call is in flight.
 */
export async function measureThroughput<T>(
  inputs: readonly T[],
  run: (input: T, index: number) => Promise<unknown>,
  { concurrency = 4, warmup = concurrency, signal }: ThroughputOptions = {},
): Promise<Throughput> {
  if (inputs.length === 0 || !(concurrency >= 1)) {
    throw new SlmError(
      'BENCH_OPTIONS',
      `measureThroughput: expected inputs and concurrency of at least 1, got ${inputs.length} and ${concurrency}`,
    );
  }
  await drain(inputs.slice(0, warmup), run, concurrency, signal);
  const start = performance.now();
  const times = await drain(inputs, run, concurrency, signal);
  const seconds = (performance.now() - start) / 1000;
  return { perSecond: inputs.length / seconds, seconds, n: inputs.length, concurrency, latency: summarize(times) };
}

async function drain<T>(
  inputs: readonly T[],
  run: (input: T, index: number) => Promise<unknown>,
  concurrency: number,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  const times: number[] = new Array<number>(inputs.length);
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (next < inputs.length && !failed) {
      signal?.throwIfAborted();
      const index = next++;
      const start = performance.now();
      await run(inputs[index]!, index);
      times[index] = performance.now() - start;
    }
  };
  const lanes = Array.from({ length: Math.min(concurrency, inputs.length) }, () =>
    lane().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  const failure = (await Promise.allSettled(lanes)).find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
  return times;
}
