declare module 'write-file-atomic' {
  /** Writes to a temporary file beside `path`, syncs it and renames it. */
  export default function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void>;
}
