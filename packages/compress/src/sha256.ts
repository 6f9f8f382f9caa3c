import { createHash } from 'node:crypto';

/** SHA-256 of bytes (those of the view, whatever its type) or of text in UTF-8, in hex. */
export function sha256(data: NodeJS.ArrayBufferView | string): string {
  return createHash('sha256').update(data).digest('hex');
}
