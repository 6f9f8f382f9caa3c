import { openSpillFile, type SpillFile } from './spill-file.ts';

/** Sorts pairs of 32-bit numbers, more of them than fit in memory. */
export interface RunSorter {
  readonly length: number;
  push(key: number, value: number): void;
  /** Gives every pair once, by key, then value; nothing may be pushed afterwards. */
  sorted(): Generator<{ readonly key: number; readonly value: number }>;
  close(): void;
}

/**
 * External merge sort: pairs are collected in `memoryBytes`, sorted and written to a temporary file in `folder` as a run when
 * that is full, and the runs merged in the end. The object that `sorted` yields is the same each time.
 */
export function createRunSorter(memoryBytes: number, folder?: string): RunSorter {
  const limit = Math.max(1024, Math.floor(memoryBytes / 8));
  // One 64-bit number a pair, value below key: sorted by the engine's own sort, read and written without bigints.
  let pairs = new BigUint64Array(Math.min(limit, 1024));
  let words = new Uint32Array(pairs.buffer);
  let count = 0;
  let spill: SpillFile | undefined;
  const runs: { readonly start: number; readonly end: number }[] = [];
  const resize = (size: number): void => {
    const larger = new BigUint64Array(size);
    larger.set(pairs);
    pairs = larger;
    words = new Uint32Array(pairs.buffer);
  };
  const flush = (): void => {
    spill ??= openSpillFile(folder);
    const run = pairs.subarray(0, count).sort();
    const start = spill.append(run) / 8;
    runs.push({ start, end: start + count });
    count = 0;
  };
  return {
    get length() {
      return count + runs.reduce((sum, { start, end }) => sum + end - start, 0);
    },
    push(key, value) {
      if (count === limit) flush();
      else if (count === pairs.length) resize(Math.min(limit, 2 * count));
      words[2 * count] = value;
      words[2 * count + 1] = key;
      count++;
    },
    *sorted() {
      const pair = { key: 0, value: 0 };
      if (runs.length === 0) {
        pairs.subarray(0, count).sort();
        for (let i = 0; i < count; i++) {
          pair.value = words[2 * i]!;
          pair.key = words[2 * i + 1]!;
          yield pair;
        }
        return;
      }
      if (count > 0) flush();
      pairs = new BigUint64Array(0);
      words = new Uint32Array(0);
      const size = Math.max(64, Math.floor(limit / runs.length));
      const heap = runs.map(({ start, end }) => openRun(spill!, start, end, size));
      for (let i = heap.length >> 1; i >= 0; i--) siftDown(heap, i);
      while (heap.length > 0) {
        const first = heap[0]!;
        pair.key = first.key;
        pair.value = first.value;
        if (!first.next()) {
          const last = heap.pop()!;
          if (heap.length > 0) heap[0] = last;
        }
        siftDown(heap, 0);
        yield pair;
      }
    },
    close: () => spill?.close(),
  };
}

interface Run {
  key: number;
  value: number;
  /** Goes to the next pair; false when there is none. */
  next(): boolean;
}

function openRun(spill: SpillFile, start: number, end: number, size: number): Run {
  const buffer = new Uint32Array(2 * Math.min(size, end - start));
  let filled = 0;
  let at = 0;
  let place = start;
  const run: Run = {
    key: 0,
    value: 0,
    next() {
      if (at === filled) {
        if (place === end) return false;
        filled = Math.min(buffer.length, 2 * (end - place));
        spill.read(8 * place, buffer.subarray(0, filled));
        place += filled / 2;
        at = 0;
      }
      run.value = buffer[at++]!;
      run.key = buffer[at++]!;
      return true;
    },
  };
  run.next();
  return run;
}

const before = (a: Run, b: Run): boolean => a.key < b.key || (a.key === b.key && a.value < b.value);

/** Restores the order of a heap, the smallest first, whose item at `i` may be too great for its place. */
function siftDown(heap: Run[], i: number): void {
  for (let at = i; ; ) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
    }
    if (least === at) return;
    [heap[at], heap[least]] = [heap[least]!, heap[at]!];
    at = least;
  }
}
