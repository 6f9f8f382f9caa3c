import { SlmError } from '@slm-compress/onnx';
import { htmlToText } from '../html.ts';
import { wellFormed } from '../well-formed.ts';
import { wordsOf } from '../words-of.ts';
import { repairMojibake } from './mojibake.ts';
import { englishStopWords } from './stop-words.ts';
import { cutAt, normalizeSpace } from './white-space.ts';

/** Classes of characters that a filter may name. */
export type CharacterClass = 'letters' | 'digits' | 'punctuation' | 'symbols' | 'emoji';
/** What a step of `placeholders` finds. */
export type PlaceholderKind = 'url' | 'email' | 'phone' | 'number';

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** A cleaning step as data: its name and its options. */
export type CleaningStep =
  /** Markup to the text a person reads: tags, scripts, styles and comments out, entities decoded. */
  | { readonly step: 'html-to-text' }
  /** UTF-8 that was read as windows-1252 or Latin-1. */
  | { readonly step: 'mojibake' }
  | { readonly step: 'unicode'; readonly form?: 'NFC' | 'NFKC' }
  /** Control and zero-width characters out; joiners that emoji and scripts need stay. */
  | { readonly step: 'invisible' }
  /** Single spaces, trimmed lines, at most one blank line. */
  | { readonly step: 'white-space' }
  | { readonly step: 'lowercase' }
  /** What is of none of the classes named nor in `also` becomes a space; white space stays. */
  | { readonly step: 'keep-characters'; readonly classes: readonly CharacterClass[]; readonly also?: string }
  /** `[URL]`, `[EMAIL]`, `[PHONE]`, `[NUMBER]`, or the text given. */
  | {
      readonly step: 'placeholders';
      readonly kinds: readonly PlaceholderKind[];
      readonly text?: Partial<Readonly<Record<PlaceholderKind, string>>>;
    }
  /** Names given, as whole words in any case, become `[NAME]`. */
  | { readonly step: 'names'; readonly names: readonly string[]; readonly text?: string }
  /** Words left out; English ones by default. Rarely right: models of language need them ("not good"). */
  | { readonly step: 'stop-words'; readonly words?: readonly string[] }
  /** Cut at so many UTF-16 units, never inside a surrogate pair and without white space at the new end. */
  | { readonly step: 'cut'; readonly maxCharacters: number }
  /** Rows without a letter, digit or symbol are dropped. */
  | { readonly step: 'drop-empty' }
  /** Rows outside of the bounds are dropped. */
  | { readonly step: 'length'; readonly characters?: Range; readonly words?: Range }
  /**
   * Rows dropped that repeat themselves: shares, 0 to 1, of lines that occurred before, of word n-grams (3 by default)
   * that occurred before, and of the longest run of one character.
   */
  | {
      readonly step: 'repetition';
      readonly lines?: number;
      readonly ngrams?: number;
      readonly ngramWords?: number;
      readonly characters?: number;
    }
  /** Rows of another language are dropped (ISO 639-1, by `eld`); texts too short to tell stay, unless `unsure` says `drop`. */
  | { readonly step: 'language'; readonly languages: readonly string[]; readonly unsure?: 'keep' | 'drop' };

export type CleaningStepName = CleaningStep['step'];
/** The text as a step leaves it, or nothing when it drops the row. */
export type TextStep = (text: string) => string | undefined;

const classes: Readonly<Record<CharacterClass, string>> = {
  letters: '\\p{L}\\p{M}',
  digits: '\\p{N}',
  punctuation: '\\p{P}',
  symbols: '\\p{S}',
  emoji: '\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\p{Regional_Indicator}\\u200d\\ufe0f\\u20e3',
};
const placeholders: Readonly<Record<PlaceholderKind, { readonly pattern: RegExp; readonly text: string }>> = {
  url: { pattern: /\b(?:https?:\/\/|ftp:\/\/|www\.)[^\s<>"']*[^\s<>"'.,;:!?)\]}]/gi, text: '[URL]' },
  email: { pattern: /(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z\d][a-z\d-]{0,62}\.){1,8}[a-z]{2,24}\b/gi, text: '[EMAIL]' },
  phone: {
    pattern:
      /(?<![\w.+])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}[ .-]\d{3,4}(?:[ .-]?\d{2,4}){1,3}(?!\w|[.,]\d)/g,
    text: '[PHONE]',
  },
  number: { pattern: /(?<![\p{L}\p{N}_])[+-]?\d+(?:[.,]\d+)*(?![\p{L}\p{N}_])/gu, text: '[NUMBER]' },
};

/** Joiners stay between pictographs, and between letters of scripts that shape or separate by them. */
const joinerNeeded =
  /(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d(?=\p{Extended_Pictographic})|(?<=[\p{scx=Arab}\p{scx=Deva}\p{scx=Beng}\p{scx=Gujr}\p{scx=Guru}\p{scx=Knda}\p{scx=Mlym}\p{scx=Orya}\p{scx=Sinh}\p{scx=Taml}\p{scx=Telu}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Mong}\p{scx=Syrc}])[\u200c\u200d]/gu;
const invisible = /(?![\t\n\v\f\r\u0085])[\p{Cc}\p{Cf}\p{Co}]/gu;
/** Format characters that are part of an emoji: the tags of the flags of England, Scotland and Wales. */
const emojiTags = /\u{1f3f4}[\u{e0061}-\u{e007a}]+\u{e007f}/gu;

/** Whether a step drops rows rather than changing their texts. */
export function dropsRows(step: CleaningStepName): boolean {
  return ['drop-empty', 'length', 'repetition', 'language'].includes(step);
}

/** A function a step; languages are told by `detect`. Throws SlmError `DATA_OPTION` for options out of range. */
export function textStep(step: CleaningStep, detect: (text: string) => string | undefined): TextStep {
  switch (step.step) {
    case 'html-to-text':
      return (text) => (/[<&]/.test(text) ? htmlToText(text) : text);
    case 'mojibake':
      return repairMojibake;
    case 'unicode':
      return (text) => wellFormed(text).normalize(step.form ?? 'NFC');
    case 'invisible':
      return removeInvisible;
    case 'white-space':
      return normalizeSpace;
    case 'lowercase':
      return (text) => text.toLowerCase().normalize('NFC');
    case 'keep-characters':
      return keepCharacters(step);
    case 'placeholders':
      return (text) =>
        step.kinds.reduce((at, kind) => {
          const to = step.text?.[kind] ?? placeholders[kind].text;
          return at.replace(placeholders[kind].pattern, () => to);
        }, text);
    case 'names':
      return replaceWords('names', step.names, step.text ?? '[NAME]');
    case 'stop-words':
      return replaceWords('stop-words', step.words ?? englishStopWords, '');
    case 'cut':
      atLeast('cut.maxCharacters', step.maxCharacters, 1);
      return (text) => (text.length > step.maxCharacters ? cutAt(text, step.maxCharacters).trimEnd() : text);
    case 'drop-empty':
      return (text) => (/[\p{L}\p{N}\p{S}]/u.test(text) ? text : undefined);
    case 'length':
      return (text) =>
        within(text.length, step.characters) && (!step.words || within(wordsOf(text).length, step.words))
          ? text
          : undefined;
    case 'repetition':
      return repetition(step);
    case 'language':
      return (text) => {
        const language = detect(text);
        if (language === undefined) return step.unsure === 'drop' ? undefined : text;
        return step.languages.includes(language) ? text : undefined;
      };
    default:
      throw new SlmError(
        'DATA_OPTION',
        `cleaning: expected the name of a step, got ${JSON.stringify((step as { step: unknown }).step)}`,
      );
  }
}

function removeInvisible(text: string): string {
  const keep = new Set<number>();
  for (const pattern of [joinerNeeded, emojiTags]) {
    for (const match of text.matchAll(pattern)) {
      for (let i = 0; i < match[0].length; i++) keep.add(match.index + i);
    }
  }
  return text.replace(invisible, (character, at: number) => (keep.has(at) ? character : ''));
}

function keepCharacters({ classes: named, also = '' }: Extract<CleaningStep, { step: 'keep-characters' }>): TextStep {
  for (const name of named) {
    if (!Object.hasOwn(classes, name)) {
      throw optionError('keep-characters.classes', `of ${Object.keys(classes).join(', ')}`, name);
    }
  }
  const extra = also.replace(/[\\\]^-]/g, '\\$&');
  const other = new RegExp(`[^\\s${named.map((name) => classes[name]).join('')}${extra}]+`, 'gu');
  return (text) => text.replace(other, ' ');
}

/** Replaces whole words, whatever their case; the longest first, so that "Ann Lee" goes before "Ann". */
function replaceWords(step: string, words: readonly string[], to: string): TextStep {
  if (words.length === 0 || words.some((word) => word.trim() === '')) {
    throw optionError(step, 'a list of words, none of them empty', JSON.stringify(words.slice(0, 5)));
  }
  const ordered = [...words].sort((a, b) => b.length - a.length);
  const alternatives = ordered.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
  const pattern = new RegExp(
    `(?<![\\p{L}\\p{N}_])(?:${alternatives})(?![\\p{L}\\p{N}_])${to === '' ? ' ?' : ''}`,
    'giu',
  );
  return (text) => text.replace(pattern, () => to);
}

function repetition(step: Extract<CleaningStep, { step: 'repetition' }>): TextStep {
  const { lines = 1, ngrams = 1, ngramWords = 3, characters = 1 } = step;
  for (const [name, share] of Object.entries({ lines, ngrams, characters })) {
    if (!(share >= 0 && share <= 1)) throw optionError(`repetition.${name}`, 'a share from 0 to 1', share);
  }
  atLeast('repetition.ngramWords', ngramWords, 1);
  return (text) => {
    const all = text.split('\n').filter((line) => line.trim() !== '');
    if (repeatedShare(all) > lines) return undefined;
    if (characters < 1 && longestRun(text) > characters * text.length) return undefined;
    if (ngrams === 1) return text;
    const words = wordsOf(text.toLowerCase());
    const grams = words.slice(ngramWords - 1).map((_, i) => words.slice(i, i + ngramWords).join(' '));
    return repeatedShare(grams) > ngrams ? undefined : text;
  };
}

/** The share of items that occurred before, 0 for none. */
function repeatedShare(items: readonly string[]): number {
  return items.length === 0 ? 0 : 1 - new Set(items).size / items.length;
}

function longestRun(text: string): number {
  let longest = 0;
  let start = 0;
  for (let i = 1; i <= text.length; i++) {
    if (i < text.length && text[i] === text[start]) continue;
    longest = Math.max(longest, i - start);
    start = i;
  }
  return longest;
}

function within(value: number, range: Range | undefined): boolean {
  return range === undefined || (value >= (range.min ?? 0) && value <= (range.max ?? Number.POSITIVE_INFINITY));
}

function atLeast(where: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) throw optionError(where, `a whole number of at least ${least}`, value);
}

function optionError(where: string, expected: string, got: unknown): SlmError {
  return new SlmError('DATA_OPTION', `cleaning, ${where}: expected ${expected}, got ${String(got)}`);
}
