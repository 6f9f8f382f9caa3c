import { Worker } from 'node:worker_threads';
import { throwIfAborted } from './bytes.ts';

export type ParquetRequest =
  | { readonly kind: 'open'; readonly path: string }
  /** The next rows of a row group, its first ones when another was read before. */
  | { readonly kind: 'rows'; readonly path: string; readonly group: number; readonly columns: readonly string[] };

export type ParquetReply =
  | {
      readonly kind: 'file';
      readonly columns: readonly string[];
      /** Rows by row group, as the footer says. */
      readonly rowCounts: readonly number[];
      /** What Hugging Face `datasets` wrote into the footer. */
      readonly note: string | undefined;
    }
  | {
      readonly kind: 'rows';
      readonly count: number;
      /** Values by column, in the order asked for. */
      readonly columns: readonly (readonly unknown[])[];
      /** Rows of which a text was not UTF-8. */
      readonly repaired: readonly number[];
    }
  | { readonly kind: 'end' }
  /** `lost`: the thread died, or was ended as it made no progress. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

/** A thread that decodes Parquet files, started when it is first asked and again after it was lost. */
export interface ParquetThread {
  /** Asks; the answer to an earlier question must have come. Does not keep the process alive. */
  ask(request: ParquetRequest): void;
  /** The answer. Throws SlmError `ABORTED` (the signal's reason as cause) and ends the thread. */
  answer(): Promise<ParquetReply>;
  end(): Promise<void>;
}

/** Workers load compiled code, also when this module runs from source. */
const workerFile = new URL('../../dist/sources/parquet-worker.js', import.meta.url);
const looks = 10;

/**
 * A thread to be ended by who made it. While an answer is awaited, work on a page may take `stallMs` (30 s by default), and as
 * much again for every 16 MiB that the page unpacks to; then the thread is ended. Time that this thread was
 * busy does not count.
 */
export function createParquetThread(
  options: { readonly stallMs?: number; readonly heapMb?: number; readonly signal?: AbortSignal | undefined } = {},
): ParquetThread {
  const { stallMs = 30_000, heapMb = 2048, signal } = options;
  const progress = new Int32Array(new SharedArrayBuffer(8));
  let worker: Worker | undefined;
  let reply: ParquetReply | undefined;
  let wake = () => {};
  const settle = (from: Worker, found: ParquetReply): void => {
    if (from !== worker) return;
    reply ??= found;
    if (found.kind === 'error' && found.code === 'lost') worker = undefined;
    wake();
  };
  const lost = (message: string): ParquetReply => ({ kind: 'error', code: 'lost', message });
  const start = (): Worker => {
    const started = new Worker(workerFile, {
      workerData: progress,
      execArgv: [],
      name: 'parquet',
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    started.unref();
    started.on('message', (message: ParquetReply) => settle(started, message));
    started.on('error', (error) => settle(started, lost(error.message)));
    started.on('exit', () => settle(started, lost('the end of the decoding thread')));
    return started;
  };
  const end = async (): Promise<void> => {
    const ended = worker;
    worker = undefined;
    await ended?.terminate();
  };
  return {
    ask(request) {
      reply = undefined;
      worker ??= start();
      worker.postMessage(request);
    },
    async answer() {
      let seen = Atomics.load(progress, 0);
      let still = 0;
      // Keeps the process alive while someone waits.
      const watch = setInterval(() => {
        const now = Atomics.load(progress, 0);
        still = now === seen ? still + 1 : 0;
        seen = now;
        if (still >= looks * (1 + Atomics.load(progress, 1) / 16)) {
          reply = lost(`no progress for ${Math.round((still * stallMs) / looks / 1000)} s`);
          wake();
        }
      }, stallMs / looks);
      const aborted = () => wake();
      signal?.addEventListener('abort', aborted);
      try {
        while (reply === undefined && !signal?.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearInterval(watch);
        signal?.removeEventListener('abort', aborted);
      }
      if (reply === undefined || (reply.kind === 'error' && reply.code === 'lost')) await end();
      if (signal?.aborted) await end();
      throwIfAborted(signal);
      return reply!;
    },
    end,
  };
}
