import type { DataType } from '../../model.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf, checkedAxis } from '../kernel.ts';
import type { TensorValue, Value } from '../value.ts';
import { broadcastTo, numeric, offsetsOf, size, strides } from '../value.ts';
import { logSumExp } from './reduce.ts';
import { mapped } from './unary.ts';

/** Applies `line` to the elements along one axis, for every line. */
function alongAxis(x: Value, axis: number, line: (elements: Float64Array) => Float64Array): Value {
  const step = strides(x.dims)[axis]!;
  const length = x.dims[axis]!;
  const data = new Float64Array(x.data.length);
  const elements = new Float64Array(length);
  const starts = offsetsOf(
    x.dims.map((dim, at) => (at === axis ? 1 : dim)),
    strides(x.dims),
  );
  for (const start of starts) {
    for (let i = 0; i < length; i++) elements[i] = x.data[start + i * step]!;
    const made = line(elements);
    for (let i = 0; i < length; i++) data[start + i * step] = made[i]!;
  }
  return { type: x.type, dims: x.dims, data };
}

/** Before operator set 13 the axes from `axis` on are one line, and `axis` is 1 by default. */
const soft =
  (line: (elements: Float64Array) => Float64Array): Kernel =>
  (c) => {
    const x = c.input(0);
    const rank = x.dims.length;
    if (c.opset >= 13) return [alongAxis(x, checkedAxis(c, c.int('axis', -1), rank), line)];
    const axis = axisOf(c.int('axis', 1), rank);
    const flat = { ...x, dims: [size(x.dims.slice(0, axis)), size(x.dims.slice(axis))] };
    return [{ ...alongAxis(flat, 1, line), dims: x.dims }];
  };

/** Mean and variance of some elements. */
function moments(elements: Float64Array): readonly [mean: number, variance: number] {
  let sum = 0;
  for (let i = 0; i < elements.length; i++) sum += elements[i]!;
  const mean = sum / elements.length;
  let squares = 0;
  for (let i = 0; i < elements.length; i++) squares += (elements[i]! - mean) ** 2;
  return [mean, squares / elements.length];
}

/** The parameter of each element of the axes from `axis` on. */
function spread(c: KernelContext, parameter: Value, x: Value, axis: number): Float64Array {
  const inner = x.dims.slice(axis);
  if (parameter.dims.length > inner.length) {
    // More axes than are normalized: allowed while the leading ones are 1.
    const lead = parameter.dims.length - inner.length;
    if (parameter.dims.slice(0, lead).some((dim) => dim !== 1))
      c.misfit(`a parameter of shape [${inner}]`, `[${parameter.dims}]`);
    return spread(c, { ...parameter, dims: parameter.dims.slice(lead) }, x, axis);
  }
  const fits = parameter.dims.every((dim, at) => dim === 1 || dim === inner[at + inner.length - parameter.dims.length]);
  if (!fits) c.misfit(`a parameter of shape [${inner}]`, `[${parameter.dims}]`);
  return numeric(broadcastTo(parameter, inner), c.where).data;
}

/** Normalizes the axes from `axis` on. Outputs Y, the means and the inverse standard deviations. */
function layerNormalization(c: KernelContext): readonly Value[] {
  const [x, scale, bias] = [c.input(0), c.input(1), c.optional(2)];
  const axis = checkedAxis(c, c.int('axis', -1), x.dims.length);
  const epsilon = c.float('epsilon', 1e-5);
  const width = size(x.dims.slice(axis));
  const rows = size(x.dims.slice(0, axis));
  const [factors, shifts] = [spread(c, scale, x, axis), bias && spread(c, bias, x, axis)];
  const y = new Float64Array(x.data.length);
  const [means, inverses] = [new Float64Array(rows), new Float64Array(rows)];
  for (let row = 0; row < rows; row++) {
    const elements = x.data.subarray(row * width, (row + 1) * width);
    const [mean, variance] = moments(elements);
    means[row] = mean;
    inverses[row] = 1 / Math.sqrt(variance + epsilon);
    for (let i = 0; i < width; i++) {
      y[row * width + i] = (elements[i]! - mean) * inverses[row]! * factors[i]! + (shifts?.[i] ?? 0);
    }
  }
  const dims = x.dims.map((dim, at) => (at < axis ? dim : 1));
  const statistics: DataType = c.int('stash_type', 1) === 1 && x.type !== 'float64' ? 'float32' : x.type;
  return [
    { type: x.type, dims: x.dims, data: y },
    { type: statistics, dims, data: means },
    { type: statistics, dims, data: inverses },
  ];
}

/** Divides by the root of the mean square over the axes from `axis` on, and scales. */
function rmsNormalization(c: KernelContext): readonly Value[] {
  const [x, scale] = [c.input(0), c.input(1)];
  const axis = checkedAxis(c, c.int('axis', -1), x.dims.length);
  const epsilon = c.float('epsilon', 1e-5);
  const width = size(x.dims.slice(axis));
  const factors = spread(c, scale, x, axis);
  const y = new Float64Array(x.data.length);
  for (let begin = 0; begin < y.length; begin += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x.data[begin + i]! ** 2;
    const inverse = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i++) y[begin + i] = x.data[begin + i]! * inverse * factors[i]!;
  }
  return [{ type: scale.type, dims: x.dims, data: y }];
}

/** A parameter with an element for every channel, axis 1. */
function perChannel(c: KernelContext, index: number, channels: number): Float64Array {
  const parameter = c.input(index);
  if (parameter.data.length !== channels) c.misfit(`${channels} elements as input ${index}`, `[${parameter.dims}]`);
  return parameter.data;
}

/** Normalizes `groups` groups of the channels of each sample; scale and shift by channel. */
function grouped(c: KernelContext, groups: number): readonly Value[] {
  const x = c.input(0);
  const [samples, channels] = [x.dims[0], x.dims[1]];
  if (samples === undefined || channels === undefined || groups < 1 || channels % groups !== 0) {
    return c.misfit(`channels that are a multiple of ${groups}`, `[${x.dims}]`);
  }
  const epsilon = c.float('epsilon', 1e-5);
  const perGroup = channels / groups;
  // Operator set 18 has one scale for every group, later ones for every channel.
  const scales = c.input(1).data.length;
  const repeat = scales === groups && c.opset < 21 ? perGroup : 1;
  const [factors, shifts] = [perChannel(c, 1, channels / repeat), perChannel(c, 2, channels / repeat)];
  const area = size(x.dims.slice(2));
  const width = perGroup * area;
  const y = new Float64Array(x.data.length);
  for (let group = 0; group < samples * groups; group++) {
    const elements = x.data.subarray(group * width, (group + 1) * width);
    const [mean, variance] = moments(elements);
    const inverse = 1 / Math.sqrt(variance + epsilon);
    for (let i = 0; i < width; i++) {
      const channel = Math.floor(((group % groups) * perGroup + Math.floor(i / area)) / repeat);
      y[group * width + i] = (elements[i]! - mean) * inverse * factors[channel]! + shifts[channel]!;
    }
  }
  return [{ type: x.type, dims: x.dims, data: y }];
}

/** By channel over batch and space; in training mode by the statistics of this batch, which go into the running ones. */
function batchNormalization(c: KernelContext): readonly (Value | undefined)[] {
  const x = c.input(0);
  const lines: Value = x.dims.length === 1 ? { ...x, dims: [x.dims[0]!, 1] } : x;
  const epsilon = c.float('epsilon', 1e-5);
  const momentum = c.float('momentum', 0.9);
  const spatial = c.int('spatial', 1) === 1;
  const training = c.opset >= 14 ? c.int('training_mode', 0) === 1 : c.opset < 7 && c.int('is_test', 0) === 0;
  if (c.opset < 14 && (training || c.node.outputs.filter((name) => name !== '').length > 1))
    c.refuse('training before operator set 14');
  // Without `spatial` every position has parameters of its own.
  const channels = spatial ? lines.dims[1]! : size(lines.dims.slice(1));
  const area = spatial ? size(lines.dims.slice(2)) : 1;
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => perChannel(c, index, channels)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const samples = lines.dims[0]!;
  const [means, variances] = [mean.slice(), variance.slice()];
  if (training) {
    const elements = new Float64Array(samples * area);
    for (let channel = 0; channel < channels; channel++) {
      for (let i = 0; i < elements.length; i++) {
        elements[i] = x.data[(Math.floor(i / area) * channels + channel) * area + (i % area)]!;
      }
      [means[channel], variances[channel]] = moments(elements) as [number, number];
    }
  }
  const y = new Float64Array(x.data.length);
  for (let i = 0; i < y.length; i++) {
    const channel = Math.floor(i / area) % channels;
    y[i] =
      ((x.data[i]! - means[channel]!) / Math.sqrt(variances[channel]! + epsilon)) * scale[channel]! + bias[channel]!;
  }
  const running = (index: number, batch: Float64Array): Value => {
    const old = c.input(index);
    return { ...old, data: old.data.map((value, i) => value * momentum + batch[i]! * (1 - momentum)) };
  };
  const normalized = { type: x.type, dims: x.dims, data: y };
  return training ? [normalized, running(3, means), running(4, variances)] : [normalized];
}

/** Divides by (bias + alpha/size · Σ of squares over the channels around)^beta. */
function localResponse(c: KernelContext): readonly Value[] {
  const x = c.input(0);
  const width = c.int('size', 1);
  const [alpha, beta, bias] = [c.float('alpha', 1e-4), c.float('beta', 0.75), c.float('bias', 1)];
  const channels = x.dims[1] ?? c.misfit('channels as axis 1', `[${x.dims}]`);
  const [before, after] = [Math.floor((width - 1) / 2), Math.ceil((width - 1) / 2)];
  return [
    alongAxis(x, 1, (elements) =>
      elements.map((element, at) => {
        let squares = 0;
        for (let i = Math.max(at - before, 0); i <= Math.min(at + after, channels - 1); i++)
          squares += elements[i]! ** 2;
        return element / (bias + (alpha / width) * squares) ** beta;
      }),
    ),
  ];
}

/** Zero mean and unit variance over some axes; the standard deviation is kept from 0 by 1e-9. */
function meanVariance(c: KernelContext): readonly Value[] {
  const x = c.input(0);
  const axes = new Set((c.ints('axes') ?? [0, 2, 3]).map((axis) => checkedAxis(c, axis, x.dims.length)));
  const steps = strides(x.dims);
  const inside = offsetsOf(
    x.dims.filter((_, axis) => axes.has(axis)),
    steps.filter((_, axis) => axes.has(axis)),
  );
  const y = new Float64Array(x.data.length);
  const starts = offsetsOf(
    x.dims.map((dim, axis) => (axes.has(axis) ? 1 : dim)),
    steps,
  );
  for (const start of starts) {
    const [mean, variance] = moments(inside.map((offset) => x.data[start + offset]!));
    for (const offset of inside) y[start + offset] = (x.data[start + offset]! - mean) / (Math.sqrt(variance) + 1e-9);
  }
  return [{ type: x.type, dims: x.dims, data: y }];
}

/** The input and a mask of ones: inference, or training that drops nothing. */
function dropout(c: KernelContext): readonly TensorValue[] {
  const training = c.opset < 7 ? c.int('is_test', 0) === 0 : c.optional(2)?.data[0] === 1;
  const ratio = c.opset < 12 ? c.float('ratio', 0.5) : (c.optional(1)?.data[0] ?? 0.5);
  if (training && ratio > 0) c.refuse('training mode, whose random numbers are not specified');
  const x = c.any(0);
  return [x, mapped(c.input(0), () => 1, c.opset < 10 ? x.type : 'bool')];
}

/** Operators that bring elements to a common scale. */
export const normalization: Readonly<Record<string, Kernel>> = {
  Softmax: soft((elements) => {
    const total = logSumExp(elements);
    return elements.map((element) => Math.exp(element - total));
  }),
  LogSoftmax: soft((elements) => {
    const total = logSumExp(elements);
    return elements.map((element) => element - total);
  }),
  /** 1 at the first of the greatest elements. */
  Hardmax: soft((elements) => {
    const top = elements.indexOf(elements.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY));
    return elements.map((_, at) => (at === top ? 1 : 0));
  }),
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  GroupNormalization: (c) => grouped(c, c.int('num_groups', 1)),
  InstanceNormalization: (c) =>
    grouped(c, c.input(0).dims[1] ?? c.misfit('channels as axis 1', `[${c.input(0).dims}]`)),
  BatchNormalization: batchNormalization,
  LpNormalization: (c) => {
    const x = c.input(0);
    const p = c.int('p', 2);
    return [
      alongAxis(x, checkedAxis(c, c.int('axis', -1), x.dims.length), (elements) => {
        const norm = elements.reduce((sum, element) => sum + Math.abs(element) ** p, 0) ** (1 / p);
        return norm === 0 ? elements : elements.map((element) => element / norm);
      }),
    ];
  },
  LRN: localResponse,
  MeanVarianceNormalization: meanVariance,
  Dropout: dropout,
};
