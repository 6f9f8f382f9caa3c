/**
 * A seeded random number generator, passed explicitly wherever chance is used: xoshiro128** (Blackman and Vigna, 2018)
 * seeded by splitmix32. The same seed gives the same numbers on every machine.
 */
export interface Rng {
  /** Uniform in [0, 1) with 32 bits. */
  uniform(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** In-place Fisher–Yates shuffle; returns its argument. */
  shuffle<T extends unknown[] | Int32Array | Uint32Array>(items: T): T;
  /** An independent generator for a named purpose; does not advance this one. */
  fork(label: string | number): Rng;
}

export function createRng(seed: number | string): Rng {
  return fromState(typeof seed === 'number' ? mix(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0) : hash(seed));
}

function fromState(key: number): Rng {
  let word = key >>> 0;
  const next = () => {
    word = (word + 0x9e3779b9) >>> 0;
    let z = word;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const s = Uint32Array.of(next(), next(), next(), next());
  const rotl = (x: number, k: number) => ((x << k) | (x >>> (32 - k))) >>> 0;
  const bits = () => {
    const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = (s[1]! << 9) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11);
    return result;
  };
  const rng: Rng = {
    uniform: () => bits() / 2 ** 32,
    integer: (bound) => Math.floor((bits() / 2 ** 32) * bound),
    normal: () => {
      const radius = Math.sqrt(-2 * Math.log(1 - bits() / 2 ** 32));
      return radius * Math.cos(2 * Math.PI * (bits() / 2 ** 32));
    },
    shuffle: (items) => {
      for (let i = items.length - 1; i > 0; i--) {
        const j = rng.integer(i + 1);
        const held = items[i];
        items[i] = items[j] as never;
        items[j] = held as never;
      }
      return items;
    },
    fork: (label) => fromState(mix(key, typeof label === 'number' ? label >>> 0 : hash(label))),
  };
  return rng;
}

function mix(a: number, b: number): number {
  let h = (a ^ Math.imul(b ^ (b >>> 16), 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h >>> 0, text.length);
}
