import type { Model } from './model.ts';

/** What a pass did at one place, or did not do and why. The findings of a pass are its report. */
export interface Finding {
  readonly kind: 'patched' | 'skipped';
  /** The node or value concerned. */
  readonly where: string;
  readonly message: string;
}

export interface PassResult {
  /** The same object as the input when nothing changed. */
  readonly model: Model;
  readonly findings: readonly Finding[];
}

/**
 * A graph-to-graph transformation. It is pure, and idempotent: a run over its own result changes nothing and returns the
 * same object. A clean-up pass keeps the signature (names, order and types of inputs and outputs) and what is computed.
 */
export interface Pass {
  readonly name: string;
  run(model: Model): PassResult;
}
