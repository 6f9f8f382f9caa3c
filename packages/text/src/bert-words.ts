/**
 * What BERT's clean-up removes: U+FFFD and the control, format, private-use and surrogate categories, but tab and line
 * breaks. Unassigned characters stay, as in Hugging Face's Rust library.
 */
const removed = /[\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const kept = new Set(['\t', '\n', '\r']);
/** Ideographs that BERT sets apart (the CJK blocks of its reference tokenizer). */
const ideographs =
  '\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}';
const punctuation = '!-\\/:-@\\[-`{-~\\p{P}';
const words = new RegExp(`[${punctuation}]|[${ideographs}]|[^\\s\\p{Z}${punctuation}${ideographs}]+`, 'gu');

/**
 * Words of a text as BERT's normalizer and pre-tokenizer give them: control characters removed, lowercase and accents
 * stripped if asked (letter by letter, so without the final form of sigma), split at white space, around every punctuation character and every CJK ideograph.
 */
export function bertWords(text: string, lowercase: boolean): readonly string[] {
  const clean = text.replace(removed, (character) => (kept.has(character) ? ' ' : ''));
  const folded = lowercase
    ? clean
        .normalize('NFD')
        .replace(/\p{Mn}/gu, '')
        .toLowerCase()
    : clean;
  return folded.match(words) ?? [];
}
