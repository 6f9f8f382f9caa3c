import { float } from '../builder.ts';
import type { Pass } from '../pass.ts';
import { firstOf, type RewriteRule, sameDims } from '../passes/rewrite-rule.ts';
import { become, type FuseTarget, type Fusion, fusionPass, fusionRule } from './fusion.ts';
import { either, named, number, op, type Pattern, product, sum, value } from './pattern.ts';

/**
 * Activations written out, where one operator is faster than its parts:
 *
 * 1. Where(x > 0, x, α·x), in either order of comparison, and Max(x, α·x) for 0 < α < 1, become LeakyRelu,
 * 2. x · Clip(x + 3, 0, 6) / 6 becomes HardSwish (opset 14),
 * 3. x · Sigmoid(α·x) becomes com.microsoft.QuickGelu on ONNX Runtime (Silu is that with α = 1).
 *
 * Left as they are because one operator is slower or no faster on ONNX Runtime: x · Sigmoid(x) as Swish (opset 24),
 * log(1 + eˣ) as Softplus, x · tanh(Softplus(x)) as Mish, x · HardSigmoid(x) as HardSwish. Refused, with the reason: an
 * opset that is too low; parts that something else uses; an α of Max that is not between 0 and 1.
 */
export function fuseActivations(target: FuseTarget = 'portable'): Pass {
  return fusionPass('fuse-activations', () => activationsRule(target));
}

export function activationsRule(target: FuseTarget): RewriteRule {
  const portable = fusionRule(leakyRelu, hardSwish);
  return target === 'portable' ? portable : firstOf(portable, fusionRule(quickGelu));
}

const x = value('x');
const below = product(x, number('slope'));

/** A Where whose condition is true above (or from) 0 takes x there, one whose condition is true below 0 the other. */
const either0 = (...operators: readonly string[]): Pattern =>
  either(...operators.map((name) => op(name, x, number(0))));
const swapped0 = (...operators: readonly string[]): Pattern =>
  either(...operators.map((name) => op(name, number(0), x)));
const above = either(either0('Greater', 'GreaterOrEqual'), swapped0('Less', 'LessOrEqual'));
const under = either(either0('Less', 'LessOrEqual'), swapped0('Greater', 'GreaterOrEqual'));

const leakyRelu: Fusion = {
  name: 'LeakyRelu',
  roots: ['Where', 'Max'],
  pattern: either(op('Where', above, x, below), op('Where', under, below, x), op('Max', x, below), op('Max', below, x)),
  build(site, found) {
    const { slope } = found.numbers;
    const type = site.type(found.values.x!)?.type;
    if (site.node.inputs.length > 2 && site.node.opType === 'Max') return 'its Max has more than two inputs';
    if (site.node.opType === 'Max' && !(slope! > 0 && slope! < 1)) return `its slope ${slope} is not between 0 and 1`;
    if (!/^float/.test(type ?? '')) return `it has no kernel for ${type ?? 'an unknown type'}`;
    return {
      message: `${site.node.opType} of x and ${Number(slope!.toPrecision(6))}·x as LeakyRelu`,
      nodes: [become(site, 'LeakyRelu', [found.values.x!], { alpha: float(slope!) })],
    };
  },
};

const clip = op('Clip', sum(x, number(3)), number(0), number(6));

const hardSwish: Fusion = {
  name: 'HardSwish',
  roots: ['Mul', 'Div'],
  pattern: either(
    op('Div', product(x, clip), number(6)),
    product(x, op('Div', clip, number(6))),
    product(x, clip, number(1 / 6)),
  ),
  build(site, found) {
    if (site.opset < 14) return `needs opset 14, the model has ${site.opset}`;
    return { message: 'x · Clip(x + 3, 0, 6) / 6 as HardSwish', nodes: [become(site, 'HardSwish', [found.values.x!])] };
  },
};

const quickGelu: Fusion = {
  name: 'QuickGelu',
  roots: ['Mul'],
  pattern: product(x, named('gate', op('Sigmoid', either(x, product(x, number('alpha')))))),
  build(site, found) {
    const { alpha = 1 } = found.numbers;
    if (!sameDims(site.dims(found.values.x!), site.dims(found.values.gate!)))
      return 'its shapes are not known to be the same';
    return {
      message: `x · Sigmoid(${Number(alpha.toPrecision(6))}·x) as QuickGelu`,
      nodes: [become(site, 'QuickGelu', [found.values.x!], { alpha: float(alpha) }, 'com.microsoft')],
    };
  },
};
