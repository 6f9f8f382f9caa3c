import { float } from '../../builder.ts';
import type { DecomposeContext, Decomposition } from '../rule.ts';
import { activate } from './activations.ts';

/** Moves the first axis behind the other stacking axes, and swaps the last two: the transpositions of FusedMatMul. */
function turned(c: DecomposeContext, value: string, swap: boolean, batch: boolean): string {
  if (!swap && !batch) return value;
  const rank = c.rank(value);
  let perm = Array.from({ length: rank }, (_, axis) => axis);
  if (batch) perm = [...perm.slice(1, -1), 0, rank - 1];
  if (swap) perm = [...perm.slice(0, -2), perm[rank - 1]!, perm[rank - 2]!];
  return c.transpose(value, perm);
}

const fusedMatMul: Decomposition = (c) => {
  const flag = (name: string) => c.int(name, 0) === 1;
  const a = turned(c, c.x(), flag('transA'), flag('transBatchA'));
  const b = turned(c, c.x(1), flag('transB'), flag('transBatchB'));
  const alpha = c.float('alpha', 1);
  const product = c.op('MatMul', [a, b]);
  return [alpha === 1 ? product : c.op('Mul', [product, c.scalar(alpha)])];
};

/** The entries of packed `bits`-bit integers, low bits first, as bytes: `count` of them from each row of `width` bytes. */
function unpack(packed: Uint8Array, width: number, bits: number, count: number): Uint8Array {
  const rows = packed.length / width;
  const out = new Uint8Array(rows * count);
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < count; at++) {
      let value = 0;
      for (let bit = 0; bit < bits; bit++) {
        const place = at * bits + bit;
        value |= ((packed[row * width + (place >> 3)]! >> (place & 7)) & 1) << bit;
      }
      out[row * count + at] = value;
    }
  }
  return out;
}

/** Matrix products with something fused to them. */
export const linearForms: Readonly<Record<string, Decomposition>> = {
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.TransposeMatMul': fusedMatMul,
  'com.microsoft.FusedGemm': (c) => {
    const inputs = [c.x(), c.x(1), ...(c.has(2) ? [c.x(2)] : [])];
    const product = c.op('Gemm', inputs, {
      transA: c.int('transA', 0),
      transB: c.int('transB', 0),
      alpha: float(c.float('alpha', 1)),
      beta: float(c.float('beta', 1)),
    });
    const given = ['activation_alpha', 'activation_beta'].filter((name) => c.hasAttribute(name));
    return [
      activate(
        c,
        product,
        c.text('activation', ''),
        given.map((name) => c.float(name, 0)),
      ),
    ];
  },
  'com.microsoft.FusedConv': (c) => {
    const { activation: _, activation_params: parameters, ...rest } = c.node.attributes;
    const product = c.op('Conv', [c.x(), c.x(1), ...(c.has(2) ? [c.x(2)] : [])], rest);
    const sum = c.has(3) ? c.op('Add', [product, c.x(3)]) : product;
    return [activate(c, sum, c.text('activation', ''), parameters?.kind === 'floats' ? parameters.value : [])];
  },
  /** The weights are unpacked to bytes here; scales, zero points and the product stay in the graph. */
  'com.microsoft.MatMulNBits': (c) => {
    const [n, k, block, bits] = [c.int('N', 0), c.int('K', 0), c.int('block_size', 0), c.int('bits', 4)];
    if (c.int('weight_prepacked', 0) !== 0) c.refuse('prepacked weights');
    if (c.has(4)) c.refuse('a group index');
    const packed = c.valueOf(c.x(1));
    if (!(packed?.data instanceof Uint8Array)) return c.refuse('the packed weights are not a constant');
    const blocks = Math.ceil(k / block);
    const bytes = (block * bits) / 8;
    if (packed.data.length !== n * blocks * bytes)
      return c.refuse('packed weights of another size than N, K and block_size say');
    const levels = c.constant({
      type: 'uint8',
      dims: [n, blocks, block],
      data: unpack(packed.data, bytes, bits, block),
    });
    const type = c.type(c.x());
    const scales = c.reshape(c.x(2), [n, blocks, 1]);
    const centred = c.op('Sub', [c.cast(levels, type), zeroPoints(c, n, blocks, bits)]);
    const rows = c.reshape(c.op('Mul', [centred, scales]), [n, blocks * block]);
    const kept = blocks * block === k ? rows : c.op('Slice', [rows, c.vector([0]), c.vector([k]), c.vector([1])]);
    const product = c.op('MatMul', [c.x(), c.transpose(kept, [1, 0])]);
    return [c.has(5) ? c.op('Add', [product, c.x(5)]) : product];
  },
};

/** Zero points of MatMulNBits as floats that broadcast to [N, blocks, block_size]; the middle level by default. */
function zeroPoints(c: DecomposeContext, n: number, blocks: number, bits: number): string {
  if (!c.has(3)) return c.scalar(2 ** (bits - 1));
  if (c.type(c.x(3)) !== 'uint8') return c.reshape(c.x(3), [n, blocks, 1]);
  const packed = c.valueOf(c.x(3));
  if (!(packed?.data instanceof Uint8Array)) return c.refuse('the packed zero points are not a constant');
  const width = Math.ceil((blocks * bits) / 8);
  if (packed.data.length !== n * width) return c.refuse('zero points of another size than N and K say');
  const points = unpack(packed.data, width, bits, blocks);
  return c.cast(c.constant({ type: 'uint8', dims: [n, blocks, 1], data: points }), c.type(c.x()));
}
