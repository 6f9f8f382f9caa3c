/** Characters that may join with those beside them to one grapheme cluster; Hangul joins with Hangul. */
const joining = '\\p{M}\\p{Cf}\\p{Emoji_Modifier}\\p{Regional_Indicator}\\uff9e\\uff9f\\u0e33\\u0eb3';
const hangul = '\\u1100-\\u11ff\\ua960-\\ua97f\\ud7b0-\\ud7ff\\uac00-\\ud7a3';
const beside = `(?:[${hangul}]+|[^${joining}${hangul}\\r\\n])`;
/** Runs outside of which every cluster is a character, or of Hangul: joining characters with what is beside them. */
const runs = new RegExp(`\\r\\n|${beside}?[${joining}]+(?:${beside}[${joining}]+)*${beside}?`, 'gu');
/** Where a run may have a cluster below six bytes: a character of one or two bytes is part of it. */
const small = new RegExp(`\\r\\n|[\\0-\\u07ff][${joining}]|(?=[${joining}])[\\x80-\\u07ff]|\\p{Cf}[\\0-\\u07ff]`, 'u');
const plain = /^[\0-\x7f]*$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A compiled normalization. */
export interface Charsmap {
  /** What stands for a text. */
  all(text: string): string;
  /** The pieces of a text in order, each with what stands for it. */
  pieces(text: string): Iterable<readonly [piece: string, by: string]>;
}

/**
 * SentencePiece's compiled normalization (`precompiled_charsmap`: the size of a double-array trie over UTF-8, the trie,
 * replacements ended by NUL), applied as Hugging Face's library does: to grapheme clusters below six bytes, else to
 * characters; the shortest key that starts them counts. Throws when it is cut short.
 */
export function precompiledCharsmap(base64: string): Charsmap {
  const bytes = Buffer.from(base64, 'base64');
  const size = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
  if (bytes.length < 4 || size % 4 !== 0 || size + 4 > bytes.length)
    throw new Error('precompiled_charsmap is cut short');
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const replacements = bytes.subarray(4 + size);
  const lookUp = (key: Uint8Array): string | undefined => {
    let at = 0;
    const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
    at ^= offset(units[0] ?? 0);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if (((unit >>> 8) & 1) === 1) {
        const start = (units[at] ?? 0) & 0x7fffffff;
        const end = replacements.indexOf(0, start);
        return decoder.decode(replacements.subarray(start, end < 0 ? replacements.length : end));
      }
    }
    return undefined;
  };
  const known = new Map<string, string | null>();
  const replacement = (piece: string): string | null => {
    const before = known.get(piece);
    if (before !== undefined) return before;
    const found = lookUp(encoder.encode(piece)) ?? null;
    if (known.size > 20_000) known.clear();
    known.set(piece, found);
    return found;
  };
  /** Takes a text apart: clusters that have a replacement, and stretches of characters that have theirs each. */
  const walk = (text: string, characters: (stretch: string) => void, whole: (cluster: string, by: string) => void) => {
    let at = 0;
    for (const { 0: run, index } of text.matchAll(runs)) {
      if (!small.test(run)) continue;
      characters(text.slice(at, index));
      at = index + run.length;
      for (const segment of graphemesOf(run)) {
        const by = segment.length < 6 && Buffer.byteLength(segment) < 6 ? replacement(segment) : null;
        if (by !== null) whole(segment, by);
        else characters(segment);
      }
    }
    characters(text.slice(at));
  };
  /** By UTF-16 unit: 1 stays as it is, 2 has a replacement or is half of a character, 0 is not known yet. */
  const stays = new Uint8Array(0x10000).fill(2, 0xd800, 0xe000);
  const replaced = (text: string): string => {
    let made = '';
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (stays[code] === 0) stays[code] = replacement(text[i]!) === null ? 1 : 2;
      if (stays[code] === 1) continue;
      const character = String.fromCodePoint(text.codePointAt(i)!);
      const by = replacement(character);
      if (by !== null) {
        made += text.slice(start, i) + by;
        start = i + character.length;
      }
      i += character.length - 1;
    }
    return made + text.slice(start);
  };
  const changedAscii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter(
    (character) => (replacement(character) ?? character) !== character,
  );
  const ascii = changedAscii.length > 0 ? new RegExp(`[${changedAscii.map(escaped).join('')}]`, 'g') : undefined;
  return {
    pieces(text) {
      const made: (readonly [string, string])[] = [];
      const characters = (stretch: string) => {
        for (const character of stretch) made.push([character, replacement(character) ?? character]);
      };
      walk(text, characters, (cluster, by) => made.push([cluster, by]));
      return made;
    },
    all(text) {
      if (plain.test(text) && !text.includes('\r\n')) {
        return ascii ? text.replace(ascii, (character) => replacement(character)!) : text;
      }
      let made = '';
      const characters = (stretch: string) => {
        made += replaced(stretch);
      };
      walk(text, characters, (_, by) => {
        made += by;
      });
      return made;
    },
  };
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Grapheme clusters, looked for in a window that begins at one: the segmenter alone slows down as a text gets longer. */
function* graphemesOf(text: string): Iterable<string> {
  let size = 256;
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + size);
    if (end < text.length && text.codePointAt(end - 1)! > 0xffff) end++;
    const found = Array.from(graphemes.segment(text.slice(at, end)), ({ segment }) => segment);
    // the last one may go on behind the window
    const whole = end < text.length ? found.slice(0, -1) : found;
    size = whole.length === 0 ? 2 * size : 256;
    for (const segment of whole) {
      yield segment;
      at += segment.length;
    }
  }
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
