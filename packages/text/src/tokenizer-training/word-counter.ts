import { wellFormed } from '../well-formed.ts';
import { type WordRules, wordSplitter } from './words.ts';

/** Longer stretches without a space (Chinese, base64) are cut into words at once: few repeat. */
const longestCached = 48;
/** Distinct stretches held before they are cut into words. */
const cacheSize = 2 ** 19;
/** Shorter substrings are copies in V8; a longer one keeps the whole text alive. */
const slicedFrom = 13;

/** Counts the words of texts; keeps words and counts, never texts. */
export interface WordCounter {
  add(text: string): void;
  /** Every word and how often it occurred, in no particular order. */
  counts(): Map<string, number>;
}

/**
 * Texts are cut at single spaces between words first, where no rule looks across; each distinct stretch is cut into
 * words once. Lone surrogates count as U+FFFD.
 */
export function createWordCounter(rules: WordRules): WordCounter {
  const split = wordSplitter(rules);
  const words = new Map<string, number>();
  /** Stretches at the start of a text, and those behind a single space. */
  const bare = new Map<string, number>();
  const spaced = new Map<string, number>();
  const addWords = (stretch: string, count: number) => {
    for (const word of split(wellFormed(stretch))) increase(words, word, count);
  };
  const flush = () => {
    for (const [stretch, count] of bare) addWords(stretch, count);
    for (const [stretch, count] of spaced) addWords(` ${stretch}`, count);
    bare.clear();
    spaced.clear();
  };
  return {
    add(text) {
      const parts = text.split(' ');
      for (let i = 0; i < parts.length; ) {
        const start = i;
        let stretch = parts[i++]!;
        while (i < parts.length && !(endsWord(stretch) && startsWord(parts[i]!))) stretch += ` ${parts[i++]!}`;
        if (stretch.length > longestCached) addWords(start === 0 ? stretch : ` ${stretch}`, 1);
        else increase(start === 0 ? bare : spaced, stretch, 1);
      }
      if (bare.size + spaced.size > cacheSize) flush();
    },
    counts() {
      flush();
      return words;
    },
  };
}

function increase(counts: Map<string, number>, word: string, by: number): void {
  const known = counts.get(word);
  if (known !== undefined) counts.set(word, known + by);
  else counts.set(word.length < slicedFrom ? word : Buffer.from(word, 'utf16le').toString('utf16le'), by);
}

const startsWord = (part: string) => part.length > 0 && !isSpace(part.charCodeAt(0));
const endsWord = (part: string) => part.length > 0 && !isSpace(part.charCodeAt(part.length - 1));

/** White space in the sense of Unicode or of JavaScript. */
function isSpace(code: number): boolean {
  if (code < 0x80) return code <= 0x20;
  return code === 0x85 || /\s/.test(String.fromCharCode(code));
}
