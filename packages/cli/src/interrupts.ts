import { log } from './output.ts';

/**
 * Runs `body` with a signal that the first Ctrl-C (or SIGTERM) aborts; a second one ends the process at once.
 */
export async function withInterrupts<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) stopAtOnce();
    log('\nstopping at the next step (press Ctrl-C again to stop at once)');
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await body(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/**
 * Ends the process as Ctrl-C does to programs that do not catch it. `process.exit` would end threads inside ONNX
 * Runtime, which aborts with a dump.
 */
export function stopAtOnce(): void {
  if (process.stderr.isTTY) process.stderr.write('\x1b[?25h\x1b[?7h');
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
}
