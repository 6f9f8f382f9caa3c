import { characterClasses as classes } from './tokenizer/character-classes.ts';
import { bertNormalize } from './tokenizer/normalizers.ts';
import { whiteSpace } from './tokenizer/patterns.ts';

const words = new RegExp(`[${classes.bertPunctuation}]|[^${whiteSpace}${classes.bertPunctuation}]+`, 'gv');

/**
 * Words of a text as BERT's normalizer and pre-tokenizer give them: control characters removed, lowercase and accents
 * stripped if asked (letter by letter, so without the final form of sigma), split at white space, around every
 * punctuation character and every CJK ideograph.
 */
export function bertWords(text: string, lowercase: boolean): readonly string[] {
  const options = { clean_text: true, handle_chinese_chars: true, lowercase };
  return bertNormalize(text, options).match(words) ?? [];
}
