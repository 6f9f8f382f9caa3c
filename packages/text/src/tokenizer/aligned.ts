/**
 * A text that knows where it came from: UTF-16 unit `i` stands for `starts[i]` up to `ends[i]` of the original, or for
 * `origin + i` where nothing changed (no arrays).
 */
export interface Aligned {
  readonly text: string;
  readonly origin: number;
  readonly starts?: Int32Array;
  readonly ends?: Int32Array;
}

/**
 * A character put in. With `change` 0 it takes the place of the next old character, with -n also of the n old ones behind
 * it (but stands for the first alone); with 1 it stands beside what came before, for the same old character.
 */
export type Change = readonly [character: string, change: number];

/** What becomes of the units from `from` to `to`: the first `removed` characters vanish, then come the changes. */
export interface Rewriting {
  readonly from: number;
  readonly to: number;
  readonly changes: readonly Change[];
  readonly removed?: number;
}

/** The part of a text from unit `from` to `to`. */
export function slice(a: Aligned, from: number, to: number): Aligned {
  if (from === 0 && to === a.text.length) return a;
  const text = a.text.slice(from, to);
  if (!a.starts || !a.ends) return { text, origin: a.origin + from };
  return {
    text,
    origin: a.starts[from] ?? a.origin,
    starts: a.starts.subarray(from, to),
    ends: a.ends.subarray(from, to),
  };
}

/** Where in the original the units from `from` to `to` come from. */
export function sourceRange(a: Aligned, from: number, to: number): readonly [number, number] {
  if (!a.starts || !a.ends) return [a.origin + from, a.origin + to];
  if (to <= from) return [a.starts[from] ?? a.origin, a.starts[from] ?? a.origin];
  return [a.starts[from]!, a.ends[to - 1]!];
}

/** Rewrites parts of a text, given in order, the way the Rust library keeps track of it (`transform_range`). */
export function rewrite(a: Aligned, parts: Iterable<Rewriting>): Aligned {
  let text = '';
  const starts: number[] = [];
  const ends: number[] = [];
  const keep = (from: number, to: number) => {
    text += a.text.slice(from, to);
    for (let i = from; i < to; i++) {
      starts.push(a.starts?.[i] ?? a.origin + i);
      ends.push(a.ends?.[i] ?? a.origin + i + 1);
    }
  };
  let kept = 0;
  for (const { from, to, changes, removed = 0 } of parts) {
    keep(kept, from);
    let at = from;
    for (let i = 0; i < removed; i++) at += characterLength(a.text, at);
    for (const [character, change] of changes) {
      const first = change > 0 ? at - lengthBefore(a.text, at) : at;
      const [start, end] = sourceRange(a, first, first + characterLength(a.text, first));
      text += character;
      for (let i = 0; i < character.length; i++) {
        starts.push(start);
        ends.push(end);
      }
      for (let i = change; i <= 0; i++) at += characterLength(a.text, at);
    }
    kept = to;
  }
  keep(kept, a.text.length);
  return { text, origin: a.origin, starts: Int32Array.from(starts), ends: Int32Array.from(ends) };
}

/** UTF-16 units of the character at `at`; 0 past the end. */
export function characterLength(text: string, at: number): number {
  const point = text.codePointAt(at);
  return point === undefined ? 0 : point > 0xffff ? 2 : 1;
}

/** UTF-16 units of the character before `at`; 0 at the start. */
export function lengthBefore(text: string, at: number): number {
  if (at < 1) return 0;
  const low = text.charCodeAt(at - 1);
  return at > 1 && low >= 0xdc00 && low < 0xe000 ? 2 : 1;
}
