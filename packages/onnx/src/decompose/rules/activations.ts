import type { DecomposeContext, Decomposition } from '../rule.ts';

/** x·Φ(x) with Φ the normal distribution (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415). */
export function gelu(c: DecomposeContext, x: string): string {
  const error = c.op('Erf', [c.op('Mul', [x, c.scalar(Math.SQRT1_2)])]);
  const gate = c.op('Add', [error, c.scalar(1)]);
  return c.op('Mul', [c.op('Mul', [x, gate]), c.scalar(0.5)]);
}

/** ½x(1 + tanh(√(2/π)(x + 0.044715·x³))), the same paper's approximation. */
export function geluTanh(c: DecomposeContext, x: string): string {
  const k = Math.sqrt(2 / Math.PI);
  const square = c.op('Mul', [x, x]);
  const slope = c.op('Add', [c.op('Mul', [square, c.scalar(k * 0.044715)]), c.scalar(k)]);
  const gate = c.op('Add', [c.op('Tanh', [c.op('Mul', [x, slope])]), c.scalar(1)]);
  return c.op('Mul', [c.op('Mul', [x, gate]), c.scalar(0.5)]);
}

/** x·σ(αx). */
export function swish(c: DecomposeContext, x: string, alpha: number): string {
  const scaled = alpha === 1 ? x : c.op('Mul', [x, c.scalar(alpha)]);
  return c.op('Mul', [x, c.op('Sigmoid', [scaled])]);
}

/** max(0, min(1, αx + β)). */
function hardSigmoid(c: DecomposeContext, x: string, alpha: number, beta: number): string {
  const line = c.op('Add', [c.op('Mul', [x, c.scalar(alpha)]), c.scalar(beta)]);
  return c.op('Max', [c.op('Min', [line, c.scalar(1)]), c.scalar(0)]);
}

/** x above 0; scale·(exp(x/width) − 1) below, with an exponent that never overflows. */
function exponentialBelow(c: DecomposeContext, x: string, scale: number, width: number): string {
  const low = c.op('Min', [x, c.scalar(0)]);
  const power = c.op('Exp', [width === 1 ? low : c.op('Div', [low, c.scalar(width)])]);
  const below = c.op('Mul', [c.op('Sub', [power, c.scalar(1)]), c.scalar(scale)]);
  return c.op('Where', [c.op('Greater', [x, c.scalar(0)]), x, below]);
}

const leaky = (c: DecomposeContext, slope: string): string =>
  c.op('Where', [c.op('Less', [c.x(), c.scalar(0)]), c.op('Mul', [c.x(), slope]), c.x()]);

/** The sum of the input and an optional bias. */
const biased = (c: DecomposeContext): string => (c.has(1) ? c.op('Add', [c.x(), c.x(1)]) : c.x());

/** An activation that a fused operator of com.microsoft names, applied to `x`. */
export function activate(c: DecomposeContext, x: string, name: string, parameters: readonly number[]): string {
  const [alpha, beta] = parameters;
  switch (name) {
    case '':
      return x;
    case 'Relu':
    case 'Tanh':
    case 'Sigmoid':
    case 'Softplus':
      return c.op(name, [x]);
    case 'LeakyRelu': {
      const below = c.op('Mul', [x, c.scalar(alpha ?? 0.01)]);
      return c.op('Where', [c.op('Less', [x, c.scalar(0)]), below, x]);
    }
    case 'Elu':
      return exponentialBelow(c, x, alpha ?? 1, 1);
    case 'Clip':
      return c.op('Clip', [x, c.scalar(alpha ?? -3.4028234663852886e38), c.scalar(beta ?? 3.4028234663852886e38)]);
    case 'HardSigmoid':
      return hardSigmoid(c, x, alpha ?? 0.2, beta ?? 0.5);
    default:
      return c.refuse(`activation ${name}`);
  }
}

/** Activation functions. */
export const activations: Readonly<Record<string, Decomposition>> = {
  Gelu: (c) => [c.text('approximate', 'none') === 'tanh' ? geluTanh(c, c.x()) : gelu(c, c.x())],
  'com.microsoft.Gelu': (c) => [gelu(c, c.x())],
  'com.microsoft.BiasGelu': (c) => [gelu(c, biased(c))],
  'com.microsoft.FastGelu': (c) => [geluTanh(c, biased(c))],
  'com.microsoft.QuickGelu': (c) => [swish(c, c.x(), c.float('alpha', 1.702))],
  Swish: (c) => [swish(c, c.x(), c.float('alpha', 1))],
  /** x·max(0, min(1, x/6 + ½)). */
  HardSwish: (c) => [c.op('Mul', [c.x(), hardSigmoid(c, c.x(), 1 / 6, 0.5)])],
  HardSigmoid: (c) => [hardSigmoid(c, c.x(), c.float('alpha', 0.2), c.float('beta', 0.5))],
  /** x·tanh(softplus(x)). */
  Mish: (c) => [c.op('Mul', [c.x(), c.op('Tanh', [c.op('Softplus', [c.x()])])])],
  /** Below 0: α(exp(x/α) − 1). */
  Celu: (c) => {
    const alpha = c.float('alpha', 1);
    return [exponentialBelow(c, c.x(), alpha, alpha)];
  },
  Elu: (c) => [exponentialBelow(c, c.x(), c.float('alpha', 1), 1)],
  Selu: (c) => {
    const inner = exponentialBelow(c, c.x(), c.float('alpha', 1.6732632423543772), 1);
    return [c.op('Mul', [inner, c.scalar(c.float('gamma', 1.0507009873554805))])];
  },
  LeakyRelu: (c) => [leaky(c, c.scalar(c.float('alpha', 0.01)))],
  PRelu: (c) => [leaky(c, c.x(1))],
  ThresholdedRelu: (c) => [
    c.op('Where', [c.op('Greater', [c.x(), c.scalar(c.float('alpha', 1))]), c.x(), c.scalar(0)]),
  ],
  /** x / (1 + |x|). */
  Softsign: (c) => [c.op('Div', [c.x(), c.op('Add', [c.op('Abs', [c.x()]), c.scalar(1)])])],
  Shrink: (c) => {
    const [bias, lambda] = [c.float('bias', 0), c.float('lambd', 0.5)];
    const above = c.op('Where', [
      c.op('Greater', [c.x(), c.scalar(lambda)]),
      c.op('Sub', [c.x(), c.scalar(bias)]),
      c.scalar(0),
    ]);
    const low = c.op('Less', [c.x(), c.scalar(-lambda)]);
    return [c.op('Where', [low, c.op('Add', [c.x(), c.scalar(bias)]), above])];
  },
};
