import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { readFully } from '../read-fully.ts';

/** A temporary file that is written at its end and read anywhere. */
export interface SpillFile {
  readonly size: number;
  /** Writes the bytes of the view and returns where they begin. */
  append(data: NodeJS.ArrayBufferView): number;
  /** Fills the view with the bytes from `offset` on. */
  read(offset: number, into: NodeJS.ArrayBufferView): void;
  close(): void;
}

/**
 * A file in a folder of its own in `folder` (that for temporary files by default). Where the system lets an open file be
 * removed, as all but Windows do, it has no name from the start, so that even a crash leaves nothing behind.
 *
 * Throws SlmError `TEMPORARY_FILE` when it cannot be made or written.
 */
export function openSpillFile(folder = tmpdir()): SpillFile {
  const own = attempt(folder, () => mkdtempSync(join(folder, 'slm-spill-')));
  const remove = (): void => rmSync(own, { recursive: true, force: true });
  let file: number | undefined;
  try {
    file = openSync(join(own, 'spill'), 'wx+');
    if (process.platform !== 'win32') remove();
  } catch (error) {
    if (file !== undefined) closeSync(file);
    remove();
    throw temporaryFileError(folder, error);
  }
  const descriptor = file;
  let size = 0;
  let open = true;
  return {
    get size() {
      return size;
    },
    append(data) {
      const start = size;
      for (let done = 0; done < data.byteLength; ) {
        done += attempt(folder, () => writeSync(descriptor, data, done, data.byteLength - done, start + done));
      }
      size += data.byteLength;
      return start;
    },
    read: (offset, into) => readFully(descriptor, into, offset),
    close() {
      if (!open) return;
      open = false;
      closeSync(descriptor);
      remove();
    },
  };
}

function attempt<T>(folder: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw temporaryFileError(folder, error);
  }
}

function temporaryFileError(folder: string, cause: unknown): SlmError {
  const { message } = cause as Error;
  return new SlmError('TEMPORARY_FILE', `${folder}: expected room for a temporary file, got ${message}`, { cause });
}
