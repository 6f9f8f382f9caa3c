import type { Finding, Model } from '@slm-compress/onnx';
import type { BertConfig } from '@slm-compress/trainer';
import type { Metrics } from '../events.ts';
import type { Host } from '../host.ts';
import type { Lineage } from '../lineage.ts';
import type { Prepared } from '../prepared.ts';

/** What every model-making stage works with. */
export interface StageContext {
  readonly stage: string;
  readonly seed: number;
  readonly host: Host;
  readonly prepared: Prepared;
  /** Folder for checkpoints and caches; outlives an interruption, removed when the stage is done. */
  readonly work: string;
  /** Folder for what several stages may read again (a teacher's logits). */
  readonly cache: string;
  /** Folder of metrics.jsonl and TensorBoard's events, where the stage trains. */
  readonly logs?: string;
  readonly signal?: AbortSignal;
}

/** A model as it is read from a folder. */
export interface ParentModel {
  readonly name: string;
  readonly folder: string;
  readonly model: Model;
  readonly config: BertConfig;
  /** `tokenizer.json` and its companions lie in `folder`. */
  readonly maxLength: number;
  /** Digest of the parent's files. */
  readonly digest: string;
}

/** What a stage made, not yet written. */
export interface Made {
  readonly model: Model;
  readonly config: BertConfig;
  readonly quantized: boolean;
  readonly metrics: Metrics;
  readonly findings: readonly Finding[];
  readonly history: Lineage['history'];
}
