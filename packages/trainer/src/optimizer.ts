import { SlmError } from '@slm-compress/onnx';
import type { Kernels } from './kernels.ts';

/**
 * How gradients change weights:
 *
 * - `adamw`: Adam with decoupled weight decay (Loshchilov and Hutter, 2019);
 * - `adam`: Adam (Kingma and Ba, 2015); weight decay is added to the gradient;
 * - `sgd`: gradient descent with momentum, 0 by default; weight decay is added to the gradient.
 *
 * The order of operations is that of PyTorch's single-tensor forms.
 */
export type Optimizer =
  | {
      readonly kind: 'adamw' | 'adam';
      /** 0.9, 0.999 and 1e-8 by default. */
      readonly beta1?: number;
      readonly beta2?: number;
      readonly epsilon?: number;
    }
  | { readonly kind: 'sgd'; readonly momentum?: number; readonly nesterov?: boolean };

/** A range of the flat state, as byte offsets into the kernels' memory; `count` floats. */
export interface UpdateRange {
  readonly weights: number;
  readonly gradients: number;
  readonly moments: readonly number[];
  readonly count: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** An optimizer with its defaults filled in. */
export interface ResolvedOptimizer {
  /** Names of the arrays of the weights' size that it keeps. */
  readonly moments: readonly string[];
  /** One step, `count` from 1; gradients are multiplied by `gradientScale` first, and may be overwritten. */
  update(kernels: Kernels, range: UpdateRange, count: number, gradientScale: number): void;
}

/** Fills in the defaults; throws `TRAIN_OPTIONS` for a value out of its range. */
export function resolveOptimizer(optimizer: Optimizer): ResolvedOptimizer {
  const check = (field: string, value: number, expected: string, fits: boolean) => {
    if (fits) return;
    throw new SlmError(
      'TRAIN_OPTIONS',
      `train, optimizer ${optimizer.kind}: ${field} must be ${expected}, got ${value}`,
    );
  };
  if (optimizer.kind === 'sgd') {
    const { momentum = 0, nesterov = false } = optimizer;
    check('momentum', momentum, 'in [0, 1)', momentum >= 0 && momentum < 1);
    check('momentum', momentum, 'above 0 with nesterov', !nesterov || momentum > 0);
    return {
      moments: ['momentum'],
      update(kernels, range, _count, gradientScale) {
        decayIntoGradient(kernels, range, gradientScale);
        const { weights, gradients, moments, count, learningRate } = range;
        kernels.sgd(weights, gradients, moments[0]!, count, learningRate, momentum, nesterov ? 1 : 0);
      },
    };
  }
  if (optimizer.kind !== 'adamw' && optimizer.kind !== 'adam') {
    const got = String((optimizer as { readonly kind: unknown }).kind);
    throw new SlmError('TRAIN_OPTIONS', `train: optimizer must be adamw, adam or sgd, got ${got}`);
  }
  const { kind, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = optimizer;
  check('beta1', beta1, 'in [0, 1)', beta1 >= 0 && beta1 < 1);
  check('beta2', beta2, 'in [0, 1)', beta2 >= 0 && beta2 < 1);
  check('epsilon', epsilon, 'above 0', epsilon > 0 && Number.isFinite(epsilon));
  return {
    moments: ['mean', 'variance'],
    update(kernels, range, count, gradientScale) {
      const coupled = kind === 'adam' && range.weightDecay !== 0;
      if (coupled) decayIntoGradient(kernels, range, gradientScale);
      kernels.adamw(
        range.weights,
        range.gradients,
        range.moments[0]!,
        range.moments[1]!,
        range.count,
        range.learningRate,
        beta1,
        beta2,
        epsilon,
        kind === 'adamw' ? range.weightDecay : 0,
        1 - beta1 ** count,
        1 - beta2 ** count,
        coupled ? 1 : gradientScale,
      );
    },
  };
}

function decayIntoGradient(kernels: Kernels, range: UpdateRange, gradientScale: number): void {
  kernels.scale(range.gradients, range.count, gradientScale);
  if (range.weightDecay !== 0) kernels.axpy(range.gradients, range.weights, range.count, range.weightDecay);
}
