import type { Kernel } from './kernel.ts';
import { elementwise } from './kernels/elementwise.ts';
import { indexing } from './kernels/indexing.ts';
import { linear } from './kernels/linear.ts';
import { normalization } from './kernels/normalization.ts';
import { quantize } from './kernels/quantize.ts';
import { reduce } from './kernels/reduce.ts';
import { shape } from './kernels/shape.ts';

/** What each ai.onnx operator computes: one row per operator, in families. */
export const referenceKernels: Readonly<Record<string, Kernel>> = {
  ...elementwise,
  ...linear,
  ...shape,
  ...indexing,
  ...reduce,
  ...normalization,
  ...quantize,
};
