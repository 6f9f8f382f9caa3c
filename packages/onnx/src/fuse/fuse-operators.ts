import { SlmError } from '../errors.ts';
import type { Pass } from '../pass.ts';
import type { RewriteRule } from '../passes/rewrite-rule.ts';
import { activationsRule } from './activations.ts';
import { attentionRule } from './attention.ts';
import { type FuseTarget, fusionPass } from './fusion.ts';
import { geluRule } from './gelu.ts';
import { layerNormalizationRule } from './layer-normalization.ts';
import { rmsNormalizationRule } from './rms-normalization.ts';
import { rotaryEmbeddingRule } from './rotary-embedding.ts';

/** Families of computations that {@link fuseOperators} finds, in the order it looks for them. */
export const fuseFamilies = [
  'layer-normalization',
  'rms-normalization',
  'gelu',
  'activations',
  'rotary-embedding',
  'attention',
] as const;

export type FuseFamily = (typeof fuseFamilies)[number];

export interface FuseOptions {
  /** Families to fuse; all by default. */
  readonly only?: readonly FuseFamily[];
  /** `portable` by default: operators of ai.onnx at the model's opset only. */
  readonly target?: FuseTarget;
}

const rules: Readonly<Record<FuseFamily, (target: FuseTarget) => RewriteRule>> = {
  'layer-normalization': layerNormalizationRule,
  'rms-normalization': rmsNormalizationRule,
  gelu: geluRule,
  activations: activationsRule,
  'rotary-embedding': rotaryEmbeddingRule,
  attention: attentionRule,
};

/**
 * Puts one operator in the place of what exporters write out in many, where that is the form that runs fastest; the passes
 * of the families tell what they find and what they refuse. It works best on a model that `cleanUp` has been over, and
 * goes furthest at opset 23, where Attention, RotaryEmbedding and RMSNormalization exist (`convertOpset(23)` first).
 *
 * Left as they are, since no fused form was faster on ONNX Runtime's CPU (`bench/suites/fused-forms.js`): a MatMul with a
 * bias (Gemm), the projections of q, k and v (one MatMul and Split), scores and masks below opset 23
 * (com.microsoft.MultiHeadAttention), residual sums before a normalization (SkipLayerNormalization), Softplus, Mish, Swish.
 *
 * Results differ by rounding. Errors: `FUSE_UNKNOWN` for a family that does not exist.
 */
export function fuseOperators({ only = fuseFamilies, target = 'portable' }: FuseOptions = {}): Pass {
  const unknown = only.find((family) => !Object.hasOwn(rules, family));
  if (unknown !== undefined) {
    const names = fuseFamilies.join(', ');
    throw new SlmError(
      'FUSE_UNKNOWN',
      `fuse-operators, only: expected families of ${names}, got ${JSON.stringify(unknown)}`,
    );
  }
  const passes = fuseFamilies
    .filter((family) => only.includes(family))
    .map((family) => fusionPass(`fuse-${family}`, () => rules[family](target)));
  return {
    name: 'fuse-operators',
    run(model) {
      const results = [];
      let current = model;
      for (const pass of passes) {
        const { model: next, findings } = pass.run(current);
        results.push(...findings.map((finding) => ({ ...finding, message: `${pass.name}: ${finding.message}` })));
        current = next;
      }
      return { model: current, findings: results };
    },
  };
}
