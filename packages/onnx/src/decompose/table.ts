import type { Decomposition } from './rule.ts';
import { activations } from './rules/activations.ts';
import { attention } from './rules/attention.ts';
import { controlFlow } from './rules/control-flow.ts';
import { linearForms } from './rules/linear.ts';
import { microsoftAttention } from './rules/microsoft-attention.ts';
import { normalizations } from './rules/normalizations.ts';
import { quantizedForms } from './rules/quantized.ts';
import { rotary } from './rules/rotary.ts';
import { softmaxes } from './rules/softmax.ts';

/** How fused operators are spelled out in simpler ones, by `operatorKey`, in families. */
export const decompositions: Readonly<Record<string, Decomposition>> = {
  ...activations,
  ...normalizations,
  ...softmaxes,
  ...rotary,
  ...attention,
  ...microsoftAttention,
  ...linearForms,
  ...quantizedForms,
  ...controlFlow,
};
