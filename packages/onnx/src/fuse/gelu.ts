import type { Pass } from '../pass.ts';
import type { RewriteRule } from '../passes/rewrite-rule.ts';
import { become, type FuseTarget, type Fusion, fusionPass, fusionRule } from './fusion.ts';
import { either, named, number, op, type Pattern, product, sum, value } from './pattern.ts';

const x = value('x');
const argument = named('argument', either(op('Div', x, number(Math.SQRT2)), product(x, number(Math.SQRT1_2))));

/** x · (erf(x/√2) + 1) · ½, grouped and ordered in any way: names `x`, `argument` (x/√2) and `gate` (erf + 1). */
export const erfGelu: Pattern = product(named('gate', sum(op('Erf', argument), number(1))), x, number(0.5));

const slope = Math.sqrt(2 / Math.PI);
const cube = either(
  product(op('Pow', x, number(3)), number(0.044715)),
  product(x, x, x, number(0.044715)),
  product(op('Mul', x, x), x, number(0.044715)),
);
const tanhArgument = either(
  product(sum(x, cube), number(slope)),
  product(x, sum(product(x, x, number(0.044715)), number(1)), number(slope)),
  product(x, sum(product(x, x, number(0.044715 * slope)), number(slope))),
);

/** x · (tanh(√(2/π)(x + 0.044715·x³)) + 1) · ½. */
export const tanhGelu: Pattern = product(sum(op('Tanh', tanhArgument), number(1)), x, number(0.5));

/**
 * Gelu written out, with its factors grouped and ordered in any way, becomes Gelu (opset 20), or on ONNX Runtime below that
 * its Gelu and FastGelu:
 *
 * 1. x · (1 + erf(x/√2)) · ½, with Div by √2 or Mul by 1/√2,
 * 2. x · (1 + tanh(√(2/π)(x + 0.044715·x³))) · ½, with the cube by Pow or Mul, or as x(1 + 0.044715·x²).
 *
 * Refused, with the reason: an opset below 20 elsewhere; parts of it that something else uses (a backward graph).
 */
export function fuseGelu(target: FuseTarget = 'portable'): Pass {
  return fusionPass('fuse-gelu', () => geluRule(target));
}

export function geluRule(target: FuseTarget): RewriteRule {
  return fusionRule(gelu('none', erfGelu, 'Gelu', target), gelu('tanh', tanhGelu, 'FastGelu', target));
}

function gelu(approximate: 'none' | 'tanh', pattern: Pattern, microsoft: string, target: FuseTarget): Fusion {
  return {
    name: 'Gelu',
    roots: ['Mul'],
    pattern,
    build(site, found) {
      const message = `Gelu (${approximate === 'none' ? 'erf' : 'tanh'}) of ${found.nodes.size} nodes`;
      const inputs = [found.values.x!];
      if (site.opset >= 20) {
        const attributes =
          approximate === 'none' ? {} : { approximate: { kind: 'string', value: approximate } as const };
        return { message, nodes: [become(site, 'Gelu', inputs, attributes)] };
      }
      if (target === 'portable') return `needs opset 20, the model has ${site.opset}`;
      return { message, nodes: [become(site, microsoft, inputs, {}, 'com.microsoft')] };
    },
  };
}
