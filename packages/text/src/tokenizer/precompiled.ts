const complex =
  /\r\n|[\p{M}\p{Cf}\p{Emoji_Modifier}\p{Regional_Indicator}\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uac00-\ud7a3\uff9e\uff9f\u0e33\u0eb3]/u;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * SentencePiece's compiled normalization (`precompiled_charsmap`: the size of a double-array trie over UTF-8, the trie,
 * replacements ended by NUL), applied as Hugging Face's library does: to grapheme clusters below six bytes, else to
 * characters; the shortest key that starts them counts. Returns what stands for each piece in order.
 */
export function precompiledCharsmap(base64: string): (text: string) => Iterable<readonly [string, string]> {
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
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
  return function* (text) {
    if (!complex.test(text)) {
      for (const character of text) yield [character, replacement(character) ?? character];
      return;
    }
    for (const { segment } of graphemes.segment(text)) {
      const whole = segment.length < 6 && Buffer.byteLength(segment) < 6 ? replacement(segment) : undefined;
      if (whole !== undefined) yield [segment, whole];
      else for (const character of segment) yield [character, replacement(character) ?? character];
    }
  };
}
