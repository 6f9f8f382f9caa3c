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

/** Replaces parts of a text, given in order; the units put in stand for the whole part, or for `source` when given. */
export function replaceParts(
  a: Aligned,
  parts: Iterable<{ readonly from: number; readonly to: number; readonly by: string }>,
): Aligned {
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
  let at = 0;
  for (const { from, to, by } of parts) {
    keep(at, from);
    const [start, end] = sourceRange(a, from, Math.max(to, from));
    text += by;
    for (let i = 0; i < by.length; i++) {
      starts.push(start);
      ends.push(end);
    }
    at = to;
  }
  keep(at, a.text.length);
  return { text, origin: a.origin, starts: Int32Array.from(starts), ends: Int32Array.from(ends) };
}
