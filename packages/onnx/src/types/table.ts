import type { TypeRule } from './rule.ts';
import { attentionRules } from './rules/attention.ts';
import { controlFlowRules } from './rules/control-flow.ts';
import { convolutionRules } from './rules/convolution.ts';
import { elementwiseRules } from './rules/elementwise.ts';
import { generatorRules } from './rules/generators.ts';
import { indexingRules } from './rules/indexing.ts';
import { linearRules } from './rules/linear.ts';
import { machineLearningRules } from './rules/machine-learning.ts';
import { microsoftRules } from './rules/microsoft.ts';
import { microsoftAttentionRules } from './rules/microsoft-attention.ts';
import { microsoftQuantizedRules } from './rules/microsoft-quantized.ts';
import { normalizationRules } from './rules/normalization.ts';
import { quantizeRules } from './rules/quantize.ts';
import { recurrentRules } from './rules/recurrent.ts';
import { reduceRules } from './rules/reduce.ts';
import { sequenceRules } from './rules/sequence.ts';
import { shapeRules } from './rules/shape.ts';
import { signalRules } from './rules/signal.ts';
import { textRules } from './rules/text.ts';
import { visionRules } from './rules/vision.ts';

/** Type rules by operator (`operatorKey`), one row each. */
export const typeRules: Readonly<Record<string, TypeRule>> = {
  ...elementwiseRules,
  ...linearRules,
  ...normalizationRules,
  ...convolutionRules,
  ...recurrentRules,
  ...attentionRules,
  ...reduceRules,
  ...shapeRules,
  ...indexingRules,
  ...generatorRules,
  ...visionRules,
  ...signalRules,
  ...textRules,
  ...quantizeRules,
  ...controlFlowRules,
  ...sequenceRules,
  ...machineLearningRules,
  ...microsoftRules,
  ...microsoftAttentionRules,
  ...microsoftQuantizedRules,
};
