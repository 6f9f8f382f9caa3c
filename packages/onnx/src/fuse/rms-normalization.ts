import { float } from '../builder.ts';
import type { Pass } from '../pass.ts';
import { firstOf, type RewriteRule } from '../passes/rewrite-rule.ts';
import { become, type FuseTarget, type Fusion, fusionPass, fusionRule } from './fusion.ts';
import { either, op, product, value } from './pattern.ts';
import { affine, deviation, inverseDeviation, lastAxis, mean, namedVariance, ones, square } from './statistics.ts';

/**
 * Normalization by the root mean square, written out:
 *
 * 1. x/√(mean(x²) + ε) in any of its forms becomes RMSNormalization (opset 23), or on ONNX Runtime below that its
 *    SimplifiedLayerNormalization; a product with a vector of the last axis behind it is the scale,
 * 2. below opset 23 elsewhere, x · (1/√…) becomes x/√…: one operator less, and the form that ONNX Runtime's optimizer
 *    knows.
 *
 * Casts around it stay (statistics of 32 bits for an input of 16). Refused, with the reason: another axis than the last, a
 * size that is not known, statistics that something else uses.
 */
export function fuseRmsNormalization(target: FuseTarget = 'portable'): Pass {
  return fusionPass('fuse-rms-normalization', () => rmsNormalizationRule(target));
}

export function rmsNormalizationRule(target: FuseTarget): RewriteRule {
  return firstOf(fusionRule(normalized(target)), (site) => affine(site, [simplified, rms], false));
}

const simplified = 'SimplifiedLayerNormalization';
const rms = 'RMSNormalization';

const x = value('x');
const variance = namedVariance(mean(square(x)));

function normalized(target: FuseTarget): Fusion {
  return {
    name: rms,
    roots: ['Div', 'Mul'],
    pattern: either(op('Div', x, deviation(variance)), product(x, inverseDeviation(variance))),
    build(site, found) {
      const size = lastAxis(site, found, ['variance']);
      if (typeof size === 'string') return size;
      const source = found.values.x!;
      if (site.opset < 23 && target === 'portable') {
        const sqrt = Array.from(found.nodes).find(({ opType }) => opType === 'Sqrt');
        if (site.node.opType === 'Div' || sqrt === undefined) return undefined;
        return { message: 'product with 1/√ as quotient', nodes: [become(site, 'Div', [source, sqrt.outputs[0]!])] };
      }
      const made = site.opset < 23 ? simplified : rms;
      const scale = ones(site, source, size);
      const attributes = { axis: { kind: 'int', value: -1 }, epsilon: float(found.numbers.epsilon!) } as const;
      return {
        message: `x over its root mean square as ${made}`,
        nodes: [become(site, made, [source, scale.value], attributes)],
        constants: scale.constants,
      };
    },
  };
}
