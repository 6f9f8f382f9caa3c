import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Calls `body` with `path`, or for `-` with the path of a temporary file that holds all of standard input, which threads can
 * read, and read twice. The file is removed afterwards.
 */
export async function withSpooledStdin<T>(path: string, body: (path: string) => Promise<T>): Promise<T> {
  if (path !== '-') return body(path);
  const folder = await mkdtemp(join(tmpdir(), 'slm-compress-stdin-'));
  try {
    const file = join(folder, 'stdin');
    await pipeline(process.stdin, createWriteStream(file));
    return await body(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
