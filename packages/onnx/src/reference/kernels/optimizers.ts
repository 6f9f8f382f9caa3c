import type { Kernel, KernelContext } from '../kernel.ts';
import { expectDims } from './expect-shape.ts';

/** What an optimizer makes of one element, its gradient and its states: the new element and the new states. */
type Step = (x: number, gradient: number, states: readonly number[]) => readonly number[];

/**
 * Inputs: learning rate, count of updates, then the tensors, their gradients and `states` lists of their states. Outputs:
 * the new tensors, then the lists of new states.
 */
const optimizer =
  (states: number, stepOf: (c: KernelContext, rate: number, count: number) => Step): Kernel =>
  (c) => {
    const step = stepOf(c, c.input(0).data[0] ?? Number.NaN, c.input(1).data[0] ?? Number.NaN);
    const each = (c.values.length - 2) / (2 + states);
    if (!Number.isInteger(each)) c.misfit(`tensors, gradients and ${states} states of each`, `${c.values.length - 2}`);
    const made = Array.from({ length: each }, (_, i) => {
      const [x, gradient, ...state] = Array.from({ length: 2 + states }, (_, k) => c.input(2 + k * each + i));
      for (const other of [gradient!, ...state]) expectDims(c, 'a gradient or state', other, x!.dims);
      const outputs = [x!, ...state].map((value) => ({ ...value, data: new Float64Array(value.data.length) }));
      for (let e = 0; e < x!.data.length; e++) {
        const next = step(
          x!.data[e]!,
          gradient!.data[e]!,
          state.map((value) => value.data[e]!),
        );
        for (const [k, output] of outputs.entries()) output.data[e] = next[k]!;
      }
      return outputs;
    });
    return Array.from({ length: 1 + states }, (_, k) => made.map((outputs) => outputs[k]!)).flat();
  };

/** The update rules of ai.onnx.preview.training (https://onnx.ai/onnx/operators). */
export const optimizers: Readonly<Record<string, Kernel>> = {
  'ai.onnx.preview.training.Adagrad': optimizer(1, (c, rate, count) => {
    const [decay, epsilon] = [c.float('decay_factor', 0), c.float('epsilon', 1e-6)];
    const regularization = c.float('norm_coefficient', 0);
    return (x, gradient, [h]) => {
      const g = regularization * x + gradient;
      const squares = h! + g * g;
      return [x - ((rate / (1 + count * decay)) * g) / (Math.sqrt(squares) + epsilon), squares];
    };
  }),
  'ai.onnx.preview.training.Adam': optimizer(2, (c, rate, count) => {
    const [alpha, beta, epsilon] = [c.float('alpha', 0.9), c.float('beta', 0.999), c.float('epsilon', 1e-6)];
    const [before, after] = [c.float('norm_coefficient', 0), c.float('norm_coefficient_post', 0)];
    const adjusted = count > 0 ? (rate * Math.sqrt(1 - beta ** count)) / (1 - alpha ** count) : rate;
    return (x, gradient, [v, h]) => {
      const g = before * x + gradient;
      const mean = alpha * v! + (1 - alpha) * g;
      const squares = beta * h! + (1 - beta) * g * g;
      return [(1 - after) * (x - (adjusted * mean) / (Math.sqrt(squares) + epsilon)), mean, squares];
    };
  }),
  'ai.onnx.preview.training.Momentum': optimizer(1, (c, rate, count) => {
    const mode = c.text('mode', 'standard');
    if (mode !== 'standard' && mode !== 'nesterov') c.refuse(`mode ${mode}`);
    const [alpha, regularization] = [c.float('alpha', 0), c.float('norm_coefficient', 0)];
    const beta = count > 0 ? c.float('beta', 1) : 1;
    return (x, gradient, [v]) => {
      const g = regularization * x + gradient;
      const velocity = alpha * v! + beta * g;
      return [x - rate * (mode === 'nesterov' ? g + alpha * velocity : velocity), velocity];
    };
  }),
};
