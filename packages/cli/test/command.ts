import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The command as a file for Node. */
export const launcher = fileURLToPath(new URL('../bin/slm-compress.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly input?: string;
  /** Looks at every line of stdout; the signal it returns is sent to the process. */
  readonly onLine?: (line: string) => NodeJS.Signals | undefined;
}

/** Runs the command as a child process, without colours, to its end. */
export function slmCompress(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const { cwd, input = '', onLine } = options;
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    ...(cwd === undefined ? {} : { cwd }),
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout += `${line}\n`;
    const signal = onLine?.(line);
    if (signal !== undefined) child.kill(signal);
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
