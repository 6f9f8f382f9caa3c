import { translatePattern } from './patterns.ts';

/** The pattern of a component: `{"String"}` or `{"Regex"}`; undefined when it can't be translated or would match nothing. */
export function patternOf(pattern: unknown): RegExp | undefined {
  const { String: text, Regex: source } = (pattern ?? {}) as { readonly String?: unknown; readonly Regex?: unknown };
  if (typeof text === 'string' && text !== '') return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gu');
  return typeof source === 'string' ? translatePattern(source) : undefined;
}
