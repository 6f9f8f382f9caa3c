import type { GradientRule } from './rule.ts';
import { arithmetic } from './rules/arithmetic.ts';
import { controlFlow } from './rules/control-flow.ts';
import { convolution } from './rules/convolution.ts';
import { cumulative } from './rules/cumulative.ts';
import { dropout } from './rules/dropout.ts';
import { einsum } from './rules/einsum.ts';
import { indexing } from './rules/indexing.ts';
import { linear } from './rules/linear.ts';
import { normalization } from './rules/normalization.ts';
import { pooling } from './rules/pooling.ts';
import { quantize } from './rules/quantize.ts';
import { recurrent } from './rules/recurrent.ts';
import { reduce } from './rules/reduce.ts';
import { resampling } from './rules/resize.ts';
import { sampling } from './rules/sampling.ts';
import { shape } from './rules/shape.ts';
import { signal } from './rules/signal.ts';
import { refusing, stopping } from './rules/stops.ts';
import { unary } from './rules/unary.ts';

/** How gradients pass through each ai.onnx operator: one row per operator, in families. */
export const gradients: Readonly<Record<string, GradientRule>> = {
  ...unary,
  ...arithmetic,
  ...linear,
  ...einsum,
  ...convolution,
  ...pooling,
  ...resampling,
  ...sampling,
  ...shape,
  ...indexing,
  ...reduce,
  ...cumulative,
  ...normalization,
  ...signal,
  ...dropout,
  ...quantize,
  ...recurrent,
  ...controlFlow,
  ...stopping,
  ...refusing,
};
