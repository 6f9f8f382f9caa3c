import { createCleaner } from '../cleaning/cleaner.ts';
import type { CleaningStep } from '../cleaning/steps.ts';
import type { TextRow } from '../sources/text-row.ts';
import type { CleaningTrial } from './data-inspection.ts';

/** Tags that mark up text, and entities; not any `<` that has something behind it. */
const markup =
  /<\/?(?:a|abbr|article|b|blockquote|body|br|button|center|code|div|dl|em|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|li|link|meta|nav|ol|p|pre|script|section|small|span|strong|style|sub|sup|table|tbody|td|th|title|tr|u|ul)\b[^<>]{0,2000}>|<!--|&(?:amp|apos|gt|hellip|laquo|ldquo|lsquo|lt|mdash|nbsp|ndash|quot|raquo|rdquo|rsquo|#\d{1,7}|#x[\da-f]{1,6});/i;

/** Steps that an account tries, and where one needs it, which texts it is for. */
const trials: readonly { readonly step: CleaningStep; readonly fits?: RegExp }[] = [
  { step: { step: 'html-to-text' }, fits: markup },
  { step: { step: 'mojibake' } },
  { step: { step: 'unicode' } },
  { step: { step: 'invisible' } },
  { step: { step: 'white-space' } },
  { step: { step: 'placeholders', kinds: ['url'] } },
  { step: { step: 'placeholders', kinds: ['email'] } },
  { step: { step: 'placeholders', kinds: ['phone'] } },
  { step: { step: 'repetition', lines: 0.7, ngrams: 0.8, characters: 0.5 } },
  { step: { step: 'drop-empty' } },
];

/** What each of the usual cleaning steps, alone, would do to rows; nothing is changed. */
export async function tryCleaning(rows: readonly TextRow[], examples: number): Promise<readonly CleaningTrial[]> {
  const found: CleaningTrial[] = [];
  for (const { step, fits } of trials) {
    const cleaner = await createCleaner([step], { examples });
    const places: string[] = [];
    for (const { text, where } of rows) {
      if (fits !== undefined && !fits.test(text)) continue;
      if (cleaner.clean(text) !== text && places.length < examples) places.push(where);
    }
    const [account] = cleaner.account();
    found.push({
      step,
      rows: account!.rows,
      share: (account!.rows + account!.dropped) / Math.max(1, rows.length),
      dropped: account!.dropped,
      examples: account!.examples.map((example, i) => ({ where: places[i]!, ...example })),
    });
  }
  return found;
}
