declare module 'write-file-atomic' {
  /** Writes to a temporary file beside `path`, flushes it to disk and renames it. */
  export default function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void>;
}
