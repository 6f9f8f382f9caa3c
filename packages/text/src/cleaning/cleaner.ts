import { type CleaningStep, type CleaningStepName, dropsRows, textStep } from './steps.ts';

/** What a step did to the rows so far. */
export interface CleaningStepAccount {
  readonly step: CleaningStepName;
  /** Rows that it changed. */
  readonly rows: number;
  /** Net number of UTF-16 units that it took away from them; negative when it added. */
  readonly characters: number;
  /** Rows that it dropped. */
  readonly dropped: number;
  /** The first rows changed or dropped, around the first difference; `after` is absent where the row was dropped. */
  readonly examples: readonly { readonly before: string; readonly after?: string }[];
}

/** Cleaning steps in order, with an account of what they did. */
export interface Cleaner {
  /** The cleaned text, or nothing when a step dropped the row. */
  clean(text: string): string | undefined;
  /**
   * The same for a row of several texts, a pair or the messages of a chat: each is cleaned alone, and what drops rows looks
   * at them together, with line feeds between. Gives the texts, or the step that dropped the row.
   */
  cleanAll(texts: readonly string[]): readonly string[] | CleaningStepName;
  account(): readonly CleaningStepAccount[];
}

const excerptLength = 120;

/**
 * Makes a cleaner of steps that are data, so that a recipe can hold them. Same steps and text, same result.
 * With `keepRows` the steps that drop rows do nothing.
 * Throws SlmError `DATA_OPTION` for an unknown step or options out of range.
 */
export async function createCleaner(
  steps: readonly CleaningStep[],
  options: { readonly examples?: number; readonly keepRows?: boolean } = {},
): Promise<Cleaner> {
  const { examples: examplesKept = 3, keepRows = false } = options;
  const detect = steps.some(({ step }) => step === 'language') ? await languageDetector() : () => undefined;
  const entries = steps.map((step) => ({
    step: step.step,
    drops: dropsRows(step.step),
    apply: textStep(step, detect),
    account: { rows: 0, characters: 0, dropped: 0, examples: [] as { before: string; after?: string }[] },
  }));
  const cleanAll = (given: readonly string[]): readonly string[] | CleaningStepName => {
    let texts = given;
    for (const { step, drops, apply, account } of entries) {
      if (drops) {
        const whole = texts.join('\n');
        if (keepRows || apply(whole) !== undefined) continue;
        account.dropped++;
        if (account.examples.length < examplesKept) account.examples.push(difference(whole, undefined));
        return step;
      }
      const next = texts.map((text) => apply(text) ?? text);
      const at = texts.findIndex((text, i) => text !== next[i]);
      if (at < 0) continue;
      if (account.examples.length < examplesKept) account.examples.push(difference(texts[at]!, next[at]));
      account.rows++;
      account.characters += totalLength(texts) - totalLength(next);
      texts = next;
    }
    return texts;
  };
  return {
    cleanAll,
    clean(text) {
      const cleaned = cleanAll([text]);
      return typeof cleaned === 'string' ? undefined : cleaned[0];
    },
    account: () => entries.map(({ step, account }) => ({ step, ...account, examples: [...account.examples] })),
  };
}

function totalLength(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/** The language of a text as ISO 639-1 by the package `eld` (n-grams, 60 languages), when it is sure of it. */
export async function languageDetector(): Promise<(text: string) => string | undefined> {
  const { eld } = await import('eld/extrasmall');
  return (text) => {
    // The beginning tells; work stays bounded.
    const result = eld.detect(text.slice(0, 1000));
    return result.language !== '' && result.isReliable() ? result.language : undefined;
  };
}

function difference(before: string, after: string | undefined): { before: string; after?: string } {
  if (after === undefined) return { before: before.slice(0, excerptLength) };
  let at = 0;
  while (at < before.length && before[at] === after[at]) at++;
  const start = Math.max(0, at - 20);
  return { before: before.slice(start, start + excerptLength), after: after.slice(start, start + excerptLength) };
}
