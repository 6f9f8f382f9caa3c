import type { AddedToken } from '../added-tokens.ts';
import type { Component } from '../normalizers.ts';

/** A tokenizer that is not a tokenizer.json, brought into that shape. */
export interface TokenizerForm {
  readonly description: Component;
  /** What its class takes where tokenizer_config.json says nothing. */
  readonly defaults: Component;
}

/** A row of `added_tokens`. */
export type AddedTokenRow = Required<AddedToken> & { readonly special: boolean };

/** A token that is taken as it is; left out of decoded texts when `special`. */
export function addedToken(content: string, id: number, special = true): AddedTokenRow {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

/** Nothing, the one part, or a `Sequence` of them under the name that the kind of part wants. */
export function sequence(
  name: 'normalizers' | 'pretokenizers' | 'decoders',
  parts: readonly Component[],
): Component | null {
  if (parts.length < 2) return parts[0] ?? null;
  return { type: 'Sequence', [name]: parts };
}

/** The text of a special token of the configuration, which may be an object with its content. */
export function contentOf(token: unknown): string {
  return typeof token === 'string' ? token : String((token as { readonly content?: unknown } | null)?.content);
}
