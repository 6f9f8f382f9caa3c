import { type Aligned, type Change, characterLength, type Rewriting, rewrite, slice } from './aligned.ts';
import { characterClasses as classes } from './character-classes.ts';
import { patternOf } from './pattern-of.ts';
import { whiteSpace } from './patterns.ts';
import { precompiledCharsmap } from './precompiled.ts';
import { formRewritings, normalizeForm } from './unicode-forms.ts';
import { type Cuts, weakest } from './windows.ts';

/** A part of a tokenizer.json, by its `type`. */
export type Component = Readonly<Record<string, unknown>>;

/** Rewrites a text before it is cut; `align` also keeps track of where each unit comes from, as the library does. */
export interface Normalizer {
  apply(text: string): string;
  align(a: Aligned): Aligned;
  /** Where a text may be cut, each part to be rewritten alone. */
  readonly cuts: Cuts;
}

const removed = new RegExp(classes.bertRemoved, 'gv');
const bertMarks = new RegExp(classes.bertMark, 'gv');
const accents = new RegExp(classes.accent, 'gv');
const spaces = new RegExp(`[${whiteSpace}]`, 'gv');
const ideographs =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const plain = /^[\0-\x7f]*$/;
/** Patterns of white space that a cut before a space, behind a letter, does not part. */
const spacePattern = /^(?:\\s\+|\s\{\d+,\}|\\s\{\d+,\})$/;

/** Lowercase letter by letter, so without the final form of sigma. */
export function lowercase(text: string): string {
  return text.replaceAll('\u03a3', '\u03c3').toLowerCase();
}

/** The steps of BERT's normalizer that are asked for. */
export function bertNormalize(text: string, options: Component): string {
  const lower = options.lowercase === true;
  if (plain.test(text)) {
    const clean = options.clean_text === false ? text : text.replace(removed, '').replace(/[\t\n\r]/g, ' ');
    return lower ? clean.toLowerCase() : clean;
  }
  let made = text;
  if (options.clean_text !== false) made = made.replace(removed, '').replace(spaces, ' ');
  if (options.handle_chinese_chars !== false) made = made.replace(ideographs, ' $& ');
  if ((options.strip_accents ?? lower) === true) made = normalizeForm(made, 'NFD').replace(bertMarks, '');
  return lower ? lowercase(made) : made;
}

/** The normalizer a tokenizer.json describes. Throws for a kind that isn't known and for a malformed one. */
export function createNormalizer(component: Component | null | undefined): Normalizer {
  if (component === null || component === undefined) return unchanged;
  switch (component.type) {
    case 'Sequence': {
      if (!Array.isArray(component.normalizers)) throw new Error('normalizers: expected a list');
      return sequence((component.normalizers as readonly Component[]).map(createNormalizer));
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = component.type;
      return {
        cuts: 'spaces',
        apply: (text) => normalizeForm(text, form),
        align: (a) => rewriteParts(a, formRewritings(a.text, form)),
      };
    }
    case 'Lowercase':
      return lowering;
    case 'StripAccents':
      return removing(accents);
    case 'BertNormalizer':
      return { ...bertSteps(component), cuts: 'words', apply: (text) => bertNormalize(text, component) };
    case 'Precompiled':
      return precompiled(String(component.precompiled_charsmap ?? ''));
    case 'Replace': {
      const pattern = patternOf(component.pattern);
      const { content } = component;
      if (typeof content !== 'string') throw new Error('normalizer Replace: expected content');
      const { String: text, Regex: source } = component.pattern as Component;
      const local =
        typeof text === 'string' ? /^[^A-Za-z0-9 ]+$/.test(text) : content === ' ' && spacePattern.test(String(source));
      return replacing(pattern, content, local ? 'spaces' : 'none');
    }
    case 'Prepend': {
      const by = component.prepend;
      if (typeof by !== 'string') throw new Error('normalizer Prepend: expected what to prepend');
      return {
        cuts: 'none',
        apply: (text) => (text === '' ? text : by + text),
        align: (a) => prepend(a, by),
      };
    }
    case 'Strip': {
      const left = component.strip_left !== false;
      const right = component.strip_right !== false;
      const bounds = (text: string): readonly [number, number] => {
        let start = 0;
        let end = text.length;
        while (left && start < end && isSpace(text[start]!)) start++;
        while (right && end > start && isSpace(text[end - 1]!)) end--;
        return [start, end];
      };
      return {
        cuts: left ? 'none' : 'spaces',
        apply: (text) => text.slice(...bounds(text)),
        align: (a) => slice(a, ...bounds(a.text)),
      };
    }
    default:
      throw new Error(`normalizer ${JSON.stringify(component.type)}, which isn't known here`);
  }
}

const unchanged: Normalizer = { cuts: 'words', apply: (text) => text, align: (a) => a };

const lowering: Normalizer = {
  cuts: 'words',
  apply: lowercase,
  align: (a) => byCharacter(a, lowercase),
};

function sequence(steps: readonly Normalizer[]): Normalizer {
  return {
    cuts: steps.map((step) => step.cuts).reduce(weakest, 'words'),
    apply: (text) => steps.reduce((made, step) => step.apply(made), text),
    align: (a) => steps.reduce((made, step) => step.align(made), a),
  };
}

/** BERT's normalizer step by step, for its alignment. */
function bertSteps(options: Component): Normalizer {
  const lower = options.lowercase === true;
  const steps: Normalizer[] = [];
  if (options.clean_text !== false) {
    steps.push(removing(removed), {
      ...unchanged,
      align: (a) => ({ ...a, text: a.text.replace(spaces, ' ') }),
    });
  }
  if (options.handle_chinese_chars !== false) {
    steps.push({
      ...unchanged,
      align: (a) =>
        rewriteParts(
          a,
          Array.from(a.text.matchAll(ideographs), ({ index, 0: found }) => ({
            from: index,
            to: index + found.length,
            changes: [
              [' ', 0],
              [found, 1],
              [' ', 1],
            ],
          })),
        ),
    });
  }
  if ((options.strip_accents ?? lower) === true) {
    steps.push({ ...unchanged, align: (a) => rewriteParts(a, formRewritings(a.text, 'NFD')) }, removing(bertMarks));
  }
  if (lower) steps.push(lowering);
  return sequence(steps);
}

function precompiled(base64: string): Normalizer {
  const replace = precompiledCharsmap(base64);
  return {
    cuts: 'spaces',
    apply: replace.all,
    align(a) {
      const changes: [character: string, change: number][] = [];
      let changed = false;
      for (const [piece, by] of replace.pieces(a.text)) {
        changed ||= piece !== by;
        const made = Array.from(by, (character): [string, number] => [character, 0]);
        changes.push(...made);
        const more = made.length - Array.from(piece).length;
        for (let i = 0; i < more && i < changes.length; i++) changes[changes.length - 1 - i]![1] = 1;
        const last = changes[changes.length - 1];
        if (more < 0 && last) last[1] += more;
      }
      return changed ? rewrite(a, [{ from: 0, to: a.text.length, changes }]) : a;
    },
  };
}

/** Takes characters away; what is kept stands for itself alone. */
function removing(pattern: RegExp): Normalizer {
  return {
    cuts: 'words',
    apply: (text) => text.replace(pattern, ''),
    align: (a) =>
      rewriteParts(
        a,
        Array.from(a.text.matchAll(pattern), ({ index, 0: found }) => ({
          from: index,
          to: index + found.length,
          changes: [],
        })),
      ),
  };
}

/** Puts a text in place of what a pattern finds; it stands for the last character of that. */
function replacing(pattern: RegExp, by: string, cuts: Cuts): Normalizer {
  const changes: readonly Change[] = Array.from(by, (character) => [character, 1]);
  return {
    cuts,
    apply: (text) => text.replaceAll(pattern, () => by),
    align: (a) => {
      return rewriteParts(
        a,
        Array.from(a.text.matchAll(pattern), ({ index, 0: found }) => ({
          from: index,
          to: index + found.length,
          changes,
          removed: Array.from(found).length,
        })),
      );
    },
  };
}

/** Puts a text before another that isn't empty; it stands for the first character. */
export function prepend(a: Aligned, by: string): Aligned {
  if (a.text === '') return a;
  const size = characterLength(a.text, 0);
  const characters = [...by, a.text.slice(0, size)];
  const changes = characters.map((character, i): Change => [character, i === 0 ? 0 : 1]);
  return rewrite(a, [{ from: 0, to: size, changes }]);
}

function byCharacter(a: Aligned, apply: (character: string) => string): Aligned {
  const parts: Rewriting[] = [];
  for (let at = 0; at < a.text.length; ) {
    const to = at + characterLength(a.text, at);
    const old = a.text.slice(at, to);
    const made = apply(old);
    if (made !== old) {
      const changes = Array.from(made, (character, i): Change => [character, i === 0 ? 0 : 1]);
      parts.push({ from: at, to, changes });
    }
    at = to;
  }
  return rewriteParts(a, parts);
}

function rewriteParts(a: Aligned, parts: readonly Rewriting[]): Aligned {
  return parts.length === 0 ? a : rewrite(a, parts);
}

const oneSpace = new RegExp(`^[${whiteSpace}]$`, 'v');
/** Whether a character is white space to the library. */
export function isSpace(character: string): boolean {
  return oneSpace.test(character);
}
