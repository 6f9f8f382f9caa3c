import { Worker } from 'node:worker_threads';
import { SlmError } from '@slm-compress/onnx';
import type { Task, TaskEvent, TaskResults } from './tasks/task.ts';

/** What the stage worker posts, a union on `type`. */
export type WorkerMessage =
  | { readonly type: 'event'; readonly event: TaskEvent }
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'error'; readonly error: WorkerError };

export interface WorkerError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

export interface TaskOptions {
  readonly onEvent?: (event: TaskEvent) => void;
  /** Asks the worker to stop; it writes a checkpoint first and the promise then rejects with code `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** Runs a task in a thread of its own, so that the calling thread stays free for progress and signals. */
export async function runTask<T extends Task>(task: T, options: TaskOptions = {}): Promise<TaskResults[T['kind']]> {
  const worker = new Worker(new URL('../dist/stage-worker.js', import.meta.url), { workerData: task });
  const abort = () => worker.postMessage({ type: 'abort' });
  options.signal?.addEventListener('abort', abort);
  if (options.signal?.aborted) abort();
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'event') options.onEvent?.(message.event);
        else if (message.type === 'result') resolve(message.result as TaskResults[T['kind']]);
        else reject(revive(message.error));
      });
      worker.on('error', reject);
      worker.on('exit', (code) => {
        reject(
          new SlmError(
            'WORKER_EXITED',
            `task ${task.kind}: expected a result, got exit of its thread with code ${code}`,
          ),
        );
      });
    });
  } finally {
    options.signal?.removeEventListener('abort', abort);
    await worker.terminate();
  }
}

function revive(error: WorkerError): Error {
  const made =
    error.name === 'SlmError' && error.code !== undefined
      ? new SlmError(error.code, error.message)
      : Object.assign(
          new Error(error.message),
          { name: error.name },
          error.code === undefined ? {} : { code: error.code },
        );
  if (error.stack !== undefined) made.stack = error.stack;
  return made;
}
