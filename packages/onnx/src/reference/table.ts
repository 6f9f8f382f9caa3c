import type { ControlKernel, Kernel } from './kernel.ts';
import { attention } from './kernels/attention.ts';
import { binaryKernels } from './kernels/binary.ts';
import { blockQuantized } from './kernels/block-quantized.ts';
import { cache } from './kernels/cache.ts';
import { castKernels } from './kernels/cast.ts';
import { classic } from './kernels/classic.ts';
import { control } from './kernels/control.ts';
import { convolution } from './kernels/convolution.ts';
import { detection } from './kernels/detection.ts';
import { determinant } from './kernels/determinant.ts';
import { dynamicQuantizeLstm } from './kernels/dynamic-quantize-lstm.ts';
import { einsum } from './kernels/einsum.ts';
import { flexAttention } from './kernels/flex-attention.ts';
import { fusedActivations } from './kernels/fused-activations.ts';
import { groupQueryAttention } from './kernels/group-query-attention.ts';
import { indexing } from './kernels/indexing.ts';
import { linear } from './kernels/linear.ts';
import { linearAttentionKernels } from './kernels/linear-attention.ts';
import { losses } from './kernels/losses.ts';
import { microsoftAttention } from './kernels/microsoft-attention.ts';
import { microsoftConvolution } from './kernels/microsoft-convolution.ts';
import { microsoftLinear } from './kernels/microsoft-linear.ts';
import { microsoftNormalization } from './kernels/microsoft-normalization.ts';
import { microsoftQuantized } from './kernels/microsoft-quantized.ts';
import { microsoftShape } from './kernels/microsoft-shape.ts';
import { mixtureOfExperts } from './kernels/mixture-of-experts.ts';
import { movement } from './kernels/movement.ts';
import { normalization } from './kernels/normalization.ts';
import { optimizers } from './kernels/optimizers.ts';
import { pools } from './kernels/pooling.ts';
import { quantize } from './kernels/quantize.ts';
import { recurrentKernels } from './kernels/recurrent.ts';
import { reduce } from './kernels/reduce.ts';
import { resizing } from './kernels/resize.ts';
import { rotary } from './kernels/rotary.ts';
import { sampling } from './kernels/sampling.ts';
import { sequences } from './kernels/sequence.ts';
import { shape } from './kernels/shape.ts';
import { signal } from './kernels/signal.ts';
import { strings } from './kernels/strings.ts';
import { unaryKernels } from './kernels/unary.ts';

/** What each ai.onnx operator computes: one row per operator, in families. */
export const referenceKernels: Readonly<Record<string, Kernel | ControlKernel>> = {
  ...unaryKernels,
  ...binaryKernels,
  ...castKernels,
  ...linear,
  ...shape,
  ...movement,
  ...indexing,
  ...reduce,
  ...normalization,
  ...quantize,
  ...control,
  ...sequences,
  ...einsum,
  ...losses,
  ...attention,
  ...rotary,
  ...recurrentKernels,
  ...convolution,
  ...pools,
  ...linearAttentionKernels,
  ...cache,
  ...flexAttention,
  ...fusedActivations,
  ...microsoftLinear,
  ...mixtureOfExperts,
  ...dynamicQuantizeLstm,
  ...microsoftQuantized,
  ...microsoftShape,
  ...blockQuantized,
  ...microsoftConvolution,
  ...microsoftAttention,
  ...groupQueryAttention,
  ...microsoftNormalization,
  ...resizing,
  ...sampling,
  ...detection,
  ...signal,
  ...determinant,
  ...strings,
  ...classic,
  ...optimizers,
};
