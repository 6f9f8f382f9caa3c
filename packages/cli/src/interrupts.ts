import { exitCodes } from './exit-codes.ts';
import { log } from './output.ts';

/**
 * Runs `body` with a signal that the first Ctrl-C (or SIGTERM) aborts; a second one ends the process at once.
 */
export async function withInterrupts<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
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
