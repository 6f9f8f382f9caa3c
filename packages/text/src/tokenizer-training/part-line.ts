import type { Component } from '../tokenizer/normalizers.ts';
import { createTemplate, type TemplatePart } from '../tokenizer/post-processor.ts';

const longestText = 60;

/**
 * A part of a tokenizer.json in a line: its type with its options, those of a sequence in order. Undefined where there
 * is none.
 */
export function partLine(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null) return undefined;
  const { type, ...options } = part as Component;
  const list = Object.values(options).find(
    (value) => Array.isArray(value) && value.every((one) => typeof one?.type === 'string'),
  ) as readonly Component[] | undefined;
  if (type === 'Sequence' && list !== undefined) return list.map(partLine).join(' → ') || undefined;
  const shown = Object.entries(options).flatMap(([name, value]) => {
    if (value === null || value === undefined) return [];
    if (typeof value === 'boolean') return [value ? name : `no ${name}`];
    if (name === 'pattern') return [patternText(value)];
    if (name === 'precompiled_charsmap') return [`${Buffer.byteLength(String(value), 'base64')} bytes`];
    return [`${name} ${short(value)}`];
  });
  return shown.length === 0 ? String(type) : `${type}(${shown.join(', ')})`;
}

/**
 * What stands around one text and around two, `$A` and `$B`, with `:1` where a type isn't 0. Undefined where nothing
 * does. Throws an Error for a post-processor that isn't known.
 */
export function templateLine(part: unknown, tokenOf: (id: number) => string | undefined): string | undefined {
  const template = createTemplate((part ?? null) as Component | null);
  const said = (parts: readonly TemplatePart[]) =>
    parts
      .flatMap((one) => {
        const names = 'ids' in one ? one.ids.map((id) => tokenOf(id) ?? `#${id}`) : [one.sequence === 0 ? '$A' : '$B'];
        return names.map((name) => (one.typeId === 0 ? name : `${name}:${one.typeId}`));
      })
      .join(' ');
  const [single, pair] = [said(template.single), said(template.pair)];
  return single === '$A' && pair === '$A $B:1' ? undefined : `${single}, of two ${pair}`;
}

function patternText(pattern: unknown): string {
  const { String: text, Regex: source } = pattern as Component;
  return typeof source === 'string' ? `/${cut(source)}/` : short(text);
}

function short(value: unknown): string {
  return cut(JSON.stringify(value));
}

function cut(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text;
}
