import { toByteCharacters } from '../tokenizer-training/byte-characters.ts';
import { type Aligned, characterLength, slice, sourceRange } from './aligned.ts';
import { characterClasses as classes } from './character-classes.ts';
import { type Component, prepend } from './normalizers.ts';
import { patternOf } from './pattern-of.ts';
import { translatePattern, whiteSpace } from './patterns.ts';
import { type Cuts, weakest } from './windows.ts';

/** Takes a word; `first` when it begins the whole text. False asks for no more words. */
export type Emit = (word: string, first: boolean) => boolean;

/** Cuts a text into the words that a model sees. */
export interface PreTokenizer {
  /** Hands over the words in order until `emit` gives false, which it then returns. */
  cut(text: string, first: boolean, emit: Emit): boolean;
  /** What still becomes of each word, if anything, after `cut`. */
  readonly finish?: (word: string) => string;
  /** The same words, finished, knowing where they come from. */
  align(pieces: readonly Aligned[]): readonly Aligned[];
  /** Where a text may be cut, each part to be cut alone; undefined when words go on over such places. */
  readonly cuts: Cuts | undefined;
}

const gpt2 = translatePattern("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+")!;
const bertWords = new RegExp(`[${classes.bertPunctuation}]|[^${whiteSpace}${classes.bertPunctuation}]+`, 'gv');
const words = new RegExp(`[${classes.rustWord}]+|[^${classes.rustWord}${whiteSpace}]+`, 'gv');
const notSpaces = new RegExp(`[^${whiteSpace}]+`, 'gv');

/** The pre-tokenizer a tokenizer.json describes. Throws for a kind that isn't known and for a malformed one. */
export function createPreTokenizer(component: Component | null | undefined): PreTokenizer {
  if (component === null || component === undefined) return whole;
  switch (component.type) {
    case 'Sequence': {
      if (!Array.isArray(component.pretokenizers)) throw new Error('pretokenizers: expected a list');
      return (component.pretokenizers as readonly Component[]).map(createPreTokenizer).reduce(chain, whole);
    }
    case 'BertPreTokenizer':
      return matching(bertWords, 'words');
    case 'Whitespace':
      return matching(words, 'spaces');
    case 'WhitespaceSplit':
      return matching(notSpaces, 'spaces');
    case 'Digits':
      return splitting(new RegExp(`${classes.N}${component.individual_digits === true ? '' : '+'}`, 'gv'), {});
    case 'Punctuation': {
      const behavior = String(component.behavior ?? 'Isolated');
      return splitting(new RegExp(classes.bertPunctuation, 'gv'), { behavior });
    }
    case 'CharDelimiterSplit': {
      const pattern = patternOf({ String: component.delimiter });
      return splitting(pattern, { behavior: 'Removed' });
    }
    case 'Split': {
      const pattern = patternOf(component.pattern);
      const behavior = String(component.behavior);
      return { ...splitting(pattern, { behavior, invert: component.invert === true }), cuts: 'none' };
    }
    case 'ByteLevel': {
      const cutting = component.use_regex === false ? whole : matching(gpt2, 'spaces');
      const spaced =
        component.add_prefix_space === false
          ? cutting
          : chain(
              prefixing(' ', () => true),
              cutting,
            );
      return { ...spaced, finish: toByteCharacters, align: (pieces) => spaced.align(pieces).map(toBytes) };
    }
    case 'Metaspace':
      return metaspace(component);
    default:
      throw new Error(`pre_tokenizer ${JSON.stringify(component.type)}, which isn't known here`);
  }
}

/** The text as one word. */
const whole: PreTokenizer = {
  cuts: undefined,
  cut: (text, first, emit) => text === '' || emit(text, first),
  align: (pieces) => pieces,
};

/** One after the other: the second cuts what the first has cut and finished. */
export function chain(one: PreTokenizer, other: PreTokenizer): PreTokenizer {
  if (one === whole) return other;
  if (other === whole) return one;
  const { finish } = one;
  return {
    cut: (text, first, emit) =>
      one.cut(text, first, (word, start) => other.cut(finish ? finish(word) : word, start, emit)),
    ...(other.finish ? { finish: other.finish } : {}),
    align: (pieces) => other.align(one.align(pieces)),
    cuts: one.cuts === undefined ? other.cuts : other.cuts === undefined ? one.cuts : weakest(one.cuts, other.cuts),
  };
}

/** Words are what a pattern matches. */
function matching(pattern: RegExp, cuts: Cuts): PreTokenizer {
  return {
    cuts,
    cut(text, first, emit) {
      let start = first && text.search(pattern) === 0;
      for (const word of text.match(pattern) ?? []) {
        if (!emit(word, start)) return false;
        start = false;
      }
      return true;
    },
    align: (pieces) =>
      pieces.flatMap((a) =>
        Array.from(a.text.matchAll(pattern), (match) => slice(a, match.index, match.index + match[0].length)),
      ),
  };
}

/** Cuts at a pattern; the behaviours are those of the library's `SplitDelimiterBehavior`. */
function splitting(
  pattern: RegExp,
  { behavior = 'Isolated', invert = false }: { readonly behavior?: string; readonly invert?: boolean },
): PreTokenizer {
  const joins = joinRules[behavior];
  if (joins === undefined) throw new Error(`behavior: expected one of ${Object.keys(joinRules)}, got ${behavior}`);
  const each = (text: string, visit: (from: number, to: number) => boolean): boolean => {
    let open: Span | undefined;
    const add = (from: number, to: number, match: boolean): boolean => {
      if (open && joins(open.match, match)) {
        open = { from: open.from, to, match: behavior === 'MergedWithNext' ? false : match };
        return true;
      }
      const done = open;
      open = { from, to, match };
      return !done || (behavior === 'Removed' && done.match) || visit(done.from, done.to);
    };
    for (let at = 0; at < text.length; ) {
      pattern.lastIndex = at;
      let match = pattern.exec(text);
      while (match && match[0] === '') {
        pattern.lastIndex += characterLength(text, pattern.lastIndex) || 1;
        match = pattern.exec(text);
      }
      const start = match ? match.index : text.length;
      if (start > at && !add(at, start, invert)) return false;
      at = start + (match ? match[0].length : 0);
      if (match && !add(start, at, !invert)) return false;
    }
    return !open || (behavior === 'Removed' && open.match) || visit(open.from, open.to);
  };
  return spanning(behavior === 'Isolated' || behavior === 'Removed' ? undefined : 'none', each);
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly match: boolean;
}

/** Whether a span goes on with the next, by what they are: matches of the pattern or not. */
const joinRules: Readonly<Record<string, (open: boolean, next: boolean) => boolean>> = {
  Isolated: () => false,
  Removed: () => false,
  Contiguous: (open, next) => open === next,
  MergedWithPrevious: (open, next) => next && !open,
  MergedWithNext: (open, next) => open && !next,
};

/** Puts a text before pieces that don't begin with it. */
function prefixing(by: string, wanted: (first: boolean) => boolean): PreTokenizer {
  return {
    cuts: undefined,
    cut: (text, first, emit) => text === '' || emit(!text.startsWith(by) && wanted(first) ? by + text : text, first),
    align: (pieces) =>
      pieces.map((a) => (!a.text.startsWith(by) && wanted(sourceRange(a, 0, 1)[0] === 0) ? prepend(a, by) : a)),
  };
}

/** SentencePiece's mark in place of spaces, before each of which a word begins. */
function metaspace(component: Component): PreTokenizer {
  const mark = String(component.replacement ?? '\u2581');
  if (Array.from(mark).length !== 1) {
    throw new Error(`replacement: expected a character, got ${JSON.stringify(mark)}`);
  }
  const scheme = component.prepend_scheme ?? (component.add_prefix_space === false ? 'never' : 'always');
  const marking: PreTokenizer = {
    cuts: undefined,
    cut: (text, first, emit) => emit(text.replaceAll(' ', mark), first),
    align: (pieces) => pieces.map((a) => (a.text.includes(' ') ? { ...a, text: a.text.replaceAll(' ', mark) } : a)),
  };
  const marked = chain(
    marking,
    prefixing(mark, (first) => scheme === 'always' || (scheme === 'first' && first)),
  );
  return component.split === false ? marked : { ...chain(marked, beforeEach(mark)), cuts: 'spaces' };
}

/** A word begins at each mark. */
export function beforeEach(mark: string): PreTokenizer {
  return cuttingBefore(mark, (text, at) => text.indexOf(mark, at));
}

/** A word begins at each mark behind another character. */
export function beforeRuns(mark: string): PreTokenizer {
  return cuttingBefore(mark, (text, at) => {
    for (let found = text.indexOf(mark, at); found >= 0; found = text.indexOf(mark, found + mark.length)) {
      if (!text.endsWith(mark, found)) return found;
    }
    return -1;
  });
}

function cuttingBefore(mark: string, find: (text: string, from: number) => number): PreTokenizer {
  const each = (text: string, visit: (from: number, to: number) => boolean): boolean => {
    for (let at = 0; at < text.length; ) {
      const found = find(text, at + (text.startsWith(mark, at) ? mark.length : 1));
      const to = found < 0 ? text.length : found;
      if (!visit(at, to)) return false;
      at = to;
    }
    return true;
  };
  return spanning(undefined, each);
}

/** Words are spans of the text, visited in order until told to stop. */
function spanning(
  cuts: Cuts | undefined,
  each: (text: string, visit: (from: number, to: number) => boolean) => boolean,
): PreTokenizer {
  return {
    cuts,
    cut: (text, first, emit) => each(text, (from, to) => emit(text.slice(from, to), first && from === 0)),
    align: (pieces) =>
      pieces.flatMap((a) => {
        const made: Aligned[] = [];
        each(a.text, (from, to) => made.push(slice(a, from, to)) > 0);
        return made;
      }),
  };
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
