/**
 * Ending a thread inside ONNX Runtime's native code aborts the whole process. So a worker announces when it goes there,
 * and a process that exits first lets no worker in and waits for those inside.
 */
export interface ExitGuard {
  /** `[threads inside, exiting]`, shared with the workers. */
  readonly state: Int32Array;
  /** Ends the watch. */
  release(): void;
}

const INSIDE = 0;
const EXITING = 1;
/** Longest wait at exit. */
const PATIENCE_MS = 30_000;
const guards = new Set<Int32Array>();

/** Watches over one pool's workers until released. */
export function createExitGuard(): ExitGuard {
  const state = new Int32Array(new SharedArrayBuffer(8));
  if (guards.size === 0) process.on('exit', waitForAll);
  guards.add(state);
  return {
    state,
    release() {
      guards.delete(state);
      if (guards.size === 0) process.off('exit', waitForAll);
    },
  };
}

/** Runs `body` in a worker as a stay inside native code. When the process is exiting, it never begins. */
export async function guarded<T>(state: Int32Array, body: () => Promise<T>): Promise<T> {
  Atomics.add(state, INSIDE, 1);
  if (Atomics.load(state, EXITING) === 1) {
    leave(state);
    return new Promise<never>(() => undefined);
  }
  try {
    return await body();
  } finally {
    leave(state);
  }
}

function leave(state: Int32Array): void {
  Atomics.sub(state, INSIDE, 1);
  Atomics.notify(state, INSIDE);
}

function waitForAll(): void {
  const end = performance.now() + PATIENCE_MS;
  for (const state of guards) {
    Atomics.store(state, EXITING, 1);
    for (let inside = Atomics.load(state, INSIDE); inside > 0; inside = Atomics.load(state, INSIDE)) {
      const left = end - performance.now();
      if (left <= 0 || Atomics.wait(state, INSIDE, inside, left) === 'timed-out') break;
    }
  }
}
