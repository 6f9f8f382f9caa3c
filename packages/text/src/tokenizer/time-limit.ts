import { SlmError } from '@slm-compress/onnx';
import { clocked } from './clocked.ts';
import type { Component } from './normalizers.ts';

const milliseconds = 1000;
const millisecondsPerCharacter = 0.005;

/** Patterns of well-known tokenizers (GPT-2, Llama 3, Qwen 2, GPT-4o, CLIP), which never look far back. */
const known: ReadonlySet<string> = new Set([
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  ...['{1,3}', ''].map(
    (digits) =>
      String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ),
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
]);
/** No repetition but one at the end: nothing to go back to. */
const plain = /^(?:[^\\()[\]{}*+?|]|\\[a-zA-Z]|\\p\{\w+\})*(?:[*+]|\{\d+,?\d*\})?$/;
/** Texts to choose from, few enough to try each in every place. */
const literals = /^(?:[^\\()[\]{}*+?.^$]|\\[^a-zA-Z0-9]){0,1000}$/;

/** Whether matching a pattern of the description may take longer than the text is long. */
export function hasSlowPatterns(component: unknown): boolean {
  if (typeof component !== 'object' || component === null) return false;
  return Object.entries(component as Component).some(([key, value]) =>
    key === 'Regex' && typeof value === 'string'
      ? !known.has(value) && !plain.test(value) && !literals.test(value)
      : hasSlowPatterns(value),
  );
}

/**
 * Runs work on a text under a clock that also stops a regular expression. Throws SlmError `TOKENIZER_TIME` past 1 s and
 * 5 µs a character.
 */
export function withinTime<T>(text: string, run: () => T): T {
  const timeout = Math.ceil(milliseconds + millisecondsPerCharacter * text.length);
  return clocked(
    timeout,
    run,
    (cause) =>
      new SlmError(
        'TOKENIZER_TIME',
        `text: expected to encode ${text.length} characters within ${timeout} ms, got no further (a slow pattern of the tokenizer)`,
        { cause },
      ),
  );
}
