import type { OpenEngine, OpenPool } from '@slm-compress/onnx';

/** What a run is handed from outside: this package never imports an inference engine itself. */
export interface Host {
  readonly open: OpenEngine;
  readonly openPool: OpenPool;
  /** Where training steps run, if not in `openPool`. */
  readonly openTraining?: OpenPool;
  /** Worker threads of pools; results do not depend on it. */
  readonly workers: number;
  /** Versions of the engine and of the caller; part of every stage's key. */
  readonly versions: Readonly<Record<string, string>>;
}
