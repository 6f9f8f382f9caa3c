import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import { sigmoid } from './activation.ts';
import { mapped } from './compose.ts';
import { erf } from './erf.ts';
import { expectDims } from './expect-shape.ts';

const gelu = (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2));

/** The approximation with a hyperbolic tangent, by the constants of ONNX Runtime. */
const fastGelu = (x: number) => (x / 2) * (1 + Math.tanh(0.7978845608028654 * x + 0.035677408136300125 * x ** 3));

/** Adds a bias of the last axis' size. */
function withBias(c: KernelContext, x: Value, bias: Value | undefined): Value {
  if (!bias) return x;
  const width = x.dims.at(-1) ?? c.misfit('an input with axes', '[]');
  expectDims(c, 'bias', bias, [width]);
  return mapped(x, (element, i) => element + bias.data[i % width]!);
}

/** Activations with an addition or a product before them. */
export const fusedActivations: Readonly<Record<string, Kernel>> = {
  /** A · sigmoid(alpha · A) · B. */
  SwiGLU: (c) => {
    const [gate, linear, alpha] = [c.input(0), c.input(1), c.float('alpha', 1)];
    expectDims(c, 'B', linear, gate.dims);
    return [mapped(gate, (x, i) => x * sigmoid(alpha * x) * linear.data[i]!)];
  },
  'com.microsoft.Gelu': (c) => [mapped(c.input(0), gelu)],
  'com.microsoft.BiasGelu': (c) => [mapped(withBias(c, c.input(0), c.input(1)), gelu)],
  'com.microsoft.FastGelu': (c) => [mapped(withBias(c, c.input(0), c.optional(1)), fastGelu)],
  'com.microsoft.QuickGelu': (c) => {
    const alpha = c.float('alpha', 1.702);
    return [mapped(c.input(0), (x) => x * sigmoid(alpha * x))];
  },
  /** Softmax over all axes from `axis` on, after a bias whose rows repeat: each in its place, or all of them in turn. */
  'com.microsoft.BiasSoftmax': (c) => {
    const [x, bias] = [c.input(0), c.input(1)];
    const width = size(x.dims.slice(axisOf(c.int('axis', 1), x.dims.length)));
    const [rows, biasRows] = [x.data.length / width, bias.data.length / width];
    if (!Number.isInteger(biasRows) || rows % biasRows !== 0)
      c.misfit(`a bias that repeats in [${x.dims}]`, `[${bias.dims}]`);
    const inner = c.int('is_inner_broadcast', 0) === 1;
    const data = new Float64Array(x.data.length);
    for (let row = 0; row < rows; row++) {
      const added = (inner ? Math.floor((row * biasRows) / rows) : row % biasRows) * width;
      let top = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < width; i++) top = Math.max(top, x.data[row * width + i]! + bias.data[added + i]!);
      let sum = 0;
      for (let i = 0; i < width; i++)
        sum += data[row * width + i] = Math.exp(x.data[row * width + i]! + bias.data[added + i]! - top);
      for (let i = 0; i < width; i++) data[row * width + i]! /= sum;
    }
    return [{ ...x, data }];
  },
};
