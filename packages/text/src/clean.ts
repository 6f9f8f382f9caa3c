import { cutAt, normalizeSpace } from './cleaning/white-space.ts';

/** Result of {@link cleanText}: the text and what each step took away, in UTF-16 units. */
export interface CleanedText {
  readonly text: string;
  readonly steps: Readonly<Record<CleanStep, number>>;
  /** Steps that changed the text. */
  readonly changed: readonly CleanStep[];
}

export type CleanStep = 'surrogates' | 'invisible' | 'white-space' | 'nfc' | 'lowercase' | 'cut';

/** Control, format and private-use characters; not the unassigned ones, as which these are differs between versions of Node. */
const invisible = /(?![\t\n\v\f\r\u0085])[\p{Cc}\p{Cf}\p{Co}]/gu;

/**
 * Cleans a text, in this order: lone surrogates become U+FFFD; control, format (zero-width, bidirectional marks, soft
 * hyphen, BOM) and private-use characters go; every kind of space becomes one space, lines are trimmed and
 * at most one blank line is left between two lines; NFC; lowercase if asked; cut at `maxCharacters` without splitting
 * a surrogate pair. Idempotent.
 */
export function cleanText(
  raw: string,
  options: { readonly maxCharacters?: number; readonly lowercase?: boolean } = {},
): CleanedText {
  const { maxCharacters = Number.POSITIVE_INFINITY, lowercase = false } = options;
  const steps: Record<CleanStep, number> = {
    surrogates: 0,
    invisible: 0,
    'white-space': 0,
    nfc: 0,
    lowercase: 0,
    cut: 0,
  };
  const changed: CleanStep[] = [];
  let text = raw;
  const apply = (step: CleanStep, next: string) => {
    if (next === text) return;
    steps[step] += text.length - next.length;
    if (!changed.includes(step)) changed.push(step);
    text = next;
  };
  // Far longer texts than can be kept are not worth cleaning to the end.
  if (text.length > 8 * maxCharacters + 65_536) apply('cut', cutAt(text, 8 * maxCharacters + 65_536));
  apply('surrogates', text.replace(/\p{Cs}/gu, '\ufffd'));
  apply('invisible', text.replace(invisible, ''));
  apply('white-space', normalizeSpace(text));
  apply('nfc', text.normalize('NFC'));
  if (lowercase) apply('lowercase', text.toLowerCase().normalize('NFC'));
  if (text.length > maxCharacters) apply('cut', cutAt(text, maxCharacters).trimEnd());
  return { text, steps, changed };
}
