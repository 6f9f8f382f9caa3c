import type { Engine, Model, PoolOptions } from '@slm-compress/onnx';
import { encodeSource } from './encode.ts';
import { checkFeeds, checkOutputs, ownedBuffers, postable } from './tensors.ts';
import { openWorkerPool, type PoolStats } from './worker-pool.ts';

/** A pool of sessions: an engine with numbers. */
export interface EnginePool extends Engine {
  stats(): PoolStats;
  /** As disposing, and what is not done after `deadlineMs` rejects with `ENGINE_CLOSED`. */
  close(options?: { deadlineMs?: number }): Promise<void>;
}

/**
 * Opens one session in each of `workers` threads (one thread per session unless `intraOpThreads` says otherwise) and
 * resolves when all of them are open. A run's result depends on its feeds alone, not on the worker or their number.
 *
 * The model reaches the workers once, in shared memory, or as a path. Feeds backed by a SharedArrayBuffer are posted
 * as they are; others are copied when a worker is free, and the copy is transferred. Outputs come back by transfer.
 * A worker that dies is replaced and its run repeated once.
 *
 * Disposing waits for the runs accepted before.
 *
 * @throws SlmError as {@link openEngine}; from `run` also `QUEUE_FULL`, `ABORTED`, `WORKER_LOST`.
 */
export async function openPool(model: Model | string | Uint8Array, options: PoolOptions = {}): Promise<EnginePool> {
  const { workers, maxQueue, optimizedModelPath, ...engineOptions } = options;
  const source = encodeSource(model);
  const pool = await openWorkerPool(
    { model: typeof source === 'string' ? source : shared(source), options: engineOptions },
    {
      ...(workers === undefined ? {} : { workers }),
      ...(maxQueue === undefined ? {} : { maxQueue }),
      ...(optimizedModelPath === undefined ? {} : { optimizedModelPath }),
    },
  );
  const signature = pool.opened;
  return {
    signature,
    async run(feeds, { signal, outputs } = {}) {
      checkFeeds(signature, feeds);
      checkOutputs(signature, outputs);
      return pool.submit<'run'>(
        () => {
          const posted = postable(feeds);
          const task = { kind: 'run' as const, feeds: posted, ...(outputs === undefined ? {} : { outputs }) };
          return { task, transfer: ownedBuffers(posted) };
        },
        signal === undefined ? {} : { signal },
      );
    },
    stats: () => pool.stats(),
    close: (closeOptions) => pool.close(closeOptions),
    [Symbol.asyncDispose]: () => pool.close(),
  };
}

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(bytes.byteLength);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}
