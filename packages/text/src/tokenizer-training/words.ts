import { bertWords } from '../bert-words.ts';

/** `bpe` is byte-level, as GPT-2's; `metaspace-bpe` merges characters, with spaces written as U+2581, as Llama's. */
export type TokenizerKind = 'wordpiece' | 'bpe' | 'metaspace-bpe' | 'unigram';
export type UnicodeForm = 'none' | 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** How a text is cut into the words whose pieces are learned; plain data. */
export interface WordRules {
  readonly kind: TokenizerKind;
  readonly lowercase: boolean;
  readonly unicode: UnicodeForm;
  readonly splitDigits: boolean;
  /** Byte-level only: the first word starts with a space too. */
  readonly addPrefixSpace: boolean;
}

/** Stands for a space in SentencePiece vocabularies. */
export const metaspace = '\u2581';

const byteLevelWords =
  /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const digits = /\p{N}|\P{N}+/gu;
const metaspaceWords = /^[^\u2581]+|\u2581[^\u2581]*/gu;

/** The words of a text under the rules, as the written tokenizer's normalizer and pre-tokenizer give them. */
export function wordSplitter(rules: WordRules): (text: string) => readonly string[] {
  const { kind, lowercase, unicode, splitDigits, addPrefixSpace } = rules;
  const normalize = (text: string) => {
    const composed = unicode === 'none' ? text : text.normalize(unicode);
    // Letter by letter, as in Hugging Face's library: lowercasing the whole would give a final sigma its own form.
    return lowercase ? composed.replaceAll('\u03a3', '\u03c3') : composed;
  };
  const lower = (text: string) => (lowercase ? text.toLowerCase() : text);
  const digitsApart = (words: readonly string[]) =>
    splitDigits ? words.flatMap((word) => word.match(digits) ?? []) : words;
  switch (kind) {
    case 'wordpiece':
      return (text) => digitsApart(bertWords(normalize(text), lowercase));
    case 'bpe':
      return (text) =>
        digitsApart([lower(normalize(text))]).flatMap((part) => {
          const spaced = addPrefixSpace && part !== '' && !part.startsWith(' ') ? ` ${part}` : part;
          return spaced.match(byteLevelWords) ?? [];
        });
    case 'metaspace-bpe':
    case 'unigram':
      return (text) => {
        const normal = lower(normalize(text));
        const spaced = (kind === 'unigram' ? normal.replace(/ {2,}/g, ' ') : normal).replaceAll(' ', metaspace);
        if (spaced === '') return [];
        return digitsApart((spaced.startsWith(metaspace) ? spaced : metaspace + spaced).match(metaspaceWords) ?? []);
      };
  }
}
