import type { EngineOptions, Signature, Tensor } from '@slm-compress/onnx';
import type { ClassifyOptions, TextsClassified } from './classify-texts.ts';

/** What a worker opens, handed over once when the thread starts. Encoded models are shared, not copied per worker. */
export interface WorkerSetup {
  /** See `ExitGuard`. */
  readonly guard: Int32Array;
  readonly model: string | SharedArrayBuffer;
  readonly options: Omit<EngineOptions, 'optimizedModelPath'>;
  /** Present when the worker is to classify texts: it then loads the folder's tokenizer too. */
  readonly classifier?: ClassifyOptions & { readonly folder: string };
}

/** What a worker can be asked. Every task opens the session first when it is not open yet. */
export type WorkerTask =
  /** `optimizedModelPath` goes to one worker only: the others would write the same file at the same time. */
  | { readonly kind: 'open'; readonly optimizedModelPath?: string }
  | { readonly kind: 'run'; readonly feeds: Readonly<Record<string, Tensor>>; readonly outputs?: readonly string[] }
  | { readonly kind: 'classify'; readonly texts: readonly string[] }
  | { readonly kind: 'close' };

/** The value that answers each kind of task. */
export interface WorkerValues {
  readonly open: Signature;
  readonly run: Record<string, Tensor>;
  readonly classify: TextsClassified;
  readonly close: null;
}

/**
 * What a worker answers. Errors are answers too, as plain data, so that their code survives the way between threads;
 * a rejection therefore always means that the worker itself was lost.
 */
export type WorkerReply<Kind extends WorkerTask['kind']> =
  | { readonly ok: true; readonly value: WorkerValues[Kind]; readonly computeMs: number }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly computeMs: number };
