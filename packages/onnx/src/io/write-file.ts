import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { ByteSource, Piece } from './wire-writer.ts';

/** Bytes that are gathered before they are handed to the system, and those of one read of a {@link ByteSource}. */
const BATCH_BYTES = 8 * 2 ** 20;
/** Fewest entries of one gathered write that every system takes. */
const BATCH_PIECES = 512;

/** A name beside `file` that no other writer takes. */
export function temporaryName(file: string): string {
  return `${file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
}

/** Writes a file under a temporary name and renames it, so that no reader sees half of it. */
export async function replaceFile(file: string, pieces: readonly Piece[], sync: boolean): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await createFile(temporary, pieces, sync);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes a new file; with `sync` its bytes are on the disk when the promise settles. */
export async function createFile(file: string, pieces: readonly Piece[], sync: boolean): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await writePieces(handle, pieces);
    if (sync) await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writePieces(handle: FileHandle, pieces: readonly Piece[]): Promise<void> {
  let batch: Uint8Array[] = [];
  let gathered = 0;
  const flush = async () => {
    await writeAll(handle, batch);
    batch = [];
    gathered = 0;
  };
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      batch.push(piece);
      gathered += piece.length;
      if (gathered >= BATCH_BYTES || batch.length >= BATCH_PIECES) await flush();
    } else {
      await flush();
      await copySource(handle, piece);
    }
  }
  await flush();
}

/** Reads and writes a source one stretch at a time. */
async function copySource(handle: FileHandle, source: ByteSource): Promise<void> {
  const space = Buffer.allocUnsafeSlow(Math.min(source.length, BATCH_BYTES));
  for (let done = 0; done < source.length; done += space.length) {
    const part = space.subarray(0, Math.min(space.length, source.length - done));
    source.read(part, done);
    await writeAll(handle, [part]);
  }
}

/** A write may take less than it was given, at most 2 GiB at a time. */
async function writeAll(handle: FileHandle, buffers: readonly Uint8Array[]): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest);
    const written = rest.findIndex((buffer) => {
      if (bytesWritten < buffer.length) return true;
      bytesWritten -= buffer.length;
      return false;
    });
    rest = written < 0 ? [] : [rest[written]!.subarray(bytesWritten), ...rest.slice(written + 1)];
  }
}
