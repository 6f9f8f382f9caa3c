import { toByteCharacters } from '../tokenizer-training/byte-characters.ts';
import { type Aligned, replaceParts, slice, sourceRange } from './aligned.ts';
import { characterClasses as classes } from './character-classes.ts';
import type { Component } from './normalizers.ts';
import { patternOf } from './pattern-of.ts';
import { translatePattern, whiteSpace } from './patterns.ts';

/** Cuts pieces of a text into smaller ones. */
export type PreTokenizer = (pieces: readonly Aligned[]) => readonly Aligned[];

const gpt2 = translatePattern("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+")!;
const bertWords = new RegExp(`[${classes.bertPunctuation}]|[^${whiteSpace}${classes.bertPunctuation}]+`, 'gv');
const words = new RegExp(`[${classes.word}]+|[^${classes.word}${whiteSpace}]+`, 'gv');
const notSpaces = new RegExp(`[^${whiteSpace}]+`, 'gv');

/** The pre-tokenizer a tokenizer.json describes; undefined for a kind that is not covered. */
export function createPreTokenizer(component: Component | null | undefined): PreTokenizer | undefined {
  if (component === null || component === undefined) return (pieces) => pieces;
  switch (component.type) {
    case 'Sequence': {
      const steps = (component.pretokenizers as readonly Component[]).map(createPreTokenizer);
      return steps.every((step) => step !== undefined)
        ? (pieces) => steps.reduce((made, step) => step(made), pieces)
        : undefined;
    }
    case 'BertPreTokenizer':
      return matching(bertWords);
    case 'Whitespace':
      return matching(words);
    case 'WhitespaceSplit':
      return matching(notSpaces);
    case 'Digits':
      return splitting(new RegExp(`${classes.N}${component.individual_digits === true ? '' : '+'}`, 'gv'), 'Isolated');
    case 'Punctuation':
      return splitting(new RegExp(classes.bertPunctuation, 'gv'), String(component.behavior ?? 'Isolated'));
    case 'Split': {
      const pattern = patternOf(component.pattern);
      if (!pattern) return undefined;
      return splitting(pattern, String(component.behavior), component.invert === true);
    }
    case 'ByteLevel': {
      const cut: PreTokenizer = component.use_regex === false ? (pieces) => pieces : splitting(gpt2, 'Isolated');
      const prefix = component.add_prefix_space !== false;
      return (pieces) =>
        cut(prefix ? pieces.map((a) => (a.text.startsWith(' ') ? a : prepend(a, ' '))) : pieces).map(toBytes);
    }
    case 'Metaspace': {
      const mark = String(component.replacement ?? '\u2581');
      const scheme = component.prepend_scheme ?? (component.add_prefix_space === false ? 'never' : 'always');
      const cut = splitting(new RegExp(mark, 'gu'), 'MergedWithNext');
      return (pieces) => {
        const marked = pieces.map((a) => {
          const made = a.text.includes(' ') ? { ...a, text: a.text.replaceAll(' ', mark) } : a;
          const wanted = scheme === 'always' || (scheme === 'first' && sourceRange(a, 0, 1)[0] === 0);
          return wanted && !made.text.startsWith(mark) ? prepend(made, mark) : made;
        });
        return component.split === false ? marked : cut(marked);
      };
    }
    default:
      return undefined;
  }
}

function prepend(a: Aligned, by: string): Aligned {
  if (a.text === '') return a;
  const first = String.fromCodePoint(a.text.codePointAt(0)!);
  return replaceParts(a, [{ from: 0, to: first.length, by: by + first }]);
}

function matching(pattern: RegExp): PreTokenizer {
  return (pieces) =>
    pieces.flatMap((a) =>
      Array.from(a.text.matchAll(pattern), (match) => slice(a, match.index, match.index + match[0].length)),
    );
}

/** Cuts at a pattern; the behaviours are those of the library's `SplitDelimiterBehavior`. */
function splitting(pattern: RegExp, behavior: string, invert = false): PreTokenizer {
  return (pieces) =>
    pieces.flatMap((a) => {
      const spans: { from: number; to: number; match: boolean }[] = [];
      let at = 0;
      for (const match of a.text.matchAll(pattern)) {
        if (match[0] === '') continue;
        if (match.index > at) spans.push({ from: at, to: match.index, match: invert });
        at = match.index + match[0].length;
        spans.push({ from: match.index, to: at, match: !invert });
      }
      if (at < a.text.length) spans.push({ from: at, to: a.text.length, match: invert });
      return join(spans, behavior).map(({ from, to }) => slice(a, from, to));
    });
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly match: boolean;
}

function join(spans: readonly Span[], behavior: string): readonly Span[] {
  if (behavior === 'Isolated') return spans;
  if (behavior === 'Removed') return spans.filter((span) => !span.match);
  const made: Span[] = [];
  for (const span of spans) {
    const last = made[made.length - 1];
    const joins =
      last &&
      ((behavior === 'Contiguous' && last.match === span.match) ||
        (behavior === 'MergedWithPrevious' && span.match && !last.match) ||
        (behavior === 'MergedWithNext' && last.match && !span.match));
    if (last && joins) {
      made[made.length - 1] = {
        from: last.from,
        to: span.to,
        match: behavior === 'MergedWithNext' ? false : span.match,
      };
    } else made.push(span);
  }
  return made;
}

function toBytes(a: Aligned): Aligned {
  const text = toByteCharacters(a.text);
  if (text === a.text) return a;
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  let made = 0;
  for (let at = 0; at < a.text.length; ) {
    const point = a.text.codePointAt(at)!;
    const units = point > 0xffff ? 2 : 1;
    const [start, end] = sourceRange(a, at, at + units);
    const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    starts.fill(start, made, made + size);
    ends.fill(end, made, made + size);
    made += size;
    at += units;
  }
  return { text, origin: a.origin, starts, ends };
}
