import { SlmError } from '@slm-compress/onnx';

/** White space, control characters, and what shows nothing by itself (zero-width, joiners, variation selectors). */
const VISIBLE = /[^\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}]/u;

/** True when a text has nothing to classify: it is empty, or has only white space, control or zero-width characters. */
export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}

/** @throws SlmError `ENGINE_INPUT` when `text` is no string, `TEXT_EMPTY` when it {@link isBlank}. */
export function checkText(where: string, text: unknown): asserts text is string {
  if (typeof text !== 'string') throw inputError(where, 'a string', text);
  if (isBlank(text)) throw new SlmError('TEXT_EMPTY', `${where}: expected a text, got nothing but white space`);
}

/** As {@link checkText}, for every element of an array; the error names the first wrong index. */
export function checkTexts(where: string, texts: unknown): asserts texts is readonly string[] {
  if (!Array.isArray(texts)) throw inputError(where, 'an array of strings', texts);
  // By index: a hole of a sparse array is no string either.
  for (let index = 0; index < texts.length; index++) checkText(`${where}[${index}]`, texts[index]);
}

/**
 * Checks what a call passes besides its texts or feeds.
 *
 * @throws SlmError `ENGINE_INPUT`
 */
export function checkCallOptions(where: string, options: unknown): void {
  if (typeof options !== 'object' || options === null) throw inputError(where, 'an object of options', options);
  const { signal, onTiming } = options as { signal?: unknown; onTiming?: unknown };
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw inputError(`${where}: signal`, 'an AbortSignal', signal);
  }
  if (onTiming !== undefined && typeof onTiming !== 'function') {
    throw inputError(`${where}: onTiming`, 'a function', onTiming);
  }
}

/** @throws SlmError `RUNTIME_OPTIONS` when `value` is given and no integer of at least `min`. */
export function checkCount(name: string, value: unknown, min: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= min)) return;
  const got = typeof value === 'number' ? String(value) : kind(value);
  throw new SlmError('RUNTIME_OPTIONS', `${name}: expected an integer of at least ${min}, got ${got}`);
}

function inputError(where: string, expected: string, value: unknown): SlmError {
  return new SlmError('ENGINE_INPUT', `${where}: expected ${expected}, got ${kind(value)}`);
}

function kind(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
