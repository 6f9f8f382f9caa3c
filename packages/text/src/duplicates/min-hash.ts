import { createRng } from '@slm-compress/onnx';
import { lowBits } from './shingles.ts';

const hashCount = 128;

/** Cuts signatures into bands. */
export interface Banding {
  readonly bands: number;
  /** One 32-bit key a band: equal for two sets with a probability of their Jaccard similarity to the power of the width. */
  keys(set: Float64Array): Uint32Array;
}

/**
 * MinHash with banding (Broder 1997; Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*, 3.4): 128 hashes, bands as
 * wide as still leave a pair at the threshold without an equal key with a probability of at most 1e-6.
 */
export function createBanding(threshold: number): Banding {
  const width = bandWidth(threshold);
  const bands = Math.floor(hashCount / width);
  return {
    bands,
    keys(set) {
      const minima = signature(set);
      return Uint32Array.from({ length: bands }, (_, band) => {
        let key = Math.imul(band + 1, 0x9e3779b1);
        for (let i = band * width; i < (band + 1) * width; i++) {
          key = Math.imul(key ^ minima[i]!, 0x21f0aaad);
          key ^= key >>> 15;
          key = Math.imul(key, 0x735a2d97);
          key ^= key >>> 13;
        }
        return key;
      });
    },
  };
}

function bandWidth(threshold: number): number {
  let width = 1;
  for (let rows = 2; rows <= hashCount; rows++) {
    if ((1 - threshold ** rows) ** Math.floor(hashCount / rows) > 1e-6) break;
    width = rows;
  }
  return width;
}

const signBit = 1 << 31;
const multipliers = new Uint32Array(hashCount);
const offsets = new Uint32Array(hashCount);
const random = createRng('minhash');
for (let i = 0; i < hashCount; i++) {
  multipliers[i] = (random.integer(2 ** 32) | 1) >>> 0;
  offsets[i] = random.integer(2 ** 32) >>> 0;
}

/** The minimum of each hash function over the shingles of a set. */
function signature(set: Float64Array): Int32Array {
  const minima = new Int32Array(hashCount);
  const own = new Int32Array(set.length);
  for (let s = 0; s < set.length; s++) own[s] = lowBits(set[s]!);
  for (let i = 0; i < hashCount; i++) {
    const offset = offsets[i]! | 0;
    const multiplier = multipliers[i]! | 0;
    // Flipping the sign bit makes the signed order that of unsigned values, and integers stay in registers.
    let minimum = 0x7fffffff;
    for (let s = 0; s < own.length; s++) {
      let value = Math.imul(own[s]! ^ offset, multiplier);
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
      value = value ^ (value >>> 15) ^ signBit;
      if (value < minimum) minimum = value;
    }
    minima[i] = minimum ^ signBit;
  }
  return minima;
}
