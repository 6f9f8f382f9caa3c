import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { SlmError } from '@slm-compress/onnx';
import type { BatchJob, ReadyBatch } from './batch-job.ts';
import type { TokenStore } from './token-store.ts';

export interface PrefetchOptions {
  /** Batches made ahead of the one in use; 4 by default. */
  readonly capacity?: number;
  /** The step to go on from; 0 by default. */
  readonly firstStep?: number;
  readonly signal?: AbortSignal;
}

/** What the worker is started with. */
export interface PrefetchSetup {
  readonly store: TokenStore;
  readonly job: BatchJob;
  readonly firstStep: number;
  readonly capacity: number;
}

/** What the worker says. It hears one message, of no content, for every batch that was taken. */
export type PrefetchReply =
  | { readonly kind: 'batch'; readonly batch: ReadyBatch }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

/** Workers load compiled code, also when this module runs from source. */
const WORKER_FILE = new URL('../../dist/batches/prefetch-worker.js', import.meta.url);

/**
 * The batches of a job in order, each made in a worker thread while the caller is busy with the one before: the same as
 * `batchMaker` gives. The thread starts with the first `next()` and ends with the last batch, an error, an abort, or when the
 * loop is left; while the caller is busy it does not keep the process alive.
 * Throws SlmError `BATCH_OPTION` for bounds out of range, what `batchMaker` throws, `ABORTED` (the signal's reason as
 * cause), and `BATCH_WORKER` when the thread dies.
 */
export async function* prefetchBatches(
  store: TokenStore,
  job: BatchJob,
  options: PrefetchOptions = {},
): AsyncGenerator<ReadyBatch, void, undefined> {
  const { capacity = 4, firstStep = 0, signal } = options;
  if (!Number.isInteger(capacity) || capacity < 1 || !Number.isInteger(firstStep) || firstStep < 0) {
    throw new SlmError(
      'BATCH_OPTION',
      `prefetch: expected capacity ≥ 1 and firstStep ≥ 0, got ${capacity}, ${firstStep}`,
    );
  }
  throwIfAborted(signal);
  const setup: PrefetchSetup = { store, job, firstStep, capacity };
  const worker = new Worker(WORKER_FILE, { workerData: setup, execArgv: [], name: 'prefetch' });
  try {
    const replies = on(worker, 'message', { close: ['exit'], ...(signal && { signal }) });
    for await (const [reply] of replies as AsyncIterable<[PrefetchReply]>) {
      throwIfAborted(signal);
      if (reply.kind === 'end') return;
      if (reply.kind === 'error') throw new SlmError(reply.code, reply.message);
      worker.postMessage(null);
      worker.unref();
      yield reply.batch;
      throwIfAborted(signal);
      worker.ref();
    }
  } catch (error) {
    throwIfAborted(signal);
    throw error instanceof SlmError ? error : died(error);
  } finally {
    await worker.terminate();
  }
  throw died();
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new SlmError('ABORTED', 'prefetch: expected to finish, got cancelled by the caller', {
      cause: signal.reason,
    });
  }
}

function died(cause?: unknown): SlmError {
  const how = cause instanceof Error ? cause.message : 'its end';
  return new SlmError('BATCH_WORKER', `prefetch: expected a batch from the thread, got ${how}`, { cause });
}
