import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { text as readAll } from 'node:stream/consumers';
import { SlmError } from '@slm-compress/onnx';

export interface ProcessOptions {
  readonly signal?: AbortSignal;
  /** Kills the child after this many milliseconds; unlimited by default. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface ProcessMeasurement {
  /** Peak resident memory; null where neither the child nor the system told it. */
  readonly peakMemoryBytes: number | null;
  /** What the child wrote to standard output, as text. */
  readonly output: string;
  readonly seconds: number;
}

/** Milliseconds between looks at `/proc/PID/status` of a running child. */
const POLL_MS = 20;

/**
 * Runs a command to its end and tells its peak resident memory.
 *
 * A Node child (`command` is `process.execPath`) tells its own peak as it exits, through a module loaded before its
 * program; any other child is watched through `/proc` on Linux, where a peak reached in the last 20 ms can be missed.
 * On Linux the peak is `VmHWM`, not the `maxRSS` of getrusage: the kernel carries the latter over from the process
 * that started the child, so a large parent would be charged to a small child.
 *
 * @throws SlmError `PROCESS_FAILED` when the child cannot start, exits with another code than 0 or is killed,
 *   `PROCESS_TIMEOUT` after `timeoutMs`; the signal's reason when aborted. The child is gone in every case.
 */
export async function measureProcess(
  command: string,
  args: readonly string[],
  { signal, timeoutMs, cwd, env }: ProcessOptions = {},
): Promise<ProcessMeasurement> {
  signal?.throwIfAborted();
  const preload = command === process.execPath ? ['--import', reporterUrl(process.pid)] : [];
  const start = performance.now();
  const child = spawn(command, [...preload, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  });
  const streams = [child.stdout, child.stderr, child.stdio[3] as NodeJS.ReadableStream];
  const outputs = Promise.all(streams.map((stream) => readAll(stream!)));
  let watched = 0;
  const poll = setInterval(() => {
    watched = Math.max(watched, residentPeak(child.pid));
  }, POLL_MS);
  let timedOut = false;
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => kill(true), timeoutMs);
  const kill = (late: boolean) => {
    timedOut ||= late;
    child.kill('SIGKILL');
  };
  const onAbort = () => kill(false);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const [code, killedBy] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new SlmError('PROCESS_FAILED', `${command}: expected to start, got ${cause.message}`, { cause })),
      );
      child.once('exit', (...end) => resolve(end));
    });
    signal?.throwIfAborted();
    if (timedOut) {
      throw new SlmError('PROCESS_TIMEOUT', `${command}: expected to end within ${timeoutMs} ms, got killed`);
    }
    const [output = '', errors = '', reported = ''] = await outputs;
    if (code !== 0) {
      const hint = errors.trim().split('\n').at(-1);
      throw new SlmError(
        'PROCESS_FAILED',
        `${command}: expected exit code 0, got ${killedBy ?? code}${hint ? ` (${hint})` : ''}`,
      );
    }
    const peak = Math.max(watched, ...reported.split('\n').map(Number));
    return { peakMemoryBytes: peak || null, output, seconds: (performance.now() - start) / 1000 };
  } finally {
    clearInterval(poll);
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    outputs.catch(() => undefined);
  }
}

/**
 * Peak resident memory of a process in bytes, from `/proc/PID/status`; 0 where there is no such file, 'self' for this
 * process.
 */
export function residentPeak(pid: number | 'self' | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** A module as a data URL that makes a direct child of `parent` write its peak in bytes to descriptor 3 as it exits. */
function reporterUrl(parent: number): string {
  const source = `
    import { readFileSync, writeSync } from 'node:fs';
    import { isMainThread } from 'node:worker_threads';
    if (isMainThread && process.ppid === ${parent}) process.once('exit', () => {
      let peak = process.resourceUsage().maxRSS * 1024;
      try { peak = Number(/^VmHWM:\\s*(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024; } catch {}
      try { writeSync(3, peak + '\\n'); } catch {}
    });`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
