import type { Distribution } from '@slm-compress/bench';
import type {
  DistillStageOptions,
  Evaluation,
  Metrics,
  PruneStageOptions,
  QuantizeStageOptions,
  RunResult,
  StageEvent,
  TrainStageOptions,
} from '@slm-compress/compress';
import type { Finding } from '@slm-compress/onnx';
import type {
  DataAccount,
  DataTask,
  PruneVocabularyReport,
  RowColumns,
  RowFormat,
  TokenizerTrainingOptions,
} from '@slm-compress/text';
import type { EngineName } from '../engines.ts';
import type { GateResult } from '../measure/gates.ts';
import type { Report } from '../report/index.ts';
import type { RawData } from './data.ts';

/** What every task that makes a model is told. */
interface MakeTask {
  readonly out: string;
  readonly seed: number;
  readonly workers: number;
  /** Where training steps run; `ort-cpu` when absent. */
  readonly engine?: EngineName;
  readonly data?: string;
  /** Folder for metrics.jsonl and TensorBoard's events. */
  readonly logs?: string;
}

/** Work that runs in the stage worker, a union on `kind`; plain data. */
export type Task =
  | {
      readonly kind: 'run';
      readonly recipe: string;
      readonly out?: string;
      readonly seed?: number;
      readonly workers: number;
      readonly engine?: EngineName;
      readonly force: readonly string[];
    }
  | ({
      readonly kind: 'train';
      readonly options: TrainStageOptions;
      readonly tokenizer?: string;
      readonly vocabSize: number;
      readonly maxLength: number;
    } & MakeTask & { readonly data: string })
  | ({ readonly kind: 'distill'; readonly teacher: string; readonly options: DistillStageOptions } & MakeTask)
  | ({
      readonly kind: 'prune';
      readonly from: string;
      readonly teacher?: string;
      readonly options: PruneStageOptions;
    } & MakeTask)
  | ({ readonly kind: 'quantize'; readonly from: string; readonly options: QuantizeStageOptions } & MakeTask)
  | {
      readonly kind: 'eval';
      readonly folder: string;
      readonly data?: string;
      readonly split: SplitName;
      readonly seed: number;
    }
  | { readonly kind: 'bench'; readonly folders: readonly string[]; readonly length: number; readonly rounds: number }
  | { readonly kind: 'report'; readonly run: string; readonly seed?: number; readonly workers: number }
  | {
      readonly kind: 'compare';
      readonly folders: readonly string[];
      readonly data?: string;
      readonly html?: string;
      readonly seed: number;
      readonly workers: number;
    }
  | { readonly kind: 'prepare'; readonly raw: RawData; readonly out: string }
  | {
      readonly kind: 'tokenizer';
      /** Data, or a recipe. */
      readonly data: string;
      readonly columns: Pick<RowColumns, 'text' | 'messages'>;
      /** Of data whose name does not say it. */
      readonly format?: RowFormat;
      readonly out: string;
      readonly options: Omit<TokenizerTrainingOptions, 'signal' | 'onProgress'>;
    }
  | {
      readonly kind: 'prune-tokenizer';
      /** The tokenizer. */
      readonly path: string;
      readonly data: string;
      /** Column that holds the text. */
      readonly column?: string;
      readonly out: string;
      readonly keep?: number;
      readonly minCount?: number;
      readonly heldOut?: string;
    };

/** Data that were prepared, or were there. */
export interface PreparedData {
  readonly folder: string;
  readonly status: 'done' | 'cached';
  readonly name: string;
  readonly task: DataTask;
  readonly digest: string;
  /** Rows of each part. */
  readonly counts: Readonly<Record<string, number>>;
  /** Rows of each label by part. */
  readonly labels: readonly (Readonly<Record<string, string | number>> & { readonly label: string })[];
  readonly account: DataAccount;
}

export type SplitName = 'train' | 'validation' | 'test';

export type TaskEvent = StageEvent;

/** A model folder that was made. */
export interface MadeFolder {
  readonly folder: string;
  readonly bytes: number;
  readonly metrics: Metrics;
  readonly findings: readonly Finding[];
}

/** What each kind of task gives. */
export interface TaskResults {
  readonly run: RunOutcome;
  readonly train: MadeFolder;
  readonly distill: MadeFolder;
  readonly prune: MadeFolder;
  readonly quantize: MadeFolder;
  readonly eval: EvaluationOutcome;
  readonly bench: readonly BenchRow[];
  readonly report: ReportOutcome;
  readonly compare: ReportOutcome;
  readonly prepare: PreparedData;
  readonly tokenizer: MadeTokenizer;
  readonly 'prune-tokenizer': PrunedTokenizer;
}

/** A tokenizer folder that was written. */
export interface MadeTokenizer {
  readonly folder: string;
  readonly vocabSize: number;
  readonly texts: number;
}

/** A tokenizer folder with part of the tokens of another. */
export interface PrunedTokenizer extends MadeTokenizer {
  readonly tokensBefore: number;
  /** What that costs on held-out texts. */
  readonly report?: PruneVocabularyReport;
}

export interface ReportOutcome {
  readonly report: Report;
  readonly status: 'done' | 'cached';
  /** Files written. */
  readonly files: readonly string[];
}

export interface RunOutcome extends ReportOutcome {
  readonly folder: string;
  readonly stages: RunResult['stages'];
  readonly gates: readonly GateResult[];
}

export interface EvaluationOutcome {
  readonly folder: string;
  readonly split: SplitName;
  readonly labels: readonly string[];
  readonly evaluation: Evaluation;
}

export interface BenchRow {
  readonly name: string;
  readonly folder: string;
  readonly latencyMs: Distribution;
  /** Against the first model. */
  readonly speedup?: { readonly ratio: number; readonly low: number; readonly high: number };
}
