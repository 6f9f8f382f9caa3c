/**
 * Timing loops of our own rather than tinybench's: tinybench runs every sample of one task before the next task, so
 * a machine that slows down half-way (a neighbour, a hot core) is blamed on the case measured then. Comparisons here
 * interleave the cases round by round in seeded random order, which a task-at-a-time loop cannot do.
 */
import { performance } from 'node:perf_hooks';
import { createRng, type Engine, type Rng, SlmError, type Tensors } from '@slm-compress/onnx';
import { type Distribution, summarize } from './distribution.ts';

/** One operation to time; what it resolves to is dropped. */
export type Operation = () => Promise<unknown>;

export interface LatencyOptions {
  /** What an `Engine` is fed; not used for a function. */
  readonly feeds?: Tensors;
  /** Timed calls; 200 by default. */
  readonly iterations?: number;
  /** Stops before `iterations` once this many milliseconds were spent in timed calls; unlimited by default. */
  readonly timeMs?: number;
  /** Untimed calls before; 10 by default. */
  readonly warmup?: number;
  /** Most samples kept in the result; 400 by default. */
  readonly keep?: number;
  readonly signal?: AbortSignal;
}

/**
 * Times one operation, or one run of an engine on `feeds`, one call after another.
 *
 * @throws SlmError `BENCH_OPTIONS` for an engine without feeds or for no iterations; the signal's reason when aborted.
 */
export async function measureLatency(target: Operation | Engine, options: LatencyOptions = {}): Promise<Distribution> {
  const { iterations = 200, timeMs = Number.POSITIVE_INFINITY, warmup = 10, keep = 400, signal } = options;
  requirePositive('measureLatency', 'iterations', iterations);
  const run = toOperation(target, options.feeds);
  for (let i = 0; i < warmup; i++) {
    signal?.throwIfAborted();
    await run();
  }
  const times: number[] = [];
  for (let spent = 0; times.length < iterations && (times.length === 0 || spent < timeMs); ) {
    signal?.throwIfAborted();
    const time = await timed(run);
    times.push(time);
    spent += time;
  }
  return summarize(times, { keep });
}

/** One of several operations to compare. */
export interface Case {
  readonly name: string;
  readonly run: Operation;
}

export interface AlternatingOptions {
  /** Timed calls of every case; 100 by default. */
  readonly rounds?: number;
  /** Untimed rounds before; 5 by default. */
  readonly warmup?: number;
  /**
   * Untimed calls of a case right before each timed one; none by default. Without them a case starts from the processor
   * caches that its neighbour left, and a small model is charged for a large one beside it.
   */
  readonly settle?: number;
  /** Shuffles the order of the cases in every round; a fixed seed by default. */
  readonly rng?: Rng;
  /** Most samples kept in each distribution; 400 by default. */
  readonly keep?: number;
  readonly signal?: AbortSignal;
}

/** The times of one case. */
export interface CaseMeasurement {
  readonly name: string;
  readonly distribution: Distribution;
  /** All times in milliseconds, index = round: what `speedRatio` takes. */
  readonly times: readonly number[];
}

/**
 * Times several cases against each other in one process: every round calls each case once, in an order shuffled by
 * `rng`, so that slow phases of the machine hit all cases alike. Results come in the order of `cases`.
 *
 * @throws SlmError `BENCH_OPTIONS` for no cases, a name used twice or no rounds; the signal's reason when aborted.
 */
export async function measureAlternating(
  cases: readonly Case[],
  { rounds = 100, warmup = 5, settle = 0, rng = createRng('alternate'), keep = 400, signal }: AlternatingOptions = {},
): Promise<readonly CaseMeasurement[]> {
  requirePositive('measureAlternating', 'rounds', rounds);
  requirePositive('measureAlternating', 'the number of cases', cases.length);
  const names = new Set(cases.map(({ name }) => name));
  if (names.size !== cases.length) {
    throw new SlmError(
      'BENCH_OPTIONS',
      `measureAlternating: expected distinct names, got ${cases.map(({ name }) => name).join(', ')}`,
    );
  }
  const times = cases.map((): number[] => []);
  for (let round = -warmup; round < rounds; round++) {
    for (const index of rng.shuffle(cases.map((_, i) => i))) {
      signal?.throwIfAborted();
      const { run } = cases[index]!;
      for (let call = 0; call < settle; call++) await run();
      const time = await timed(run);
      if (round >= 0) times[index]!.push(time);
    }
  }
  return cases.map(({ name }, i) => ({ name, distribution: summarize(times[i]!, { keep }), times: times[i]! }));
}

async function timed(run: Operation): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function toOperation(target: Operation | Engine, feeds: Tensors | undefined): Operation {
  if (typeof target === 'function') return target;
  if (!feeds) throw new SlmError('BENCH_OPTIONS', 'measureLatency: expected feeds for an engine, got none');
  return () => target.run(feeds);
}

function requirePositive(where: string, what: string, value: number): void {
  if (!(value >= 1)) throw new SlmError('BENCH_OPTIONS', `${where}: expected ${what} to be at least 1, got ${value}`);
}
