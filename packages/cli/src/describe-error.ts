import { isSlmError } from '@slm-compress/onnx';

/** An error as it is printed: `CODE: message`, with a code of ours, of the system, or `INTERNAL`. */
export function describeError(error: unknown): string {
  if (isSlmError(error)) return `${error.code}: ${error.message}`;
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') return `DISK_FULL: ${error.message} (free some space and run the same command again)`;
    return `${code ?? 'INTERNAL'}: ${error.message}`;
  }
  return `INTERNAL: ${String(error)}`;
}
