import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { SlmError } from '@slm-compress/onnx';
import { Piscina } from 'piscina';
import { aborted } from './abort.ts';
import { checkCallOptions, checkCount } from './check-call.ts';
import { createExitGuard } from './exit-guard.ts';
import type { WorkerReply, WorkerSetup, WorkerTask, WorkerValues } from './worker-protocol.ts';

/** Compiled, also under a test runner that loads this file as TypeScript. */
const WORKER_FILE = fileURLToPath(new URL('../dist/engine-worker.js', import.meta.url));
const ATTEMPTS = 2;
/** Threads that may die in a row while they start, before the pool gives up. */
const RESPAWNS = 4;

/** Counts since the pool was opened, and how many tasks wait and run now. */
export interface PoolStats {
  readonly workers: number;
  readonly queued: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  /** Rejected with `QUEUE_FULL`. */
  readonly refused: number;
  readonly aborted: number;
  /** Times that a task's worker died. */
  readonly lost: number;
}

/** Where the time of a finished task went, in milliseconds. */
export interface TaskTiming {
  readonly queueMs: number;
  readonly computeMs: number;
}

export interface SubmitOptions {
  readonly signal?: AbortSignal;
  /** Part of work that {@link WorkerPool.admit} let in: not refused when the queue is full. */
  readonly admitted?: boolean;
  /** Told when the worker's answer arrives. */
  readonly onTiming?: (timing: TaskTiming) => void;
}

/**
 * Worker threads with a bounded queue in front. Tasks start in the order they came; a worker has one at a time.
 * A cancelled task rejects at once: while it waits it leaves the queue, while it runs its worker finishes it unseen.
 */
export interface WorkerPool extends AsyncDisposable {
  /** What the first worker answered to `open`. */
  readonly opened: WorkerValues['open'];
  /**
   * Queues a task. `make` is called when a worker is free and returns what is posted there, and what is transferred.
   *
   * @throws SlmError `QUEUE_FULL`, `ABORTED`, `ENGINE_CLOSED`, `ENGINE_INPUT`, `WORKER_LOST` (the worker died twice), or
   * the task's own.
   */
  submit<Kind extends WorkerTask['kind']>(
    make: () => { task: WorkerTask & { kind: Kind }; transfer?: readonly ArrayBuffer[] },
    options?: SubmitOptions,
  ): Promise<WorkerValues[Kind]>;
  /**
   * Asks once for work of several tasks, which are then submitted as `admitted`, until the returned function is called.
   * Closing waits for that call.
   *
   * @throws SlmError `QUEUE_FULL`, `ENGINE_CLOSED`
   */
  admit(): () => void;
  stats(): PoolStats;
  /**
   * Takes no more tasks and waits for those accepted. What is not done after `deadlineMs` (unlimited when absent)
   * rejects with `ENGINE_CLOSED`.
   */
  close(options?: { deadlineMs?: number }): Promise<void>;
  /** The live threads, for diagnosis. */
  readonly threads: readonly Worker[];
}

export interface WorkerPoolOptions {
  readonly workers?: number;
  readonly maxQueue?: number;
  readonly optimizedModelPath?: string;
  /** Niceness added to the worker threads, so that the calling thread goes first on a full machine; 0 by default. */
  readonly niceIncrement?: number;
  /** The worker's compiled module. */
  readonly workerFile?: string;
}

interface Entry {
  readonly make: () => { task: WorkerTask; transfer?: readonly ArrayBuffer[] };
  readonly options: SubmitOptions;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly enqueued: number;
  onAbort?: () => void;
  settled: boolean;
  attempts: number;
}

/**
 * Starts the threads and opens every session before it resolves; rejects with the first worker's error.
 *
 * @throws SlmError `RUNTIME_OPTIONS` when `workers` is no integer ≥ 1 or `maxQueue` neither an integer ≥ 0 nor infinite.
 */
export async function openWorkerPool(
  setup: Omit<WorkerSetup, 'guard'>,
  options: WorkerPoolOptions = {},
): Promise<WorkerPool> {
  const {
    workers = availableParallelism(),
    maxQueue = Number.POSITIVE_INFINITY,
    optimizedModelPath,
    workerFile = WORKER_FILE,
    niceIncrement = 0,
  } = options;
  checkCount('workers', workers, 1);
  if (maxQueue !== Number.POSITIVE_INFINITY) checkCount('maxQueue', maxQueue, 0);
  const guard = createExitGuard();
  const piscina = new Piscina({
    filename: workerFile,
    minThreads: workers,
    maxThreads: workers,
    idleTimeout: Number.POSITIVE_INFINITY,
    execArgv: [],
    workerData: { ...setup, guard: guard.state } satisfies WorkerSetup,
    recordTiming: false,
    niceIncrement,
  });
  // An idle worker's death has no task to reject; piscina starts another.
  piscina.on('error', () => undefined);
  // A worker that dies while it starts is not replaced by piscina unless another task comes.
  piscina.on('workerDestroy', () => setImmediate(respawn));

  const waiting: Entry[] = [];
  const live = new Set<Entry>();
  const counts = { completed: 0, failed: 0, refused: 0, aborted: 0, lost: 0 };
  let running = 0;
  let admissions = 0;
  let respawns = 0;
  let opened = false;
  let ended = false;
  let gaveUp = false;
  let closing: Promise<void> | undefined;
  let changed: (() => void) | undefined;

  const post = async <Kind extends WorkerTask['kind']>(
    task: WorkerTask & { kind: Kind },
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerReply<Kind>> => piscina.run(task, { transferList: [...transfer] as never });

  const settle = (entry: Entry, action: () => void): void => {
    if (entry.settled) return;
    entry.settled = true;
    live.delete(entry);
    if (entry.onAbort !== undefined) entry.options.signal?.removeEventListener('abort', entry.onAbort);
    action();
  };

  const fail = (entry: Entry, error: SlmError): void =>
    settle(entry, () => {
      counts.failed++;
      entry.reject(error);
    });

  const dispatch = async (entry: Entry): Promise<void> => {
    const started = performance.now();
    running++;
    entry.attempts++;
    try {
      const { task, transfer } = entry.make();
      const reply = await post(task, transfer);
      respawns = 0;
      entry.options.onTiming?.({ queueMs: started - entry.enqueued, computeMs: reply.computeMs });
      if (reply.ok) {
        settle(entry, () => {
          counts.completed++;
          entry.resolve(reply.value);
        });
      } else fail(entry, new SlmError(reply.code, reply.message));
    } catch (cause) {
      counts.lost++;
      if (entry.settled) return;
      if (entry.attempts < ATTEMPTS) waiting.unshift(entry);
      else fail(entry, lost(cause));
    } finally {
      running--;
      advance();
    }
  };

  const advance = (): void => {
    while (running < workers) {
      const entry = waiting.shift();
      if (entry === undefined) break;
      void dispatch(entry);
    }
    changed?.();
  };

  const idle = (): boolean => running === 0 && waiting.length === 0 && admissions === 0;

  /** Resolves when `done` holds after a task ended, after `deadlineMs`, or when the pool gave up. */
  const settled = (deadlineMs: number | undefined, done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const timer = deadlineMs === undefined ? undefined : setTimeout(resolve, deadlineMs);
      changed = () => {
        if (!gaveUp && !done()) return;
        clearTimeout(timer);
        resolve();
      };
      changed();
    });

  const shutDown = async (deadlineMs: number | undefined): Promise<void> => {
    await settled(deadlineMs, idle);
    ended = true;
    waiting.length = 0;
    for (const entry of [...live]) fail(entry, closedError());
    if (!gaveUp) {
      // A thread inside ONNX Runtime must not be ended: its run is waited for though nobody wants its result.
      await settled(undefined, () => running === 0);
      await Promise.allSettled(piscina.threads.map(() => post({ kind: 'close' })));
    }
    await piscina.destroy();
    guard.release();
  };

  const respawn = (): void => {
    if (ended || !opened || piscina.threads.length >= workers) return;
    if (++respawns <= RESPAWNS) {
      post({ kind: 'open' }).catch(() => undefined);
      return;
    }
    ended = true;
    gaveUp = true;
    waiting.length = 0;
    for (const entry of [...live]) fail(entry, lost(undefined));
    changed?.();
  };

  const checkAdmission = (): void => {
    if (closing !== undefined) throw closedError();
    if (ended) throw lost(undefined);
    if (running < workers || waiting.length < maxQueue) return;
    counts.refused++;
    throw new SlmError('QUEUE_FULL', `pool: expected at most ${maxQueue} waiting, got one more`);
  };

  const pool: Omit<WorkerPool, 'opened'> = {
    submit(make, submitOptions = {}) {
      const { signal, admitted = false } = submitOptions;
      return new Promise((resolve, reject) => {
        checkCallOptions('pool', submitOptions);
        if (signal?.aborted) {
          counts.aborted++;
          return reject(aborted('pool', signal));
        }
        if (!admitted) checkAdmission();
        else if (ended) throw closedError();
        const entry: Entry = {
          make,
          options: submitOptions,
          resolve: resolve as (value: unknown) => void,
          reject,
          enqueued: performance.now(),
          settled: false,
          attempts: 0,
        };
        live.add(entry);
        if (signal !== undefined) {
          entry.onAbort = () =>
            settle(entry, () => {
              counts.aborted++;
              const index = waiting.indexOf(entry);
              if (index >= 0) waiting.splice(index, 1);
              reject(aborted('pool', signal));
            });
          signal.addEventListener('abort', entry.onAbort, { once: true });
        }
        waiting.push(entry);
        advance();
      });
    },
    admit() {
      checkAdmission();
      let held = true;
      admissions++;
      return () => {
        if (held) admissions--;
        held = false;
        advance();
      };
    },
    stats: () => ({ workers, queued: waiting.length, running, ...counts }),
    close({ deadlineMs } = {}) {
      closing ??= shutDown(deadlineMs);
      return closing;
    },
    get threads() {
      return piscina.threads;
    },
    [Symbol.asyncDispose]: () => pool.close(),
  };

  // Posted together while every worker is idle, so each worker gets one.
  const replies = await Promise.allSettled(
    Array.from({ length: workers }, (_, index) =>
      post({ kind: 'open', ...(index > 0 || optimizedModelPath === undefined ? {} : { optimizedModelPath }) }),
    ),
  );
  const errors = replies.map((reply) => {
    if (reply.status === 'rejected') return lost(reply.reason);
    return reply.value.ok ? undefined : new SlmError(reply.value.code, reply.value.message);
  });
  const first = replies[0];
  if (errors.some((error) => error !== undefined) || first?.status !== 'fulfilled' || !first.value.ok) {
    await piscina.destroy();
    guard.release();
    throw errors.find((error) => error !== undefined) ?? lost(undefined);
  }
  opened = true;
  return Object.defineProperties(pool, { opened: { value: first.value.value, enumerable: true } }) as WorkerPool;
}

function lost(cause: unknown): SlmError {
  return new SlmError('WORKER_LOST', 'pool: expected an answer, got a worker thread that died', { cause });
}

function closedError(): SlmError {
  return new SlmError('ENGINE_CLOSED', 'pool: expected an open pool, got a closed one');
}
