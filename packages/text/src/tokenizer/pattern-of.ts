import { compilePattern, literalPattern, translatePattern } from './patterns.ts';

/** The pattern of a component: `{"String"}` or `{"Regex"}`. Throws when it isn't one or can't be translated. */
export function patternOf(pattern: unknown): RegExp {
  const { String: text, Regex: source } = (pattern ?? {}) as { readonly String?: unknown; readonly Regex?: unknown };
  if (typeof text === 'string' && text !== '') {
    return compilePattern(literalPattern(text), 'gu');
  }
  const made = typeof source === 'string' ? translatePattern(source) : undefined;
  if (!made) throw new Error(`pattern: expected one that is known here, got ${JSON.stringify(pattern)?.slice(0, 200)}`);
  return made;
}
