import type { Tensor } from './model.ts';

/** A list of values of one type. */
export interface SequenceValue {
  readonly kind: 'sequence';
  readonly elements: readonly RuntimeValue[];
}

/** A value that may be missing. */
export interface OptionalValue {
  readonly kind: 'optional';
  readonly value?: RuntimeValue;
}

/** What flows along an edge of a graph: a tensor, a sequence or an optional. */
export type RuntimeValue = Tensor | SequenceValue | OptionalValue;
