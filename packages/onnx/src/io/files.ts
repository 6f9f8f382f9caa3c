import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { SlmError } from '../errors.ts';
import type { Model } from '../model.ts';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import * as message from './message.ts';
import type { ReadExternal } from './tensor.ts';

/**
 * Reads an `.onnx` file, with external tensor data from files of its folder (or below).
 * Throws `FILE_NOT_FOUND`, or `ONNX_CORRUPT` naming the file.
 */
export async function readModel(file: string): Promise<Model> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw unreadable(file, 'an ONNX model', error);
  }
  return decodeModel(bytes, { where: file, readExternal: externalReader(path.dirname(file)) });
}

/** Writes a model: a temporary file beside `file`, synced and renamed, so that no reader sees half of it. */
export async function writeModel(file: string, model: Model): Promise<void> {
  const bytes = encodeModel(model);
  const temporary = `${file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    if (isMissing(error)) {
      const hint = 'create the folder first';
      throw new SlmError('FILE_NOT_FOUND', `${file}: expected an existing folder, got none (${hint})`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Reads ranges of the files beside a model; a location that leads out of the folder is refused. */
function externalReader(folder: string): ReadExternal {
  return (location, offset, length, where) => {
    const refused = (expected: string, got: string) => message.corrupt(`${where} external_data`, expected, got);
    const parts = location.split(/[/\\]/);
    if (
      location === '' ||
      location.includes('\0') ||
      path.isAbsolute(location) ||
      /^[a-z]:/i.test(location) ||
      parts.includes('..')
    ) {
      throw refused("a path within the model's folder", JSON.stringify(location));
    }
    const file = path.join(folder, location);
    let real: string;
    try {
      real = realpathSync(file);
    } catch (error) {
      throw unreadable(file, `the external data of ${where}`, error);
    }
    const relative = path.relative(realpathSync(folder), real);
    if (relative.startsWith('..') || path.isAbsolute(relative)) {
      throw refused("a file within the model's folder", `${JSON.stringify(location)}, a link that leads out of it`);
    }
    const descriptor = openSync(real, 'r');
    try {
      const status = fstatSync(descriptor);
      if (!status.isFile()) throw refused('a file', JSON.stringify(location));
      const wanted = length ?? status.size - offset;
      if (wanted < 0 || offset + wanted > status.size) {
        throw refused(
          `at least ${offset + Math.max(wanted, 0)} bytes in ${JSON.stringify(location)}`,
          `${status.size}`,
        );
      }
      const bytes = new Uint8Array(wanted);
      for (let done = 0; done < wanted; ) {
        const count = readSync(descriptor, bytes, done, wanted - done, offset + done);
        if (count === 0) throw refused(`${wanted} bytes in ${JSON.stringify(location)}`, `${done}`);
        done += count;
      }
      return bytes;
    } finally {
      closeSync(descriptor);
    }
  };
}

function unreadable(file: string, what: string, error: unknown): SlmError {
  const got = isMissing(error) ? 'no such file' : (error as Error).message;
  return new SlmError(
    isMissing(error) ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE',
    `${file}: expected ${what}, got ${got}`,
    {
      cause: error,
    },
  );
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
