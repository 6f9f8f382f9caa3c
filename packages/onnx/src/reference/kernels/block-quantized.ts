import type { Kernel, KernelContext } from '../kernel.ts';
import { checkedAxis } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size, strides } from '../value.ts';
import { apply } from './compose.ts';
import { expectDims } from './expect-shape.ts';
import { linear } from './linear.ts';
import { mapped } from './unary.ts';
import { zeros } from './zeros.ts';

/** Field `index` of a row of bytes that holds fields of `bits` each, the first in the lowest bits. */
function field(bytes: Float64Array, row: number, width: number, index: number, bits: number): number {
  const at = index * bits;
  const byte = bytes[row * width + Math.floor(at / 8)]!;
  return (byte >> (at % 8)) & (2 ** bits - 1);
}

function bitsOf(c: KernelContext): number {
  const bits = c.int('bits', 4);
  return [2, 4, 8].includes(bits) ? bits : c.refuse(`${bits} bits`);
}

/** The matrix `[K, N]` that MatMulNBits multiplies by: `(field − zero) · scale`, per block of K. */
function unpackedWeights(c: KernelContext): Value {
  const [packed, scales, zeros] = [c.input(1), c.input(2), c.optional(3)];
  const [bits, inner, columns, block] = [bitsOf(c), c.int('K', 0), c.int('N', 0), c.int('block_size', 0)];
  if (!(inner > 0 && columns > 0 && block >= 16))
    c.misfit('K, N and a block_size of at least 16', `${inner}, ${columns}, ${block}`);
  if (c.optional(4) || c.int('weight_prepacked', 0)) c.refuse('g_idx or prepacked weights');
  const blocks = Math.ceil(inner / block);
  const blockBytes = (block * bits) / 8;
  expectDims(c, 'B', packed, [columns, blocks, blockBytes]);
  if (scales.data.length !== columns * blocks) c.misfit(`scales [${columns},${blocks}]`, `[${scales.dims}]`);
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const packedZeros = zeros?.type === 'uint8';
  const zeroCount = columns * (packedZeros ? zeroBytes : blocks);
  if (zeros && zeros.data.length !== zeroCount) c.misfit(`${zeroCount} zero points`, `[${zeros.dims}]`);

  const data = new Float64Array(inner * columns);
  for (let n = 0; n < columns; n++) {
    for (let b = 0; b < blocks; b++) {
      const at = n * blocks + b;
      const given = zeros && (packedZeros ? field(zeros.data, n, zeroBytes, b, bits) : zeros.data[at]!);
      const zero = given ?? 2 ** (bits - 1);
      for (let k = b * block; k < Math.min((b + 1) * block, inner); k++)
        data[k * columns + n] = (field(packed.data, at, blockBytes, k - b * block, bits) - zero) * scales.data[at]!;
    }
  }
  return { type: scales.type, dims: [inner, columns], data };
}

/** uint8 data with an element per field of `bits`, packed along the last axis; other data as it is. */
export function unpackedFields(x: Value, bits: number): Value {
  if (x.type !== 'uint8' || bits === 8) return x;
  const [width, fields] = [x.dims.at(-1) ?? 1, 8 / bits];
  const data = new Float64Array(x.data.length * fields);
  for (let i = 0; i < data.length; i++)
    data[i] = field(x.data, Math.floor(i / (width * fields)), width, i % (width * fields), bits);
  return { ...x, dims: [...x.dims.slice(0, -1), width * fields], data };
}

/** The 16 values of the two 4-bit types of bitsandbytes (https://arxiv.org/abs/2305.14314), by code. */
const fourBitFloats: readonly (readonly number[])[] = [
  [0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4, -0, -1 / 192, -2 / 3, -1, -1 / 3, -1 / 2, -1 / 6, -1 / 4],
  [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
  ],
];

export const blockQuantized: Readonly<Record<string, Kernel>> = {
  /** B is `[N, K]` flattened, two codes a byte with the first in the high bits, scaled per `block_size` elements. */
  'com.microsoft.MatMulBnb4': (c) => {
    const [x, packed, scales] = [c.input(0), c.input(1), c.input(2)];
    const [rows, inner, block] = [c.int('N', 0), c.int('K', 0), c.int('block_size', 0)];
    if (!(rows > 0 && inner > 0 && block >= 16))
      c.misfit('N, K and a block_size of at least 16', `${rows}, ${inner}, ${block}`);
    const count = rows * inner;
    expectDims(c, 'B', packed, [Math.ceil(count / 2)]);
    expectDims(c, 'absmax', scales, [Math.ceil(count / block)]);
    const values = fourBitFloats[c.int('quant_type', 1)] ?? c.refuse(`the quant_type ${c.int('quant_type', 1)}`);
    if (c.int('transB', 1) === 0) c.refuse('transB 0');
    const data = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const code = (packed.data[i >> 1]! >> (i % 2 === 0 ? 4 : 0)) & 15;
      data[(i % inner) * rows + Math.floor(i / inner)] = values[code]! * scales.data[Math.floor(i / block)]!;
    }
    const weights = { type: x.type, dims: [inner, rows], data };
    return [apply(c, linear.MatMul!, [x, weights], 17)];
  },
  'com.microsoft.MatMulNBits': (c) => {
    const [x, weights, bias] = [c.input(0), unpackedWeights(c), c.optional(5)];
    const columns = weights.dims[1]!;
    expectDims(c, 'bias', bias, [columns]);
    const product = apply(c, linear.MatMul!, [x, weights], 17);
    return [bias ? mapped(product, (element, i) => element + bias.data[i % columns]!) : product];
  },
  /** Rows of a table stored in blocks; an index outside gives zeros, negative ones count from the end. */
  'com.microsoft.GatherBlockQuantized': (c) => {
    const [table, indices, scales, zeroPoints] = [c.input(0), c.input(1), c.input(2), c.optional(3)];
    if (!/^u?int[48]$/.test(table.type)) c.refuse(`data of type ${table.type}`);
    const [bits, block] = [bitsOf(c), c.int('block_size', 128)];
    const data = unpackedFields(table, bits);
    const rank = data.dims.length;
    const gatherAxis = checkedAxis(c, c.int('gather_axis', 0), rank);
    const axis = checkedAxis(c, c.int('quantize_axis', 1), rank);
    if (!(block >= 16)) c.misfit('a block_size of at least 16', `${block}`);
    if (table.type === 'uint8' && bits < 8 && gatherAxis === rank - 1) c.refuse('rows gathered from packed columns');
    const scaleDims = data.dims.map((dim, i) => (i === axis ? Math.ceil(dim / block) : dim));
    expectDims(c, 'scales', scales, scaleDims);
    const points = zeroPoints && unpackedZeros(c, zeroPoints, scaleDims, bits);
    const zero = table.type === 'uint8' ? 2 ** (bits - 1) : 0;

    const [from, steps] = [strides(data.dims), strides(scaleDims)];
    const dims = [...data.dims.slice(0, gatherAxis), ...indices.dims, ...data.dims.slice(gatherAxis + 1)];
    const inner = size(data.dims.slice(gatherAxis + 1));
    const rows = data.dims[gatherAxis]!;
    const out = zeros(c, scales.type, dims).data;
    for (let i = 0; i < out.length; i++) {
      const index = indices.data[Math.floor(i / inner) % indices.data.length]!;
      const row = index < 0 ? index + rows : index;
      if (!(row >= 0 && row < rows)) continue;
      const outer = Math.floor(i / (inner * indices.data.length));
      const element = (outer * rows + row) * inner + (i % inner);
      let scaleAt = 0;
      for (let d = 0; d < rank; d++) {
        const at = Math.floor(element / from[d]!) % data.dims[d]!;
        scaleAt += (d === axis ? Math.floor(at / block) : at) * steps[d]!;
      }
      out[i] = (data.data[element]! - (points?.[scaleAt] ?? zero)) * scales.data[scaleAt]!;
    }
    return [{ type: scales.type, dims, data: out }];
  },
};

/** One zero point per scale; packed ones have rows that end in unused fields. */
function unpackedZeros(c: KernelContext, x: Value, dims: readonly number[], bits: number): Float64Array {
  if (x.type !== 'uint8' || bits === 8) {
    expectDims(c, 'zero points', x, dims);
    return x.data;
  }
  const width = dims.at(-1)!;
  const bytes = Math.ceil((width * bits) / 8);
  expectDims(c, 'zero points', x, [...dims.slice(0, -1), bytes]);
  return Float64Array.from({ length: size(dims) }, (_, i) =>
    field(x.data, Math.floor(i / width), bytes, i % width, bits),
  );
}
