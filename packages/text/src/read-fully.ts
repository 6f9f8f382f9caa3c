import { readSync } from 'node:fs';

/** Fills a view with the bytes of an open file from `position` on. Throws Error when there are fewer. */
export function readFully(file: number, into: NodeJS.ArrayBufferView, position: number): void {
  for (let done = 0; done < into.byteLength; ) {
    const count = readSync(file, into, done, into.byteLength - done, position + done);
    if (count === 0) throw new Error(`${done} bytes of ${into.byteLength} at byte ${position}: the end of the file`);
    done += count;
  }
}
