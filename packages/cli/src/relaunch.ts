import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SlmError } from '@slm-compress/onnx';

/** Bytes of an argument up to which ONNX Runtime was seen to open a session; it crashes somewhere above 10,000. */
const SAFE_BYTES = 8000;

/**
 * Whether an argument is too long to open a model in this process: onnxruntime-node 1.30 reads the process's command
 * line and crashes when that is long.
 */
export function isLongArgument(argument: string): boolean {
  return Buffer.byteLength(argument) > SAFE_BYTES;
}

/** Runs this command in a child process with `input` as its standard input; its output and exit code become ours. */
export async function runWithInput(args: readonly string[], input: string): Promise<void> {
  const launcher = fileURLToPath(new URL('../bin/slm-compress.js', import.meta.url));
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return;
  if (code !== null) process.exit(code);
  throw new SlmError('WORKER_EXITED', 'predict: expected an answer, got a killed process');
}
