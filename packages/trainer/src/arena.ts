import { SlmError } from '@slm-compress/onnx';
import { type Kernels, openKernels } from './kernels.ts';

const PAGE = 65_536;
const LIMIT = 65_536 * PAGE;

/** A range of an arena: `offset` in bytes (a multiple of 64), `length` in elements. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

/** One shared, non-growing WebAssembly memory cut into regions, and the kernels that work on it. */
export interface Arena {
  readonly kernels: Kernels;
  readonly buffer: SharedArrayBuffer;
  floats(region: Region): Float32Array;
}

/** Plans regions one after the other; `open` then allocates the memory, zeroed. */
export interface ArenaPlan {
  /** Reserves `length` elements of `bytes` bytes (4 by default), padded to 64 bytes. */
  reserve(length: number, bytes?: number): Region;
  /** Throws `TRAIN_MEMORY` above WebAssembly's 4 GiB. */
  open(): Arena;
}

/** Starts a plan of one memory. */
export function planArena(): ArenaPlan {
  // Offset 0 is left unused: a zero pointer then is always a mistake.
  let end = 64;
  return {
    reserve(length, bytes = 4) {
      const region = { offset: end, length };
      end += Math.ceil((length * bytes) / 64) * 64;
      return region;
    },
    open() {
      // The mask kernel writes up to 15 bytes past its range.
      const pages = Math.ceil((end + 64) / PAGE);
      if (pages * PAGE > LIMIT) {
        throw new SlmError(
          'TRAIN_MEMORY',
          `train: weights, gradients and moments must fit in 4 GiB, got ${Math.ceil(end / 2 ** 20)} MiB ` +
            '(use a smaller model or token budget)',
        );
      }
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
      const buffer = memory.buffer as unknown as SharedArrayBuffer;
      return {
        kernels: openKernels(memory),
        buffer,
        floats: (region) => new Float32Array(buffer as unknown as ArrayBuffer, region.offset, region.length),
      };
    },
  };
}
