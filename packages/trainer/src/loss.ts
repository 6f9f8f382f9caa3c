import type { GraphBuilder } from '@slm-compress/onnx';
import { SlmError, scalar } from '@slm-compress/onnx';

/**
 * What training minimises, per example:
 *
 * - `cross-entropy` with the labels, of which `labelSmoothing` is spread evenly over all classes; `classWeights` weigh
 *   the classes, the mean being over the weights of the labels (as PyTorch's does);
 * - `distillation` (Hinton et al., 2015): hardWeight · CE(labels) +
 *   (1 − hardWeight) · T² · KL(softmax(teacher / T) ‖ softmax(student / T)).
 */
export type Loss =
  | { readonly kind: 'cross-entropy'; readonly labelSmoothing?: number; readonly classWeights?: readonly number[] }
  | { readonly kind: 'distillation'; readonly temperature: number; readonly hardWeight: number };

/** Throws `TRAIN_OPTIONS` for a parameter of the loss out of its range. */
export function checkLoss(loss: Loss): void {
  const fail = (field: string, expected: string, got: number) => {
    throw new SlmError('TRAIN_OPTIONS', `train, ${loss.kind} loss: ${field} must be ${expected}, got ${got}`);
  };
  if (loss.kind === 'cross-entropy') {
    const smoothing = loss.labelSmoothing ?? 0;
    if (!(smoothing >= 0 && smoothing < 1)) fail('labelSmoothing', 'in [0, 1)', smoothing);
    for (const weight of loss.classWeights ?? []) {
      if (!(weight > 0 && Number.isFinite(weight))) fail('classWeights', 'above 0', weight);
    }
    return;
  }
  if (!(loss.temperature > 0)) fail('temperature', 'above 0', loss.temperature);
  if (!(loss.hardWeight >= 0 && loss.hardWeight <= 1)) fail('hardWeight', 'in [0, 1]', loss.hardWeight);
}

/** How much an example of this label weighs in the mean. */
export function exampleWeight(label: number, loss: Loss): number {
  return loss.kind === 'cross-entropy' ? (loss.classWeights?.[label] ?? 1) : 1;
}

/** Distributions `[count, classes]` that the labels stand for, times the weights of the classes. */
export function targetDistributions(labels: readonly number[], classes: number, loss: Loss): Float32Array {
  const smoothing = loss.kind === 'cross-entropy' ? (loss.labelSmoothing ?? 0) : 0;
  const targets = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (const [row, label] of labels.entries()) targets[row * classes + label] = 1 - smoothing + smoothing / classes;
  const weights = loss.kind === 'cross-entropy' ? loss.classWeights : undefined;
  if (weights) for (const i of targets.keys()) targets[i]! *= weights[i % classes]!;
  return targets;
}

/**
 * Appends the loss to a graph: reads `logits` and new inputs `targets` `[batch, classes]` and, for distillation,
 * `teacher_logits` `[batch, classes]`; gives the scalar `loss`, the sum over the batch times `scale`.
 */
export function appendLoss(g: GraphBuilder, logits: string, classes: number, loss: Loss, scale: string): string {
  return g.scope('loss/', () => {
    const targets = g.input('targets', 'float32', ['batch', classes]);
    const logProbabilities = g.op('LogSoftmax', [logits], { axis: -1 });
    const agreement = g.op('ReduceSum', [g.op('Mul', [logProbabilities, targets])], { keepdims: 0 });
    let total = g.op('Neg', [agreement], {}, { name: 'cross_entropy' });
    if (loss.kind === 'distillation') {
      const teacher = g.input('teacher_logits', 'float32', ['batch', classes]);
      const temperature = g.constant('temperature', scalar(loss.temperature));
      const student = g.op('LogSoftmax', [g.op('Div', [logits, temperature])], { axis: -1 });
      const taught = g.op('LogSoftmax', [g.op('Div', [teacher, temperature])], { axis: -1 });
      const difference = g.op('Sub', [taught, student]);
      const divergence = g.op('ReduceSum', [g.op('Mul', [g.op('Exp', [taught]), difference])], { keepdims: 0 });
      const softWeight = (1 - loss.hardWeight) * loss.temperature ** 2;
      const hard = g.op('Mul', [total, g.constant('hard_weight', scalar(loss.hardWeight))]);
      total = g.op('Add', [hard, g.op('Mul', [divergence, g.constant('soft_weight', scalar(softWeight))])]);
    }
    return g.op('Mul', [total, scale], {}, { name: 'scale', outputs: ['loss'] });
  });
}
