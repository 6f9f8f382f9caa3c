import type { GradientRule } from './rule.ts';
import { arithmetic } from './rules/arithmetic.ts';
import { indexing } from './rules/indexing.ts';
import { linear } from './rules/linear.ts';
import { normalization } from './rules/normalization.ts';
import { quantize } from './rules/quantize.ts';
import { reduce } from './rules/reduce.ts';
import { shape } from './rules/shape.ts';
import { stopping } from './rules/stops.ts';
import { unary } from './rules/unary.ts';

/** How gradients pass through each ai.onnx operator: one row per operator, in families. */
export const gradients: Readonly<Record<string, GradientRule>> = {
  ...unary,
  ...arithmetic,
  ...linear,
  ...shape,
  ...indexing,
  ...reduce,
  ...normalization,
  ...quantize,
  ...stopping,
};
