import type { CleaningStep } from '../cleaning/steps.ts';
import type { InputAccount } from '../sources/open-rows.ts';
import type { ExampleRow } from './example-row.ts';
import type { LengthAccount } from './lengths.ts';
import type { TokenAccount } from './tokens.ts';

/**
 * What a data set consists of. Counts of rows, classes, lengths in characters and words, and duplicates are of all rows;
 * what costs more is of a seeded sample, whose size `sample` says. Shares are from 0 to 1.
 */
export interface DataInspection {
  readonly format: 'slm-data-inspection-1';
  readonly inputs: readonly (InputAccount & { readonly split?: string })[];
  /** Rows read. */
  readonly rows: number;
  /** Rows that could not be read; places and reasons are in `inputs`. */
  readonly wrongRows: number;
  /** Rows without a letter, digit or symbol. */
  readonly emptyRows: ExampleCount;
  readonly sample: { readonly rows: number; readonly seed: number };
  readonly lengths: { readonly characters: LengthAccount; readonly words: LengthAccount };
  /** Absent where no row has a label. */
  readonly classes?: ClassBalance;
  /** Rows without a label. */
  readonly unlabelled: number;
  readonly duplicates: {
    readonly equal: EqualTextsAccount;
    /** Among different texts. */
    readonly near: NearDuplicateAccount;
  };
  /** Texts that have several labels. */
  readonly suspiciousLabels: { readonly equal: readonly LabelConflict[]; readonly near: readonly LabelConflict[] };
  /** Of the sample, by share; a text too short to tell counts as `unsure`. */
  readonly languages: readonly { readonly language: string; readonly rows: number; readonly share: number }[];
  /** Absent where the sample has no words. */
  readonly tokens?: TokenAccount;
  /** What each cleaning step, alone, would do to the sample. */
  readonly cleaning: readonly CleaningTrial[];
  readonly outliers: { readonly longest: readonly LengthExample[]; readonly shortest: readonly LengthExample[] };
  /** Texts of one split that occur, exactly or nearly, in another; absent where there are no splits. */
  readonly leaks?: readonly SplitLeak[];
  /** What to do about it, most important first. */
  readonly advice: readonly Advice[];
}

export interface ExampleCount {
  readonly rows: number;
  readonly examples: readonly ExampleRow[];
}

export interface ClassBalance {
  /** Most frequent first. */
  readonly labels: readonly { readonly label: string; readonly rows: number; readonly share: number }[];
  /** Accuracy of always answering the most frequent label. */
  readonly majorityBaseline: number;
  /** Rows of the most frequent label for one of the least frequent. */
  readonly imbalanceRatio: number;
}

/** Texts that occur more than once, up to case and white space. */
export interface EqualTextsAccount {
  /** Texts that occur more than once. */
  readonly groups: number;
  /** Rows beyond the first of each group. */
  readonly rows: number;
  /** The most frequent of them. */
  readonly examples: readonly { readonly text: string; readonly rows: number; readonly first: string }[];
  /** False when there were more than a million different texts: groups, near-duplicates and labels are of the first million. */
  readonly complete: boolean;
}

/** A text that has several labels. */
export interface LabelConflict {
  /** The rows that show it: the first of each label. */
  readonly rows: readonly ExampleRow[];
  /** Rows by label, the most frequent first. */
  readonly labels: Readonly<Record<string, number>>;
}

export interface NearDuplicateAccount {
  /** Jaccard similarity of shingles from which two texts count. */
  readonly threshold: number;
  readonly groups: number;
  /** Rows beyond the first of each group. */
  readonly rows: number;
  /** Different texts compared. */
  readonly compared: number;
  readonly examples: readonly { readonly a: ExampleRow; readonly b: ExampleRow; readonly similarity: number }[];
}

export interface CleaningTrial {
  /** As a recipe would hold it. */
  readonly step: CleaningStep;
  /** Rows it would change. */
  readonly rows: number;
  readonly share: number;
  /** Rows it would drop. */
  readonly dropped: number;
  readonly examples: readonly { readonly where: string; readonly before: string; readonly after?: string }[];
}

export interface LengthExample extends ExampleRow {
  readonly characters: number;
}

export interface SplitLeak {
  /** The split whose rows occur in the other. */
  readonly from: string;
  readonly into: string;
  /** Rows of `into` that equal a row of `from` or nearly do. */
  readonly rows: number;
  readonly examples: readonly { readonly a: string; readonly b: ExampleRow; readonly similarity: number }[];
}

/** Something to do, and a stable name of why. */
export interface Advice {
  readonly code: AdviceCode;
  readonly message: string;
}

export type AdviceCode =
  | 'wrong-rows'
  | 'empty-rows'
  | 'no-labels'
  | 'one-class'
  | 'small-classes'
  | 'imbalance'
  | 'two-labels'
  | 'near-two-labels'
  | 'leak'
  | 'duplicates'
  | 'cleaning'
  | 'languages'
  | 'unknown-words'
  | 'max-length';
