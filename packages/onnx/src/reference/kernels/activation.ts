import type { KernelContext } from '../kernel.ts';

/** A scalar function of x with up to two parameters, and what these are where a model does not say. */
export interface Activation {
  readonly apply: (x: number, alpha: number, beta: number) => number;
  readonly alpha?: number;
  readonly beta?: number;
}

export const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** The gate of a SwiGLU: `min(g, limit) · sigmoid(alpha · g) · (clamp(l, ±limit) + beta)`. */
export function clampedSwiGlu(alpha: number, beta: number, limit: number): (g: number, l: number) => number {
  return (g, l) => {
    const gate = Math.min(g, limit);
    return gate * sigmoid(alpha * gate) * (Math.min(Math.max(l, -limit), limit) + beta);
  };
}

/** The activations that recurrent and fused operators take by name, in lower case (https://onnx.ai/onnx/operators). */
export const activations: Readonly<Record<string, Activation>> = {
  relu: { apply: (x) => Math.max(x, 0) },
  tanh: { apply: Math.tanh },
  sigmoid: { apply: sigmoid },
  affine: { apply: (x, alpha, beta) => alpha * x + beta, alpha: 1, beta: 0 },
  leakyrelu: { apply: (x, alpha) => (x >= 0 ? x : alpha * x), alpha: 0.01 },
  thresholdedrelu: { apply: (x, alpha) => (x >= alpha ? x : 0), alpha: 1 },
  scaledtanh: { apply: (x, alpha, beta) => alpha * Math.tanh(beta * x), alpha: 1, beta: 1 },
  hardsigmoid: { apply: (x, alpha, beta) => Math.min(Math.max(alpha * x + beta, 0), 1), alpha: 0.2, beta: 0.5 },
  elu: { apply: (x, alpha) => (x >= 0 ? x : alpha * Math.expm1(x)), alpha: 1 },
  softsign: { apply: (x) => x / (1 + Math.abs(x)) },
  softplus: { apply: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) },
};

/**
 * The functions of a list of names. `alphas` and `betas` are handed out in order to the activations that have such a
 * parameter; where they run out, the defaults hold. Refuses unknown names.
 */
export function activationsByName(
  c: KernelContext,
  names: readonly string[],
  alphas: readonly number[] = [],
  betas: readonly number[] = [],
  table = activations,
): ((x: number) => number)[] {
  let [nextAlpha, nextBeta] = [0, 0];
  return names.map((name) => {
    const lower = name.toLowerCase();
    const found = Object.hasOwn(table, lower) ? table[lower]! : c.refuse(`the activation "${name}"`);
    const alpha = found.alpha === undefined ? 0 : (alphas[nextAlpha++] ?? found.alpha);
    const beta = found.beta === undefined ? 0 : (betas[nextBeta++] ?? found.beta);
    return (x: number) => found.apply(x, alpha, beta);
  });
}
