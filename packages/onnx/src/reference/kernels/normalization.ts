import type { Kernel } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import { broadcastOffset, size, strides } from '../value.ts';

/** Applies `row` to the elements along one axis, for every line. */
const alongAxis =
  (row: (elements: number[]) => number[]): Kernel =>
  (c) => {
    const x = c.input(0);
    const axis = axisOf(c.int('axis', -1), x.dims.length);
    const step = strides(x.dims)[axis]!;
    const length = x.dims[axis]!;
    const data = new Float64Array(x.data.length);
    for (let start = 0; start < data.length; start++) {
      if (Math.floor(start / step) % length !== 0) continue;
      const line = row(Array.from({ length }, (_, i) => x.data[start + i * step]!));
      for (const [i, element] of line.entries()) data[start + i * step] = element;
    }
    return [{ type: x.type, dims: x.dims, data }];
  };

/** ln Σ exp, with −∞ for a line of −∞. */
function logSumExp(elements: readonly number[]): number {
  const top = elements.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return top + Math.log(elements.reduce((sum, element) => sum + Math.exp(element - top), 0));
}

export const normalization: Readonly<Record<string, Kernel>> = {
  Softmax: alongAxis((elements) => {
    const total = logSumExp(elements);
    return elements.map((element) => Math.exp(element - total));
  }),
  LogSoftmax: alongAxis((elements) => {
    const total = logSumExp(elements);
    return elements.map((element) => element - total);
  }),
  /** Outputs Y, the means and the inverse standard deviations. */
  LayerNormalization: (c) => {
    const [x, scale, bias] = [c.input(0), c.input(1), c.optional(2)];
    const axis = axisOf(c.int('axis', -1), x.dims.length);
    const epsilon = c.float('epsilon', 1e-5);
    const normalized = x.dims.slice(axis);
    const width = size(normalized);
    const rows = x.data.length / width;
    const y = new Float64Array(x.data.length);
    const [means, inverses] = [new Float64Array(rows), new Float64Array(rows)];
    const steps = strides(normalized);
    const [scaleSteps, biasSteps] = [strides(scale.dims), strides(bias?.dims ?? [])];
    for (let row = 0; row < rows; row++) {
      const elements = x.data.subarray(row * width, (row + 1) * width);
      const mean = elements.reduce((sum, element) => sum + element, 0) / width;
      const variance = elements.reduce((sum, element) => sum + (element - mean) ** 2, 0) / width;
      means[row] = mean;
      inverses[row] = 1 / Math.sqrt(variance + epsilon);
      for (let i = 0; i < width; i++) {
        const at = normalized.map((dim, k) => Math.floor(i / steps[k]!) % dim);
        const shift = bias ? bias.data[broadcastOffset(bias.dims, biasSteps, at)]! : 0;
        const factor = scale.data[broadcastOffset(scale.dims, scaleSteps, at)]!;
        y[row * width + i] = (elements[i]! - mean) * inverses[row]! * factor + shift;
      }
    }
    const dims = x.dims.map((dim, at) => (at < axis ? dim : 1));
    const type = x.type;
    return [
      { type, dims: x.dims, data: y },
      { type, dims, data: means },
      { type, dims, data: inverses },
    ];
  },
};
