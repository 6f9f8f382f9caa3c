import { type Aligned, replaceParts, slice } from './aligned.ts';
import { characterClasses as classes } from './character-classes.ts';
import { patternOf } from './pattern-of.ts';
import { whiteSpace } from './patterns.ts';
import { precompiledCharsmap } from './precompiled.ts';

/** A part of a tokenizer.json, by its `type`. */
export type Component = Readonly<Record<string, unknown>>;

/** Rewrites a text before it is cut; `align` also keeps track of where each unit comes from. */
export interface Normalizer {
  apply(text: string): string;
  align(a: Aligned): Aligned;
}

const frozen = new RegExp(`(${classes.frozen})`, 'v');
const removed = new RegExp(classes.bertRemoved, 'gv');
const bertMarks = new RegExp(classes.bertMark, 'gv');
const accents = new RegExp(classes.accent, 'gv');
const spaces = new RegExp(`[${whiteSpace}]`, 'gv');
const ideographs =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
/** A character with the marks and jamo that normalization may join to it. */
const clusters = /[^\p{M}][\p{M}\u1160-\u11ff]*|[\s\S]/gu;
const plain = /^[\0-\x7f]*$/;

/** Unicode normalization that leaves alone what the library does not know. */
export function normalizeForm(text: string, form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): string {
  if (plain.test(text)) return text;
  return frozen.test(text)
    ? text
        .split(frozen)
        .map((part, i) => (i % 2 === 1 ? part : part.normalize(form)))
        .join('')
    : text.normalize(form);
}

/** Lowercase letter by letter, so without the final form of sigma. */
export function lowercase(text: string): string {
  return text.replaceAll('\u03a3', '\u03c3').toLowerCase();
}

/** The steps of BERT's normalizer that are asked for. */
export function bertNormalize(text: string, options: Component): string {
  let made = text;
  const lower = options.lowercase === true;
  if (options.clean_text !== false) made = made.replace(removed, '').replace(spaces, ' ');
  if (options.handle_chinese_chars !== false) made = made.replace(ideographs, ' $& ');
  if ((options.strip_accents ?? lower) === true) made = normalizeForm(made, 'NFD').replace(bertMarks, '');
  return lower ? lowercase(made) : made;
}

/** The normalizer a tokenizer.json describes; undefined for a kind that is not covered. */
export function createNormalizer(component: Component | null | undefined): Normalizer | undefined {
  if (component === null || component === undefined) return { apply: (text) => text, align: (a) => a };
  switch (component.type) {
    case 'Sequence': {
      const steps = (component.normalizers as readonly Component[]).map(createNormalizer);
      if (!steps.every((step) => step !== undefined)) return undefined;
      return {
        apply: (text) => steps.reduce((made, step) => step.apply(made), text),
        align: (a) => steps.reduce((made, step) => step.align(made), a),
      };
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = component.type;
      return byClusters((text) => normalizeForm(text, form));
    }
    case 'Lowercase':
      return byClusters(lowercase);
    case 'StripAccents':
      return byClusters((text) => text.replace(accents, ''));
    case 'BertNormalizer':
      return byClusters((text) => bertNormalize(text, component));
    case 'Precompiled': {
      const replace = precompiledCharsmap(String(component.precompiled_charsmap ?? ''));
      return {
        apply(text) {
          let made = '';
          for (const [, by] of replace(text)) made += by;
          return made;
        },
        align(a) {
          const parts: { from: number; to: number; by: string }[] = [];
          let at = 0;
          for (const [piece, by] of replace(a.text)) {
            if (piece !== by) parts.push({ from: at, to: at + piece.length, by });
            at += piece.length;
          }
          return parts.length === 0 ? a : replaceParts(a, parts);
        },
      };
    }
    case 'Replace': {
      const pattern = patternOf(component.pattern);
      const content = component.content;
      if (!pattern || typeof content !== 'string') return undefined;
      return {
        apply: (text) => text.replace(pattern, () => content),
        align: (a) =>
          replaceParts(
            a,
            Array.from(a.text.matchAll(pattern), (match) => ({
              from: match.index,
              to: match.index + match[0].length,
              by: content,
            })),
          ),
      };
    }
    case 'Prepend': {
      const by = String(component.prepend);
      return {
        apply: (text) => (text === '' ? text : by + text),
        align: (a) =>
          a.text === ''
            ? a
            : replaceParts(a, [{ from: 0, to: firstLength(a.text), by: by + a.text.slice(0, firstLength(a.text)) }]),
      };
    }
    case 'Strip': {
      const left = component.strip_left !== false ? new RegExp(`^[${whiteSpace}]+`, 'v') : undefined;
      const right = component.strip_right !== false;
      const bounds = (text: string): readonly [number, number] => {
        const start = left?.exec(text)?.[0].length ?? 0;
        let end = text.length;
        while (right && end > start && isSpace(text[end - 1]!)) end--;
        return [start, end];
      };
      return { apply: (text) => text.slice(...bounds(text)), align: (a) => slice(a, ...bounds(a.text)) };
    }
    default:
      return undefined;
  }
}

const oneSpace = new RegExp(`^[${whiteSpace}]$`, 'v');
/** Whether a character is white space to the library. */
export function isSpace(character: string): boolean {
  return oneSpace.test(character);
}

function firstLength(text: string): number {
  return text.codePointAt(0)! > 0xffff ? 2 : 1;
}

/** A rewriting that works on each character with its marks alone. */
function byClusters(apply: (text: string) => string): Normalizer {
  return {
    apply,
    align(a) {
      const parts: { from: number; to: number; by: string }[] = [];
      for (const match of a.text.matchAll(clusters)) {
        const by = apply(match[0]);
        if (by !== match[0]) parts.push({ from: match.index, to: match.index + match[0].length, by });
      }
      const made = parts.length === 0 ? a : replaceParts(a, parts);
      const whole = apply(a.text);
      return made.text === whole ? made : replaceParts(a, [{ from: 0, to: a.text.length, by: whole }]);
    },
  };
}
