import { SlmError } from '../errors.ts';

/** The error for a file that could not be opened or read: `FILE_NOT_FOUND` or `FILE_UNREADABLE`. */
export function unreadable(file: string, what: string, cause: unknown): SlmError {
  const missing = isMissing(cause);
  const got = missing ? 'no such file' : (cause as Error).message;
  return new SlmError(missing ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE', `${file}: expected ${what}, got ${got}`, {
    cause,
  });
}

/** The error for a file that could not be written: `FILE_NOT_FOUND` for a folder that is none, else the error itself. */
export function unwritable(file: string, cause: unknown): unknown {
  if (!isMissing(cause)) return cause;
  const text = `${file}: expected an existing folder, got none (create the folder first)`;
  return new SlmError('FILE_NOT_FOUND', text, { cause });
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
