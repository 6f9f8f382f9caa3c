import { openSpillFile, type SpillFile } from './spill-file.ts';

/** Arrays of numbers by the order of adding, in memory or on disk. */
export interface RecordStore {
  readonly length: number;
  add(record: Float64Array): void;
  /** Not to be written to; the same numbers as were added. */
  get(index: number): Float64Array;
  close(): void;
}

/** Memory that an array takes besides its numbers, roughly. */
const overhead = 200;

/**
 * Holds records in memory up to `memoryBytes`; when more come, all go to a temporary file in `folder`, and the half of that
 * memory keeps those that were last read. Besides, 8 to 16 bytes a record.
 */
export function createRecordStore(memoryBytes: number, folder?: string): RecordStore {
  let held: Float64Array[] = [];
  let heldBytes = 0;
  let spill: SpillFile | undefined;
  /** `ends[i]`: numbers in the file up to the end of record i. */
  let ends = new Float64Array(1024);
  let length = 0;
  /** Records that were last read, the oldest first. */
  const recent = new Map<number, Float64Array>();
  let recentBytes = 0;

  const flush = (): void => {
    spill ??= openSpillFile(folder);
    const all = new Float64Array(held.reduce((sum, record) => sum + record.length, 0));
    let at = 0;
    for (const record of held) {
      all.set(record, at);
      at += record.length;
    }
    spill.append(all);
    held = [];
    heldBytes = 0;
  };
  const load = (index: number): Float64Array => {
    const start = index === 0 ? 0 : ends[index - 1]!;
    const record = new Float64Array(ends[index]! - start);
    spill!.read(8 * start, record);
    const bytes = record.byteLength + overhead;
    for (const [oldest, old] of recent) {
      if (recentBytes + bytes <= memoryBytes / 2) break;
      recent.delete(oldest);
      recentBytes -= old.byteLength + overhead;
    }
    if (recentBytes + bytes <= memoryBytes / 2) {
      recent.set(index, record);
      recentBytes += bytes;
    }
    return record;
  };
  return {
    get length() {
      return length;
    },
    add(record) {
      if (length === ends.length) {
        const larger = new Float64Array(2 * length);
        larger.set(ends);
        ends = larger;
      }
      ends[length] = (length === 0 ? 0 : ends[length - 1]!) + record.length;
      length++;
      held.push(record);
      heldBytes += record.byteLength + overhead;
      // Until the first flush half of the memory is left for its copy.
      if (heldBytes > (spill === undefined ? memoryBytes / 2 : memoryBytes / 8)) flush();
    },
    get(index) {
      const inMemory = held[index - (length - held.length)];
      if (inMemory !== undefined) return inMemory;
      const known = recent.get(index);
      if (known === undefined) return load(index);
      recent.delete(index);
      recent.set(index, known);
      return known;
    },
    close: () => spill?.close(),
  };
}
