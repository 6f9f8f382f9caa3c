import type { Kernel } from '../kernel.ts';
import { broadcastDims, broadcastOffset, fill, strides } from '../value.ts';

export const linear: Readonly<Record<string, Kernel>> = {
  MatMul: (c) => {
    const [left, right] = [c.input(0), c.input(1)];
    const a = left.dims.length === 1 ? [1, ...left.dims] : left.dims;
    const b = right.dims.length === 1 ? [...right.dims, 1] : right.dims;
    const inner = a.at(-1)!;
    if (inner !== b.at(-2)) c.refuse(`inner sizes ${inner} and ${b.at(-2)}`);
    const stack = broadcastDims([a.slice(0, -2), b.slice(0, -2)], c.where);
    const dims = [...stack, a.at(-2)!, b.at(-1)!];
    const [stepsA, stepsB] = [strides(a), strides(b)];
    const columns = b.at(-1)!;
    const product = fill(left.type, dims, (at) => {
      const position = at.slice(0, -2);
      let offsetA = broadcastOffset(a.slice(0, -2), stepsA, position) + at.at(-2)! * inner;
      let offsetB = broadcastOffset(b.slice(0, -2), stepsB, position) + at.at(-1)!;
      let sum = 0;
      for (let k = 0; k < inner; k++) {
        sum += left.data[offsetA++]! * right.data[offsetB]!;
        offsetB += columns;
      }
      return sum;
    });
    const kept = dims.filter(
      (_, axis) =>
        !(left.dims.length === 1 && axis === dims.length - 2) && !(right.dims.length === 1 && axis === dims.length - 1),
    );
    return [{ ...product, dims: kept }];
  },
  Gemm: (c) => {
    const [a, b, bias] = [c.input(0), c.input(1), c.optional(2)];
    const [transA, transB] = [c.int('transA', 0), c.int('transB', 0)];
    const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 1)];
    const [rows, inner] = transA ? [a.dims[1]!, a.dims[0]!] : [a.dims[0]!, a.dims[1]!];
    const columns = transB ? b.dims[0]! : b.dims[1]!;
    const steps = strides(bias?.dims ?? []);
    return [
      fill(a.type, [rows, columns], (at) => {
        const [i, j] = [at[0]!, at[1]!];
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum += a.data[transA ? k * rows + i : i * inner + k]! * b.data[transB ? j * inner + k : k * columns + j]!;
        }
        const added = bias ? beta * bias.data[broadcastOffset(bias.dims, steps, at)]! : 0;
        return alpha * sum + added;
      }),
    ];
  },
};
