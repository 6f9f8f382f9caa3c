import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerError, WorkerMessage } from './task-client.ts';
import { executeTask } from './tasks/execute.ts';
import type { Task } from './tasks/task.ts';

const port = parentPort!;
const controller = new AbortController();
port.on('message', (message: { readonly type: 'abort' }) => {
  if (message.type === 'abort') controller.abort();
});
const post = (message: WorkerMessage) => port.postMessage(message);

try {
  const task = executeTask(workerData as Task, controller.signal);
  for (;;) {
    const next = await task.next();
    if (next.done === true) {
      post({ type: 'result', result: next.value });
      break;
    }
    post({ type: 'event', event: next.value });
  }
} catch (error) {
  post({ type: 'error', error: describe(error) });
} finally {
  port.removeAllListeners('message');
  port.unref();
}

function describe(error: unknown): WorkerError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { code } = error as { readonly code?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}
