import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { clampedSwiGlu, sigmoid } from './activation.ts';
import { unpackedFields } from './block-quantized.ts';
import { expectDims, expectRank } from './expect-shape.ts';
import { fastGelu } from './fused-activations.ts';

const activationsOfExperts: Readonly<Record<string, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  gelu: fastGelu,
  silu: (x) => x * sigmoid(x),
  identity: (x) => x,
};

/** One layer of every expert: weights `[experts, out, in]` and biases `[experts, out]`. */
interface Layer {
  readonly weights: Value;
  readonly bias: Value | undefined;
}

/** Row of a layer of one expert times x, plus its bias: `[out]`. */
function through({ weights, bias }: Layer, expert: number, x: Float64Array): Float64Array {
  const rows = weights.dims[1]!;
  return Float64Array.from({ length: rows }, (_, row) => {
    const start = (expert * rows + row) * x.length;
    let sum = bias?.data[expert * rows + row] ?? 0;
    for (let k = 0; k < x.length; k++) sum += weights.data[start + k]! * x[k]!;
    return sum;
  });
}

/** The hidden layer of an expert after its activation, by `activation_type` and `swiglu_fusion`. */
function hiddenLayer(c: KernelContext, first: Layer, third: Layer | undefined) {
  const type = c.text('activation_type', 'relu');
  if (c.int('swiglu_limit_after_activation', 0) || c.int('use_sparse_mixer', 0))
    c.refuse('another way to mix or to clamp');
  if (type !== 'swiglu') {
    const activation = Object.hasOwn(activationsOfExperts, type)
      ? activationsOfExperts[type]!
      : c.refuse(`the activation "${type}"`);
    if (third) c.refuse(`fc3 with the activation "${type}"`);
    return (expert: number, x: Float64Array) => through(first, expert, x).map(activation);
  }
  const limit = c.float('swiglu_limit', Number.POSITIVE_INFINITY);
  const gate = clampedSwiGlu(c.float('activation_alpha', 1), c.float('activation_beta', 0), limit);
  const fusion = c.int('swiglu_fusion', 0);
  const half = first.weights.dims[1]! / 2;
  if (fusion === 0) {
    const linear = third ?? c.refuse('swiglu_fusion 0 without fc3');
    return (expert: number, x: Float64Array) => {
      const up = through(linear, expert, x);
      return through(first, expert, x).map((g, i) => gate(g, up[i]!));
    };
  }
  if (!Number.isInteger(half)) c.misfit('an even number of fused rows', `${2 * half}`);
  const [step, shift] = fusion === 1 ? [2, 1] : [1, half];
  return (expert: number, x: Float64Array) => {
    const both = through(first, expert, x);
    return Float64Array.from({ length: half }, (_, i) => gate(both[step * i]!, both[step * i + shift]!));
  };
}

/** The k experts with the largest scores, and their softmaxed scores: over all experts, or `normalized` over those k. */
function routed(
  c: KernelContext,
  scores: Float64Array,
  normalized: boolean,
): readonly (readonly [expert: number, weight: number])[] {
  const k = c.int('k', 1);
  if (!(k >= 1 && k <= scores.length)) c.misfit(`k up to ${scores.length}`, `${k}`);
  const best = Array.from(scores.keys())
    .sort((a, b) => scores[b]! - scores[a]!)
    .slice(0, k);
  const top = scores[best[0]!]!;
  const among = normalized ? best : Array.from(scores.keys());
  const total = among.reduce((sum, expert) => sum + Math.exp(scores[expert]! - top), 0);
  return best.map((expert) => [expert, Math.exp(scores[expert]! - top) / total]);
}

/** Every token through its experts: Σ weight · (fc2 · activation(fc1 · x)). */
function mixture(
  c: KernelContext,
  [first, second, third]: readonly [Layer, Layer, Layer | undefined],
  normalized: boolean,
): Value {
  const [x, probabilities] = [c.input(0), c.input(1)];
  expectRank(c, 'input', x, 2, 3);
  const hidden = x.dims.at(-1)!;
  const tokens = hidden === 0 ? 0 : x.data.length / hidden;
  const [experts, rows] = first.weights.dims as [number, number];
  const inner = second.weights.dims[2]!;
  expectDims(c, 'router_probs', probabilities, [tokens, experts]);
  expectDims(c, 'fc1', first.weights, [experts, rows, hidden]);
  expectDims(c, 'fc2', second.weights, [experts, hidden, undefined]);
  expectDims(c, 'fc3', third?.weights, [experts, inner, hidden]);
  const fused = c.text('activation_type', 'relu') === 'swiglu' && c.int('swiglu_fusion', 0) !== 0;
  if (rows !== (fused ? 2 : 1) * inner) c.misfit(`fc1 of ${(fused ? 2 : 1) * inner} rows`, `${rows}`);
  expectDims(c, 'fc1 bias', first.bias, [experts, rows]);
  expectDims(c, 'fc2 bias', second.bias, [experts, hidden]);
  expectDims(c, 'fc3 bias', third?.bias, [experts, inner]);
  const activate = hiddenLayer(c, first, third);
  const data = new Float64Array(x.data.length);
  for (let token = 0; token < tokens; token++) {
    const at = token * hidden;
    for (const [expert, weight] of routed(
      c,
      probabilities.data.subarray(token * experts, (token + 1) * experts),
      normalized,
    )) {
      const y = through(second, expert, activate(expert, x.data.subarray(at, at + hidden)));
      for (let i = 0; i < hidden; i++) data[at + i]! += weight * y[i]!;
    }
  }
  return { ...x, data };
}

/** A layer of QMoE from `index` (weights, scales, bias) and `zeroIndex`: `(field − zero) · scale`, per row or block. */
function quantizedLayer(c: KernelContext, index: number, zeroIndex: number, name: string): Layer | undefined {
  const stored = c.optional(index);
  if (!stored) return undefined;
  const [scales, zeros] = [c.input(index + 1), c.optional(zeroIndex)];
  const bits = c.int(name, c.int('expert_weight_bits', 4));
  if (![2, 4, 8].includes(bits)) c.refuse(`${bits} bits`);
  expectRank(c, `input ${index}`, stored, 3);
  const weights = unpackedFields(stored, bits);
  const [experts, rows, width] = weights.dims as [number, number, number];
  const block = c.int('block_size', 0) > 0 ? c.int('block_size', 0) : width;
  const blocks = Math.ceil(width / block);
  expectDims(c, 'scales', scales, scales.dims.length === 2 && blocks === 1 ? [experts, rows] : [experts, rows, blocks]);
  const points = zeros && zerosOf(c, zeros, bits, [experts, rows, blocks]);
  const data = weights.data.map((element, i) => {
    const row = Math.floor(i / width);
    const at = row * blocks + Math.floor((i % width) / block);
    return (element - (points?.[at] ?? 2 ** (bits - 1))) * scales.data[at]!;
  });
  return { weights: { ...weights, type: scales.type, data }, bias: c.optional(index + 2) };
}

/** Zero points, packed along their last axis. */
function zerosOf(
  c: KernelContext,
  zeros: Value,
  bits: number,
  [experts, rows, blocks]: readonly number[],
): Float64Array {
  const fields = unpackedFields(zeros, bits);
  const perRow = zeros.dims.length === 3;
  const wanted = perRow ? [experts!, rows!] : [experts!];
  const [width, used] = [fields.dims.at(-1)!, perRow ? blocks! : rows! * blocks!];
  if (`${zeros.dims.slice(0, -1)}` !== `${wanted}` || width < used)
    c.misfit(`zero points of [${wanted}] and ${used} fields`, `[${zeros.dims}]`);
  const count = experts! * rows! * blocks!;
  return Float64Array.from({ length: count }, (_, i) => fields.data[Math.floor(i / used) * width + (i % used)]!);
}

export const mixtureOfExperts: Readonly<Record<string, Kernel>> = {
  'com.microsoft.MoE': (c) => {
    const third = c.optional(6);
    const layer = (index: number): Layer => {
      const weights = c.input(index);
      expectRank(c, `input ${index}`, weights, 3);
      return { weights, bias: c.optional(index + 1) };
    };
    const normalized = c.int('normalize_routing_weights', 0) === 1;
    return [mixture(c, [layer(2), layer(4), third && layer(6)], normalized)];
  },
  /** Integer weights in their plain layout `[experts, out, in · bits / 8]`. Weights of the chosen sum to 1, as in ONNX Runtime. */
  'com.microsoft.QMoE': (c) => {
    if (c.text('quant_type', 'int') !== 'int' || c.optional(14))
      c.refuse('weights that are no integers, or router_weights');
    const first = quantizedLayer(c, 2, 11, 'fc1_expert_weight_bits') ?? c.misfit('fc1', 'none');
    const second = quantizedLayer(c, 5, 12, 'fc2_expert_weight_bits') ?? c.misfit('fc2', 'none');
    return [mixture(c, [first, second, quantizedLayer(c, 8, 13, 'fc3_expert_weight_bits')], true)];
  },
};
