const complex =
  /\r\n|[\p{M}\p{Cf}\p{Emoji_Modifier}\p{Regional_Indicator}\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uac00-\ud7a3\uff9e\uff9f\u0e33\u0eb3]/u;
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
  const known = new Map<string, string | undefined>();
  const replacement = (piece: string): string | undefined => {
    if (known.has(piece)) return known.get(piece);
    const found = lookUp(encoder.encode(piece));
    if (known.size > 20_000) known.clear();
    known.set(piece, found);
    return found;
  };
  const pieces = function* (text: string): Iterable<readonly [string, string]> {
    if (!complex.test(text)) {
      for (const character of text) yield [character, replacement(character) ?? character];
      return;
    }
    for (const segment of graphemesOf(text)) {
      const whole = segment.length < 6 && Buffer.byteLength(segment) < 6 ? replacement(segment) : undefined;
      if (whole !== undefined) yield [segment, whole];
      else for (const character of segment) yield [character, replacement(character) ?? character];
    }
  };
  const changedAscii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter(
    (character) => (replacement(character) ?? character) !== character,
  );
  const ascii = changedAscii.length > 0 ? new RegExp(`[${changedAscii.map(escaped).join('')}]`, 'g') : undefined;
  return {
    pieces,
    all(text) {
      if (plain.test(text) && !text.includes('\r\n')) {
        return ascii ? text.replace(ascii, (character) => replacement(character)!) : text;
      }
      let made = '';
      for (const [, by] of pieces(text)) made += by;
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
