import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import { activations, clampedSwiGlu, sigmoid } from './activation.ts';
import { columns } from './compose.ts';
import { erf } from './erf.ts';
import { evenShare, expectDims } from './expect-shape.ts';
import { mapped } from './unary.ts';

/** x · Φ(x), exactly. */
export const gelu = (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2));

/** The approximation with a hyperbolic tangent, by the constants of ONNX Runtime. */
export const fastGelu = (x: number) =>
  (x / 2) * (1 + Math.tanh(0.7978845608028654 * x + 0.035677408136300125 * x ** 3));

/** Adds a bias of the last axis' size. Throws `REFERENCE_SHAPE`. */
export function withBias(c: KernelContext, x: Value, bias: Value | undefined): Value {
  if (!bias) return x;
  const width = x.dims.at(-1) ?? c.misfit('an input with axes', '[]');
  expectDims(c, 'bias', bias, [width]);
  return mapped(x, (element, i) => element + bias.data[i % width]!);
}

/** The two halves of the last axis. */
function halves(c: KernelContext, x: Value): readonly [Value, Value] {
  const width = evenShare(c, 'last axis', x.dims.at(-1) ?? 1, 2);
  return [columns(x, 0, width), columns(x, width, 2 * width)];
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
  /** SwiGLU with clamps; one input holds both halves, the gate first. */
  'com.microsoft.SwiGLU': (c) => {
    const [gate, up, limit] = [c.input(0), c.optional(1), c.float('limit', 0)];
    const glu = clampedSwiGlu(
      c.float('activation_alpha', 1),
      c.float('activation_beta', 0),
      limit > 0 ? limit : Infinity,
    );
    if (up) {
      expectDims(c, 'up', up, gate.dims);
      return [mapped(gate, (x, i) => glu(x, up.data[i]!))];
    }
    const [left, right] = halves(c, gate);
    return [mapped(left, (x, i) => glu(x, right.data[i]!))];
  },
  /** The left half after the bias times the Gelu of the right. */
  'com.microsoft.BiasSplitGelu': (c) => {
    const [left, right] = halves(c, withBias(c, c.input(0), c.input(1)));
    return [mapped(left, (x, i) => x * gelu(right.data[i]!))];
  },
  'com.microsoft.ScaledSiLU': (c) => {
    const scale = c.optional(1)?.data[0] ?? c.float('alpha', 1);
    return [mapped(c.input(0), (x) => scale * x * sigmoid(scale * x))];
  },
  /** X + Y · gate, with a gate for each row. */
  'com.microsoft.GatedAdd': (c) => {
    const [x, y, gate] = [c.input(0), c.input(1), c.input(2)];
    if (c.optional(3)) c.refuse('a gate_weight');
    expectDims(c, 'Y', y, x.dims);
    expectDims(c, 'gate', gate, [...x.dims.slice(0, -1), 1]);
    const width = x.dims.at(-1) ?? 1;
    return [mapped(x, (element, i) => element + y.data[i]! * gate.data[Math.floor(i / width)]!)];
  },
  /** decay_scale · softplus(a + dt_bias), and sigmoid(b). */
  'com.microsoft.LinearAttentionGate': (c) => {
    const [a, scale, b] = [withBias(c, c.input(0), c.input(1)), c.input(2), c.optional(3)];
    const heads = a.dims.at(-1)!;
    expectDims(c, 'decay_scale', scale, [heads]);
    const decay = mapped(a, (x, i) => scale.data[i % heads]! * activations.softplus!.apply(x, 0, 0));
    return [decay, ...(b ? [mapped(b, sigmoid)] : [])];
  },
  /** Inference: nothing is dropped. */
  'com.microsoft.BiasDropout': (c) => {
    const [x, bias, residual] = [c.input(0), c.input(1), c.optional(2)];
    if (c.optional(4)?.data[0]) c.refuse('training_mode');
    const same = bias.dims.length === x.dims.length && bias.data.length === x.data.length;
    const sum = same ? mapped(x, (element, i) => element + bias.data[i]!) : withBias(c, x, bias);
    expectDims(c, 'residual', residual, x.dims);
    const mask: Value = { type: 'bool', dims: x.dims, data: new Float64Array(x.data.length).fill(1) };
    return [residual ? mapped(sum, (element, i) => element + residual.data[i]!) : sum, mask];
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
