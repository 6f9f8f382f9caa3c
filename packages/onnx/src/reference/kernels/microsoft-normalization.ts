import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import { sigmoid } from './activation.ts';
import { channelsToBack, channelsToFront } from './compose.ts';
import { evenShare, expectDims, expectRank } from './expect-shape.ts';
import { mapped } from './unary.ts';
import { zeros } from './zeros.ts';

interface Normalization {
  /** First axis of what is normalized together. */
  readonly axis: number;
  readonly epsilon: number;
  /** Subtract the mean; without, only the root of the mean square divides. */
  readonly centred: boolean;
  readonly scale: Value;
  readonly bias?: Value | undefined;
}

/** Normalizes rows; gives the result, the means and the inverse deviations. Throws `REFERENCE_SHAPE`. */
function normalize(c: KernelContext, x: Value, { axis, epsilon, centred, scale, bias }: Normalization): Value[] {
  const width = size(x.dims.slice(axis));
  const lead = x.dims.slice(0, axis);
  if (scale.data.length !== width) c.misfit(`${width} scales`, `[${scale.dims}]`);
  if (bias && bias.data.length !== width) c.misfit(`${width} biases`, `[${bias.dims}]`);
  const rows = size(lead);
  const y = new Float64Array(x.data.length);
  const [means, inverses] = [zeros(c, 'float32', [rows]).data, zeros(c, 'float32', [rows]).data];
  for (let row = 0; row < rows; row++) {
    const line = x.data.subarray(row * width, (row + 1) * width);
    const mean = centred ? line.reduce((sum, element) => sum + element, 0) / width : 0;
    const variance = line.reduce((sum, element) => sum + (element - mean) ** 2, 0) / width;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    [means[row], inverses[row]] = [mean, inverse];
    for (let i = 0; i < width; i++)
      y[row * width + i] = (line[i]! - mean) * inverse * scale.data[i]! + (bias?.data[i] ?? 0);
  }
  const dims = [...lead, ...x.dims.slice(axis).map(() => 1)];
  return [
    { ...x, data: y },
    { type: 'float32', dims, data: means },
    { type: 'float32', dims, data: inverses },
  ];
}

/** The last axis of input + skip + bias normalized; the sum is the fourth output. `skip` may lack leading axes. */
function skipNormalization(c: KernelContext, centred: boolean): Value[] {
  const [x, skip, bias] = [c.input(0), c.input(1), c.optional(centred ? 4 : 3)];
  const width = x.dims.at(-1) ?? c.misfit('an input with axes', '[]');
  expectDims(c, 'bias', bias, [width]);
  const [own, theirs] = [`${x.dims}`, `${skip.dims}`.replace(/^1,(?=.*,)/, '')];
  if (!own.endsWith(theirs) || skip.dims.length < 2)
    c.misfit(`a skip of shape [${x.dims}] or its end`, `[${skip.dims}]`);
  const sum = mapped(x, (element, i) => element + skip.data[i % skip.data.length]! + (bias?.data[i % width] ?? 0));
  const options = { axis: x.dims.length - 1, epsilon: c.float('epsilon', 1e-12), centred };
  const [y, means, inverses] = normalize(c, sum, {
    ...options,
    scale: c.input(2),
    bias: centred ? c.optional(3) : undefined,
  });
  return [y!, means!, inverses!, sum];
}

/** Normalizes groups of channels of an image, after the sum with skip and bias where they are given. */
function groupNormalization(c: KernelContext, skip: Value | undefined, bias: Value | undefined): Value[] {
  const last = c.int('channels_last', 1) === 1;
  const given = c.input(0);
  expectRank(c, 'X', given, 4);
  const x = last ? channelsToFront(given) : given;
  const [batch, channels, height, width] = x.dims as [number, number, number, number];
  const [scale, shift, groups] = [c.input(1), c.input(2), c.int('groups', 0)];
  for (const row of [scale, shift, bias]) expectDims(c, 'gamma, beta and bias', row, [channels]);
  const area = height * width;
  const perGroup = evenShare(c, 'channels', channels, groups) * area;
  const added = skip && skipOf(c, skip, x.dims, last);
  const channel = (i: number) => Math.floor(i / area) % channels;
  const sum = mapped(x, (element, i) => element + (added?.(i) ?? 0) + (bias?.data[channel(i)] ?? 0));
  const ones: Value = { type: 'float32', dims: [perGroup], data: new Float64Array(perGroup).fill(1) };
  const options = { axis: 2, epsilon: c.float('epsilon', 1e-5), centred: true, scale: ones };
  const [normalized] = normalize(c, { ...sum, dims: [batch, groups, perGroup] }, options);
  const swish = c.int('activation', 0) === 1;
  const y = mapped({ ...normalized!, dims: x.dims }, (element, i) => {
    const affine = element * scale.data[channel(i)]! + shift.data[channel(i)]!;
    return swish ? affine * sigmoid(affine) : affine;
  });
  return [y, sum].map((value) => (last ? channelsToBack(value) : value));
}

/** The element of a skip, an image or one vector of channels for each sample, for one of `[batch, channels, …]`. */
function skipOf(c: KernelContext, skip: Value, dims: readonly number[], last: boolean): (index: number) => number {
  const [batch, channels] = dims as [number, number];
  const inner = size(dims.slice(2));
  if (skip.data.length === batch * channels) return (i) => skip.data[Math.floor(i / inner)]!;
  expectRank(c, 'skip', skip, 4);
  const front = last ? channelsToFront(skip) : skip;
  expectDims(c, 'skip', front, dims);
  return (i) => front.data[i]!;
}

/** A row of a table for each index. Throws `REFERENCE_SHAPE` for an index outside. */
function lookUp(c: KernelContext, table: Value, index: number): Float64Array {
  const [rows, width] = table.dims as [number, number];
  if (!(index >= 0 && index < rows)) c.misfit(`indices below ${rows}`, `${index}`);
  return table.data.subarray(index * width, (index + 1) * width);
}

export const microsoftNormalization: Readonly<Record<string, Kernel>> = {
  /** x / √(mean x² + ε) · scale, and the inverse deviations. ONNX Runtime has it in ai.onnx. */
  SimplifiedLayerNormalization: (c) => {
    const x = c.input(0);
    const axis = axisOf(c.int('axis', -1), x.dims.length);
    const options = { axis, epsilon: c.float('epsilon', 1e-5), centred: false, scale: c.input(1) };
    const [y, , inverses] = normalize(c, x, options);
    return [y!, inverses!];
  },
  'com.microsoft.GroupNorm': (c) => groupNormalization(c, undefined, undefined).slice(0, 1),
  /** Outputs the result and the sum. */
  'com.microsoft.SkipGroupNorm': (c) => groupNormalization(c, c.input(3), c.optional(4)),
  /** Groups of as many elements as there are scales, normalized by their root mean square, times the activated gate. */
  'com.microsoft.GatedRMSNorm': (c) => {
    const [x, scale, gate] = [c.input(0), c.input(1), c.input(2)];
    expectRank(c, 'scale', scale, 1);
    expectDims(c, 'gate', gate, x.dims);
    const width = scale.dims[0]!;
    const groups = evenShare(c, 'last axis', x.dims.at(-1) ?? 1, width);
    const activation = c.text('activation', 'silu');
    if (!['silu', 'swish', 'sigmoid'].includes(activation)) c.refuse(`the activation "${activation}"`);
    const flat = { ...x, dims: [...x.dims.slice(0, -1), groups, width] };
    const options = { axis: x.dims.length, epsilon: c.float('epsilon', 1e-5), centred: false, scale };
    const [normalized] = normalize(c, flat, options);
    return [
      mapped({ ...normalized!, dims: x.dims }, (element, i) => {
        const open = sigmoid(gate.data[i]!);
        return element * (activation === 'sigmoid' ? open : gate.data[i]! * open);
      }),
    ];
  },
  'com.microsoft.SkipLayerNormalization': (c) => skipNormalization(c, true),
  'com.microsoft.SkipSimplifiedLayerNormalization': (c) => skipNormalization(c, false),
  /** Outputs the normalized sum of the embeddings, the number of unmasked tokens of each sample, and the sum. */
  'com.microsoft.EmbedLayerNormalization': (c) => {
    const [words, segments, wordTable, positionTable, segmentTable] = [
      c.input(0),
      c.optional(1),
      c.input(2),
      c.input(3),
      c.optional(4),
    ];
    const [mask, positions] = [c.optional(7), c.optional(8)];
    expectRank(c, 'input_ids', words, 2);
    const [batch, length] = words.dims as [number, number];
    const width = wordTable.dims[1]!;
    expectDims(c, 'word embeddings', wordTable, [undefined, width]);
    expectDims(c, 'position embeddings', positionTable, [undefined, width]);
    expectDims(c, 'segment embeddings', segmentTable, [undefined, width]);
    expectDims(c, 'segment_ids', segments, words.dims);
    expectDims(c, 'mask', mask, words.dims);
    expectDims(c, 'position_ids', positions, [positions?.dims[0] === 1 ? 1 : batch, length]);
    const dims = [batch, length, width];
    const sum = zeros(c, wordTable.type, dims).data;
    for (let token = 0; token < batch * length; token++) {
      const word = lookUp(c, wordTable, words.data[token]!);
      const at = positions ? positions.data[token % positions.data.length]! : token % length;
      const position = lookUp(c, positionTable, at);
      const segment = segments && segmentTable && lookUp(c, segmentTable, segments.data[token]!);
      for (let i = 0; i < width; i++) sum[token * width + i] = word[i]! + position[i]! + (segment?.[i] ?? 0);
    }
    const embedded: Value = { type: wordTable.type, dims, data: sum };
    const options = { axis: 2, epsilon: c.float('epsilon', 1e-12), centred: true };
    const [y] = normalize(c, embedded, { ...options, scale: c.input(5), bias: c.input(6) });
    const counts = new Float64Array(batch);
    mask?.data.forEach((kept, i) => {
      counts[Math.floor(i / length)]! += kept;
    });
    return [y!, { type: 'int32', dims: [batch], data: counts }, embedded];
  },
};
