import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { SlmError } from '../errors.ts';
import { unreadable } from './file-errors.ts';
import * as message from './message.ts';
import type { OpenExternal } from './tensor.ts';

/** A data file that stays open, so that a file that takes its name later changes nothing. */
interface DataFile {
  readonly path: string;
  readonly descriptor: number;
  readonly size: number;
}

/** The data files of a model. */
export interface ExternalFiles {
  readonly open: OpenExternal;
  /** Closes the files; otherwise they are closed when no tensor refers to them any more. */
  close(): void;
}

/** Most bytes of one read: the system gives at most 2 GiB at a time. */
const LARGEST_READ = 1 << 30;

const abandoned = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

/**
 * Finds ranges of the files beside a model: each file is opened once and checked for the range, its bytes are read on
 * demand. A location that leads out of the folder is refused.
 */
export function externalFiles(folder: string): ExternalFiles {
  const files = new Map<string, DataFile>();
  return {
    open(location, offset, length, where) {
      let file = files.get(location);
      if (file === undefined) {
        file = openWithin(folder, location, where);
        abandoned.register(file, file.descriptor, file);
        files.set(location, file);
      }
      const { size } = file;
      if (offset + length > size) {
        const wanted = `at least ${offset + length} bytes in ${JSON.stringify(location)}`;
        throw message.corrupt(`${where} external_data`, wanted, `${size}`);
      }
      const opened = file;
      return { length, read: (target, from) => readRange(opened, target, offset + from) };
    },
    close() {
      for (const file of files.values()) {
        abandoned.unregister(file);
        closeSync(file.descriptor);
      }
      files.clear();
    },
  };
}

function openWithin(folder: string, location: string, where: string): DataFile {
  const refused = (expected: string, got: string) => message.corrupt(`${where} external_data`, expected, got);
  const outside =
    location === '' ||
    location.includes('\0') ||
    path.isAbsolute(location) ||
    /^[a-z]:/i.test(location) ||
    location.split(/[/\\]/).includes('..');
  if (outside) throw refused("a path within the model's folder", JSON.stringify(location));
  const file = path.join(folder, location);
  try {
    const real = realpathSync(file);
    const relative = path.relative(realpathSync(folder), real);
    if (relative.startsWith('..') || path.isAbsolute(relative)) {
      throw refused("a file within the model's folder", `${JSON.stringify(location)}, a link that leads out of it`);
    }
    // Opening a pipe would wait for its other end.
    if (!statSync(real).isFile()) throw refused('a file', JSON.stringify(location));
    const descriptor = openSync(real, 'r');
    return { path: file, descriptor, size: fstatSync(descriptor).size };
  } catch (error) {
    throw error instanceof SlmError ? error : unreadable(file, `the external data of ${where}`, error);
  }
}

function readRange(file: DataFile, target: Uint8Array, offset: number): void {
  for (let done = 0; done < target.length; ) {
    const wanted = Math.min(target.length - done, LARGEST_READ);
    const count = readSync(file.descriptor, target, done, wanted, offset + done);
    if (count === 0) {
      const expected = `${target.length} bytes from byte ${offset} on`;
      const hint = 'the file was cut after the model had been opened';
      throw new SlmError('FILE_UNREADABLE', `${file.path}: expected ${expected}, got ${done} (${hint})`);
    }
    done += count;
  }
}
