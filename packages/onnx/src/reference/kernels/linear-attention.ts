import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { sigmoid } from './activation.ts';
import { evenShare, expectDims, expectRank } from './expect-shape.ts';
import { mergeHeads, splitHeads } from './heads.ts';
import { zeros } from './zeros.ts';

/** The gates of a step: S ← e^decay · S, then S ← S + β · k ⊗ (v − Sᵀ k) with `delta`, or S + k ⊗ v without. */
interface UpdateRule {
  readonly gated: boolean;
  readonly delta: boolean;
}

const updateRules: Readonly<Record<string, UpdateRule>> = {
  linear: { gated: false, delta: false },
  gated: { gated: true, delta: false },
  delta: { gated: false, delta: true },
  gated_delta: { gated: true, delta: true },
};

/** `[batch, heads, sequence, size]` from packed heads; one of size 1 per head, or per token, serves every element. */
function gateOf(c: KernelContext, index: number, heads: number): Value {
  const gate =
    c.optional(index) ?? c.refuse(`the update rule "${c.text('update_rule', 'gated_delta')}" without input ${index}`);
  expectRank(c, `input ${index}`, gate, 3);
  return splitHeads(c, gate, gate.dims[2] === 1 ? 1 : heads);
}

/** The state `[keys, values]` of one head after one token; `k` and `v` are rows of the operands. */
function advance(
  state: Float64Array,
  k: Float64Array,
  v: Float64Array,
  decay: Float64Array | undefined,
  beta: number | undefined,
): void {
  const width = v.length;
  if (decay) {
    for (let i = 0; i < k.length; i++) {
      const kept = Math.exp(decay[decay.length === 1 ? 0 : i]!);
      for (let j = 0; j < width; j++) state[i * width + j]! *= kept;
    }
  }
  for (let j = 0; j < width; j++) {
    let recalled = 0;
    if (beta !== undefined) for (let i = 0; i < k.length; i++) recalled += state[i * width + j]! * k[i]!;
    const change = (beta ?? 1) * (v[j]! - recalled);
    for (let i = 0; i < k.length; i++) state[i * width + j]! += k[i]! * change;
  }
}

const row = ({ dims, data }: Value, b: number, h: number, t: number): Float64Array => {
  const start = ((b * dims[1]! + h) * dims[2]! + t) * dims[3]!;
  return data.subarray(start, start + dims[3]!);
};

/** Outputs Y `[batch, sequence, heads · value size]` and the state `[batch, key heads, key size, value size]`. */
const linearAttention: Kernel = (c) => {
  const [heads, keyHeads] = [c.int('q_num_heads', 0), c.int('kv_num_heads', 0)];
  const group = evenShare(c, 'q_num_heads', heads, keyHeads);
  for (const index of [0, 1, 2]) expectRank(c, `input ${index}`, c.input(index), 3);
  const query = splitHeads(c, c.input(0), heads);
  const [key, value] = [splitHeads(c, c.input(1), keyHeads), splitHeads(c, c.input(2), keyHeads)];
  const [batch, length, width, wide] = [query.dims[0]!, query.dims[2]!, query.dims[3]!, value.dims[3]!];
  expectDims(c, 'keys', key, [batch, keyHeads, length, width]);
  expectDims(c, 'values', value, [batch, keyHeads, length, wide]);
  const rule = c.text('update_rule', 'gated_delta');
  const { gated, delta } = Object.hasOwn(updateRules, rule)
    ? updateRules[rule]!
    : c.refuse(`the update rule "${rule}"`);
  const decay = gated ? gateOf(c, 4, keyHeads) : undefined;
  const beta = delta ? gateOf(c, 5, keyHeads) : undefined;
  if (decay && decay.dims[3] !== 1 && decay.dims[3] !== width)
    c.misfit(`decays of size ${width} or 1`, `${decay.dims[3]}`);
  expectDims(c, 'decays', decay, [batch, keyHeads, length, undefined]);
  expectDims(c, 'update rates', beta, [batch, beta?.dims[1] === 1 ? 1 : keyHeads, length, 1]);
  const past = c.optional(3);
  const stateDims = [batch, keyHeads, width, wide];
  expectDims(c, 'the past state', past, stateDims);

  const scale = c.float('scale', 0) || 1 / Math.sqrt(width);
  const states = past ? Float64Array.from(past.data) : zeros(c, query.type, stateDims).data;
  const output = zeros(c, query.type, [batch, heads, length, wide]);
  const empty = output.data.length === 0 && states.length === 0;
  for (let b = 0; !empty && b < batch; b++) {
    for (let h = 0; h < keyHeads; h++) {
      const state = states.subarray((b * keyHeads + h) * width * wide, (b * keyHeads + h + 1) * width * wide);
      for (let t = 0; t < length; t++) {
        const rate = beta && row(beta, b, beta.dims[1] === 1 ? 0 : h, t)[0];
        advance(state, row(key, b, h, t), row(value, b, h, t), decay && row(decay, b, h, t), rate);
        for (let head = h * group; head < (h + 1) * group; head++) {
          const [q, y] = [row(query, b, head, t), row(output, b, head, t)];
          for (let i = 0; i < width; i++) for (let j = 0; j < wide; j++) y[j]! += scale * q[i]! * state[i * wide + j]!;
        }
      }
    }
  }
  return [mergeHeads(output), { type: past?.type ?? query.type, dims: stateDims, data: states }];
};

/** Each channel convolved with its own kernel over the present and past tokens; the state is the last k − 1 of them. */
const causalConvolution: Kernel = (c) => {
  const [x, weight, bias, past] = [c.input(0), c.input(1), c.optional(2), c.optional(3)];
  expectRank(c, 'input', x, 3);
  const [batch, channels, length] = x.dims as [number, number, number];
  expectDims(c, 'weight', weight, [channels, 1, undefined]);
  expectDims(c, 'bias', bias, [channels]);
  const kernel = weight.dims[2]!;
  if (kernel === 0) c.misfit('a kernel of at least one tap', `[${weight.dims}]`);
  const before = kernel - 1;
  expectDims(c, 'the past state', past, [batch, channels, before]);
  const activation = c.text('activation', 'none');
  if (!['none', 'silu', 'swish'].includes(activation)) c.refuse(`the activation "${activation}"`);

  const y = new Float64Array(x.data.length);
  const state = zeros(c, x.type, [batch, channels, before]).data;
  const line = new Float64Array(before + length);
  const lines = y.length === 0 && state.length === 0 ? 0 : batch * channels;
  for (let at = 0; at < lines; at++) {
    line.fill(0, 0, before);
    if (past) line.set(past.data.subarray(at * before, (at + 1) * before));
    line.set(x.data.subarray(at * length, (at + 1) * length), before);
    const channel = at % channels;
    for (let t = 0; t < length; t++) {
      let sum = bias ? bias.data[channel]! : 0;
      for (let k = 0; k < kernel; k++) sum += line[t + k]! * weight.data[channel * kernel + k]!;
      y[at * length + t] = activation === 'none' ? sum : sum * sigmoid(sum);
    }
    state.set(line.subarray(length), at * before);
  }
  return [
    { type: x.type, dims: x.dims, data: y },
    { type: x.type, dims: [batch, channels, before], data: state },
  ];
};

/** The form of com.microsoft whose attributes leave it as ai.onnx has it; the others are refused. */
const plainForm =
  (kernel: Kernel, plain: Readonly<Record<string, number>>): Kernel =>
  (c) => {
    const other = Object.keys(plain).find((name) => c.int(name, plain[name]!) !== plain[name]);
    return other === undefined ? kernel(c) : c.refuse(`the attribute ${other}`);
  };

export const linearAttentionKernels: Readonly<Record<string, Kernel>> = {
  'com.microsoft.LinearAttention': plainForm(linearAttention, { state_window: 0 }),
  'com.microsoft.CausalConvWithState': plainForm(causalConvolution, {
    ndim: 1,
    channels_last: 0,
    dilation: 1,
    state_window: 0,
    state_length: 0,
    state_channels_last: -1,
    state_update_capacity: 0,
    input_channels: 0,
    input_channel_offset: 0,
  }),
  LinearAttention: linearAttention,
  CausalConvWithState: causalConvolution,
};
