import { float } from '../builder.ts';
import type { Pass } from '../pass.ts';
import { firstOf, type RewriteRule } from '../passes/rewrite-rule.ts';
import { become, type Fusion, fusionPass, fusionRule } from './fusion.ts';
import { either, named, number, op, product, value } from './pattern.ts';
import {
  affine,
  deviation,
  inverseDeviation,
  kept,
  lastAxis,
  mean,
  namedVariance,
  ones,
  square,
  vector,
} from './statistics.ts';

/**
 * Layer normalization written out becomes LayerNormalization (opset 17), which ONNX Runtime also makes of it where its
 * optimizer may:
 *
 * 1. (x − mean)/√(variance + ε), by Div, by Reciprocal, by 1/√ or by the power −½; means by ReduceMean or by ReduceSum over
 *    the count, with the axis kept or put back; squares by Pow or by Mul; the variance of x − mean, or the mean square less
 *    the square of the mean, clipped at 0 or not,
 * 2. the product with a vector of the last axis behind it, or already inside, is the scale; the sum with one the bias.
 *
 * Refused, with the reason: an opset below 17; another axis than the last, or several; a size that is not known; statistics
 * that something else uses; an ε that is not constant and float64, which are left silently or with the reason.
 */
export function fuseLayerNormalization(): Pass {
  return fusionPass('fuse-layer-normalization', layerNormalizationRule);
}

export function layerNormalizationRule(): RewriteRule {
  return firstOf(fusionRule(normalized, scaled), (site) => affine(site, ['LayerNormalization'], true));
}

const x = value('x');
const rawMean = named('rawMean', mean(x));
const centered = named('centered', op('Sub', x, named('mean', kept(rawMean))));
const difference = op('Sub', mean(square(x)), op('Mul', value('rawMean'), value('rawMean')));
const variance = namedVariance(
  either(mean(square(centered)), difference, op('Max', number(0), difference), op('Max', difference, number(0))),
);

const normalized: Fusion = {
  name: 'LayerNormalization',
  roots: ['Div', 'Mul'],
  pattern: either(op('Div', centered, deviation(variance)), product(centered, inverseDeviation(variance))),
  build(site, found) {
    const size = refusalOrSize(site, found);
    if (typeof size === 'string') return size;
    const scale = ones(site, found.values.x!, size);
    return {
      message: 'x − mean over its deviation as LayerNormalization',
      nodes: [become(site, 'LayerNormalization', [found.values.x!, scale.value], attributes(found.numbers.epsilon!))],
      constants: scale.constants,
    };
  },
};

const scaled: Fusion = {
  name: 'LayerNormalization',
  roots: ['Mul'],
  pattern: product(centered, inverseDeviation(variance), value('scale')),
  build(site, found) {
    const size = refusalOrSize(site, found);
    if (typeof size === 'string') return size;
    const scale = vector(site, found.values.scale!, size, site.dims(found.values.x!)!.length);
    if (scale === undefined) return 'its scale is no vector of the last axis';
    return {
      message: 'x − mean over its deviation, scaled, as LayerNormalization',
      nodes: [become(site, 'LayerNormalization', [found.values.x!, scale.value], attributes(found.numbers.epsilon!))],
      ...(scale.constants && { constants: scale.constants }),
    };
  },
};

function refusalOrSize(site: Parameters<RewriteRule>[0], found: Parameters<Fusion['build']>[1]): number | string {
  const size = lastAxis(site, found, ['mean', 'variance']);
  return typeof size === 'number' && site.opset < 17 ? `needs opset 17, the model has ${site.opset}` : size;
}

function attributes(epsilon: number) {
  return { axis: { kind: 'int', value: -1 }, epsilon: float(epsilon) } as const;
}
