import { characterClasses as classes } from './character-classes.ts';

/** White space as Rust and Oniguruma have it (`White_Space`); JavaScript's `\s` differs at U+FEFF and U+0085. */
export const whiteSpace = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const shorthands: Readonly<Record<string, string>> = {
  s: `[${whiteSpace}]`,
  S: `[^${whiteSpace}]`,
  d: classes.Nd,
  D: `[^${classes.Nd}]`,
  w: classes.word,
  W: `[^${classes.word}]`,
  h: '[0-9A-Fa-f]',
  A: '(?<![^])',
  z: '(?![^])',
};
/** The end of a pattern that makes a `+` behind it possessive. */
const possessive = /(?:[^\\][+*?]|\{\d*,?\d*\})$/;
/** What is longer, or repeats more often, would take long to compile. */
const longestPattern = 10_000;
const manyTimes = /\{\d*,?\d{4,}/;
const caseFolds: Readonly<Record<string, string>> = { s: 'sS\u017f', k: 'kK\u212a' };

/**
 * The regular expression of a tokenizer.json (Oniguruma) as JavaScript's, with the library's classes of characters; or
 * undefined when it uses what this translation does not cover (possessive quantifiers, atomic groups, named classes).
 */
export function translatePattern(pattern: string): RegExp | undefined {
  if (pattern.length > longestPattern || manyTimes.test(pattern)) return undefined;
  let source = '';
  let depth = 0;
  let insensitive: number | undefined;
  let inClass = 0;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!;
    if (character === '\\') {
      const next = pattern[++i];
      if (next === undefined) return undefined;
      const property = /^\{(\^?)(\w+)\}/.exec(pattern.slice(i + 1));
      if ((next === 'p' || next === 'P') && property) {
        const name = property[2]!;
        const known = (classes as Readonly<Record<string, string>>)[name] ?? `[\\p{${name}}]`;
        source += (next === 'P') !== (property[1] === '^') ? `[^${known}]` : known;
        i += property[0].length;
      } else if (shorthands[next] !== undefined) {
        if (inClass > 0 && (next === 'A' || next === 'z')) return undefined;
        source += shorthands[next];
      } else if (/[a-zA-Z0-9]/.test(next) && !/[nrtfvxu]/.test(next)) return undefined;
      else source += /[a-zA-Z0-9]/.test(next) || '^$\\.*+?()[]{}|/-&'.includes(next) ? `\\${next}` : next;
      continue;
    }
    if (inClass > 0) {
      if (character === '[') {
        if (pattern[i + 1] === ':') return undefined;
        inClass++;
        source += '[';
      } else if (character === ']') {
        inClass--;
        source += ']';
      } else if ('(){}|/'.includes(character)) source += `\\${character}`;
      else if (character === '&' && pattern[i + 1] === '&') {
        source += '&&';
        i++;
      } else source += insensitive === undefined || !/[a-zA-Z]/.test(character) ? character : fold(character);
      continue;
    }
    if (character === '[') {
      inClass = 1;
      source += '[';
      if (pattern[i + 1] === '^') {
        source += '^';
        i++;
      }
      if (pattern[i + 1] === ']') {
        source += '\\]';
        i++;
      }
    } else if (character === '(') {
      depth++;
      if (pattern.startsWith('(?i:', i)) {
        insensitive ??= depth;
        source += '(?:';
        i += 3;
      } else if (/^\(\?(?:>|[a-z-]+\))/.test(pattern.slice(i))) return undefined;
      else source += character;
    } else if (character === ')') {
      if (insensitive === depth) insensitive = undefined;
      depth--;
      source += character;
    } else if (character === '+' && possessive.test(pattern.slice(0, i))) return undefined;
    else if (insensitive !== undefined && /[a-zA-Z]/.test(character)) source += `[${fold(character)}]`;
    else source += character;
  }
  try {
    return compilePattern(source, 'gv');
  } catch {
    return undefined;
  }
}

/** The source of a regular expression that matches just this text. */
export function literalPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** A regular expression that is compiled now, for any text: what is too large is known before it is used. */
export function compilePattern(source: string, flags: string): RegExp {
  const pattern = new RegExp(source, flags);
  for (const text of ['a', '\u3042']) text.match(pattern);
  return pattern;
}

function fold(letter: string): string {
  const lower = letter.toLowerCase();
  return caseFolds[lower] ?? lower + lower.toUpperCase();
}
