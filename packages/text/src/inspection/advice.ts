import { standardCleaning } from '../cleaning/standard.ts';
import type { Advice, AdviceCode, CleaningTrial, DataInspection, LabelConflict } from './data-inspection.ts';

type Rule = (inspection: Omit<DataInspection, 'advice'>) => string | readonly string[] | undefined;

/** Rows of a label below which a model hardly learns it. */
export const fewRows = 10;

/** Lengths in tokens that a model may be given. */
export const usualLengths: readonly number[] = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512];

/** What to say about a data set, a rule a code, most important first. */
const rules: Readonly<Record<AdviceCode, Rule>> = {
  'wrong-rows': ({ wrongRows, rows, inputs }) => {
    if (wrongRows === 0) return undefined;
    const first = inputs.find((input) => input.examples.length > 0)?.examples[0];
    return `${many(wrongRows, 'row')} of ${number(rows + wrongRows)} cannot be read (the first: ${first}): mend or drop them`;
  },
  'empty-rows': ({ emptyRows }) =>
    emptyRows.rows === 0
      ? undefined
      : `${many(emptyRows.rows, 'row')} without text (${emptyRows.examples[0]!.where}): drop them`,
  'no-labels': ({ classes, unlabelled }) => {
    if (classes === undefined) return 'no row has a label: a classifier needs a label column';
    return unlabelled === 0 ? undefined : `${many(unlabelled, 'row')} without a label: add it or leave them out`;
  },
  'one-class': ({ classes }) =>
    classes?.labels.length === 1
      ? `all rows have the label ${quoted(classes.labels[0]!.label)}: a classifier needs at least two`
      : undefined,
  'small-classes': ({ classes }) => {
    const small = classes?.labels.filter(({ rows }) => rows < fewRows) ?? [];
    if (small.length === 0) return undefined;
    const names = small.slice(0, 5).map(({ label, rows }) => `${quoted(label)} ${rows}`);
    return `${many(small.length, 'label')} with fewer than ${fewRows} rows (${list(names, small.length)}): collect more or merge them`;
  },
  imbalance: ({ classes }) =>
    classes !== undefined && classes.labels.length > 1 && classes.imbalanceRatio > 10
      ? `the labels are uneven, ${classes.imbalanceRatio.toFixed(0)} to 1: answering ${quoted(classes.labels[0]!.label)} always gives ${percent(classes.majorityBaseline)} accuracy, so look at macro F1`
      : undefined,
  'two-labels': ({ suspiciousLabels: { equal } }) => conflictText(equal, 'text', 'have'),
  'near-two-labels': ({ suspiciousLabels: { near } }) => conflictText(near, 'group', 'of nearly the same texts have'),
  leak: ({ leaks = [] }) =>
    leaks
      .filter(({ rows }) => rows > 0)
      .map(
        ({ from, into, rows, examples }) =>
          `${many(rows, 'row')} of ${into} occur in ${from}, exactly or nearly (${examples[0]!.b.where}): take them out of ${into}, or results are too good`,
      ),
  duplicates: ({ duplicates: { equal, near }, rows }) => {
    const parts = [
      ...(equal.rows > 0.005 * rows ? [`${share(equal.rows, rows)} of the rows repeat an earlier text`] : []),
      ...(near.rows > 0.005 * near.compared ? [`${share(near.rows, near.compared)} nearly repeat one`] : []),
    ];
    return parts.length === 0 ? undefined : `${parts.join(', ')}: remove duplicates before splitting`;
  },
  cleaning: ({ cleaning }) => cleaning.flatMap((trial) => cleaningText(trial) ?? []),
  languages: ({ languages }) => {
    const known = languages.filter(({ language }) => language !== 'unsure');
    const all = known.reduce((sum, { rows }) => sum + rows, 0);
    const [first, ...others] = known.filter(({ rows }) => rows > 0.005 * all);
    if (first === undefined || others.length === 0) return undefined;
    const names = others.slice(0, 5).map(({ language, rows }) => `${language} ${share(rows, all)}`);
    return `${share(first.rows, all)} of the texts are in ${first.language}, others in ${list(names, others.length)}: keep them only if the model will see them (step language)`;
  },
  'unknown-words': ({ tokens }) => {
    if (tokens === undefined || tokens.vocabulary.unknownRate < 0.005) return undefined;
    const { unknownRate, unknownWords } = tokens.vocabulary;
    return `${percent(unknownRate)} of the tokens are unknown (${list(unknownWords.slice(0, 5), unknownWords.length)}): use a vocabulary learned from such texts`;
  },
  'max-length': ({ tokens }) => {
    const chosen = tokens === undefined ? undefined : lengthThatKeeps(tokens.truncation, 0.97);
    if (chosen === undefined) return undefined;
    return `maxLength ${chosen.maxLength} keeps ${percent(1 - chosen.tokensLost)} of the tokens and cuts ${percent(chosen.textsCut)} of the texts`;
  },
};

/** The steps to advise, by name: a share from which they are worth it, and what they are for. */
const worth: Readonly<
  Partial<Record<CleaningTrial['step']['step'], { readonly from: number; readonly holds: string }>>
> = {
  'html-to-text': { from: 0.002, holds: 'HTML' },
  mojibake: { from: 0.0005, holds: 'wrongly decoded characters (mojibake)' },
  unicode: { from: 0.0005, holds: 'characters that are not in the composed form NFC' },
  invisible: { from: 0.0005, holds: 'control or zero-width characters' },
  'white-space': { from: 0.01, holds: 'surplus white space' },
  repetition: { from: 0.002, holds: 'little but repetition' },
};

/** Whether a step changes or drops enough rows to be worth it. */
export function isWorthIt({ step, share: changed }: CleaningTrial): boolean {
  return changed >= (worth[step.step]?.from ?? Number.POSITIVE_INFINITY);
}

/** The smallest usual length that keeps a share of the tokens, else the largest. */
export function lengthThatKeeps<T extends { readonly tokensLost: number }>(
  lengths: readonly T[],
  kept: number,
): T | undefined {
  return lengths.find(({ tokensLost }) => tokensLost <= 1 - kept) ?? lengths.at(-1);
}

/** Advice for an inspection, most important first. */
export function adviceFor(inspection: Omit<DataInspection, 'advice'>): readonly Advice[] {
  return (Object.keys(rules) as AdviceCode[]).flatMap((code) => {
    const said = rules[code](inspection) ?? [];
    return (typeof said === 'string' ? [said] : said).map((message) => ({ code, message }));
  });
}

function cleaningText(trial: CleaningTrial): string | undefined {
  if (!isWorthIt(trial)) return undefined;
  const { step, holds } = { step: trial.step.step, ...worth[trial.step.step]! };
  const standard = standardCleaning.some((other) => other.step === step);
  return `${percent(trial.share)} of rows hold ${holds}: ${standard ? 'the standard steps mend it' : `add the step ${step}`}`;
}

function conflictText(conflicts: readonly LabelConflict[], noun: string, have: string): string | undefined {
  if (conflicts.length === 0) return undefined;
  const { rows, labels } = conflicts[0]!;
  const places = rows.slice(0, 2).map(({ where }) => where);
  const named = Object.keys(labels).slice(0, 3).join(' and ');
  const verb = conflicts.length === 1 ? have.replace(/have$/, 'has') : have;
  return `${many(conflicts.length, noun)} ${verb} two labels or more: ${quoted(rows[0]!.text)} is ${named} (${places.join(', ')})`;
}

function many(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function share(part: number, whole: number): string {
  return percent(part / Math.max(1, whole));
}

/** `12.3 %`; small shares keep a digit that is not 0. */
function percent(value: number): string {
  const scaled = 100 * value;
  const digits = scaled !== 0 && Math.abs(scaled) < 0.05 ? 2 : 1;
  return `${scaled.toFixed(digits)} %`;
}

function list(items: readonly string[], all: number): string {
  return `${items.join(', ')}${all > items.length ? ', …' : ''}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
