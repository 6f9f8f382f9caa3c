import { type Change, characterLength, type Rewriting } from './aligned.ts';
import { characterClasses as classes } from './character-classes.ts';

/** Unicode's normalization forms. */
export type UnicodeForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

const frozen = new RegExp(`(${classes.frozen})`, 'v');
/** A character with the marks and jamo that normalization may join to it, unless it is plain and alone. */
const clusters = /[^\p{M}][\p{M}\u1160-\u11ff]+|[^\0-\x7f\p{M}]|\p{M}+/gu;
/** Marks in a row, of which normalization would sort any number, slowly. */
const manyMarks = /\p{M}{4096}/gu;
const plain = /^[\0-\x7f]*$/;

/**
 * Unicode normalization that leaves alone what the Rust library does not know. Runs of more than 4,096 marks are sorted
 * in parts, so that the work is bounded.
 */
export function normalizeForm(text: string, form: UnicodeForm): string {
  if (plain.test(text)) return text;
  return frozen.test(text)
    ? text
        .split(frozen)
        .map((part, i) => (i % 2 === 1 ? part : normalizePart(part, form)))
        .join('')
    : normalizePart(text, form);
}

function normalizePart(text: string, form: UnicodeForm): string {
  if (text.length < 4096 || text.search(manyMarks) < 0) return text.normalize(form);
  let made = '';
  let at = 0;
  for (const match of text.matchAll(manyMarks)) {
    const end = match.index + match[0].length;
    made += text.slice(at, end).normalize(form);
    at = end;
  }
  return made + text.slice(at).normalize(form);
}

/** What normalization does to a text, as rewritings of its clusters. */
export function formRewritings(text: string, form: UnicodeForm): readonly Rewriting[] {
  if (plain.test(text)) return [];
  const made: Rewriting[] = [];
  let from = 0;
  text.split(frozen).forEach((part, i) => {
    if (i % 2 === 0 && part.normalize(form) !== part) {
      let joined = '';
      let last = 0;
      const parts: Rewriting[] = [];
      for (const { index, 0: cluster } of part.matchAll(clusters)) {
        const by = cluster.normalize(form);
        joined += part.slice(last, index) + by;
        last = index + cluster.length;
        if (by !== cluster) parts.push({ from: from + index, to: from + last, changes: formChanges(cluster, form) });
      }
      if (joined + part.slice(last) === normalizePart(part, form)) made.push(...parts);
      else made.push({ from, to: from + part.length, changes: formChanges(part, form) });
    }
    from += part.length;
  });
  return made;
}

/**
 * The changes of the crate `unicode-normalization-alignments`: a decomposed character takes its own place and puts its
 * other parts beside; sorting marks takes their changes along; composing adds them up, less one for each character lost.
 */
function formChanges(text: string, form: UnicodeForm): readonly Change[] {
  const decomposing = form === 'NFC' || form === 'NFD' ? 'NFD' : 'NFKD';
  const waiting = new Map<string, number[]>();
  for (let at = 0; at < text.length; ) {
    const size = characterLength(text, at);
    let change = 0;
    for (const part of text.slice(at, at + size).normalize(decomposing)) {
      const queue = waiting.get(part);
      if (queue) queue.push(change);
      else waiting.set(part, [change]);
      change = 1;
    }
    at += size;
  }
  for (const queue of waiting.values()) queue.reverse();
  const take = (part: string) => waiting.get(part)?.pop() ?? 0;
  return Array.from(normalizePart(text, form), (character) => {
    const parts = Array.from(character.normalize(decomposing));
    return [character, parts.reduce((sum, part) => sum + take(part), 1 - parts.length)] as const;
  });
}
